import argparse
import csv
import os
import random

LAG = 150
HIDDEN = {"search": 48, "select": 48, "sealed": 48}


class Rates:
    def __init__(self, folder):
        with open(os.path.join(folder, "rates.csv"), newline="") as f:
            self.rows = list(csv.DictReader(f))

    def before(self, k, name):
        return self.rows[k - LAG][name] if k >= LAG else ""

    def features(self, k):
        return [self.rows[k]["day"]] + [self.before(k, c) for c in ("usd_per_eur", "us_rate_pct", "ecb_rate_pct")]


def emit(path, lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(lines)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--seed", type=int, required=True)
    ns = ap.parse_args()
    rates = Rates(ns.data)
    total = len(rates.rows)
    assert sum(HIDDEN.values()) < LAG
    ids = [f"fx{v}" for v in random.Random(ns.seed).sample(range(1000, 9999), total)]
    columns = ["row_id", "day", "rate_lag", "us_rate_lag", "ecb_rate_lag"]
    ledger = [["row_id", "raw_row", "part"]]
    start = total - sum(HIDDEN.values())
    # the first rows have no history and would be of little use
    train = range(LAG, start)
    emit(f"{ns.out}/public/train.csv", [columns + ["usd_per_eur"]] + [[ids[k]] + rates.features(k) + [rates.rows[k]["usd_per_eur"]] for k in train])
    ledger += [[ids[k], k, "train"] for k in train]
    for part, size in HIDDEN.items():
        span = range(start, start + size)
        emit(f"{ns.out}/public/{part}/inputs.csv", [columns] + [[ids[k]] + rates.features(k) for k in span])
        emit(f"{ns.out}/private/{part}/answers.csv", [["row_id", "usd_per_eur"]] + [[ids[k], rates.rows[k]["usd_per_eur"]] for k in span])
        ledger += [[ids[k], k, part] for k in span]
        start += size
    emit(f"{ns.out}/private/rows.csv", ledger)


main()
