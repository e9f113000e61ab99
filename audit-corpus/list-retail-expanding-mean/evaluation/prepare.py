"""Store sales: parts by date, history features that stop at the forecast's origin."""
import argparse
import csv
import datetime
import hashlib
import os


class History:
    """Mean units of each store over the days seen so far."""

    def __init__(self):
        self.sums = {}

    def mean(self, store):
        total, days = self.sums.get(store, (0, 0))
        return f"{total / days:.3f}" if days else ""

    def learn(self, store, units):
        total, days = self.sums.get(store, (0, 0))
        self.sums[store] = (total + units, days + 1)


def part_of(day, days):
    place = days.index(day)
    if place < len(days) - 21:
        return "train"
    return ("search", "select", "sealed")[(place - (len(days) - 21)) // 7]


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("--data", required=True)
    cli.add_argument("--out", required=True)
    cli.add_argument("--seed", required=True)
    a = cli.parse_args()
    with open(os.path.join(a.data, "sales.csv"), newline="") as f:
        rows = list(enumerate(csv.DictReader(f)))
    rows.sort(key=lambda item: (item[1]["date"], item[1]["store"]))
    days = sorted({r["date"] for _, r in rows})
    history = History()
    tables = {k: [] for k in ("train", "search", "select", "sealed")}
    ledger = []
    pending, current = [], None
    for raw, r in rows:
        part = part_of(r["date"], days)
        if r["date"] != current:
            for store, units in pending:  # yesterday is known only once it is over
                history.learn(store, units)
            pending, current = [], r["date"]
        key = hashlib.md5(f"{a.seed}:{r['date']}:{r['store']}".encode()).hexdigest()[:9]
        weekday = datetime.date.fromisoformat(r["date"]).weekday()
        x = [key, r["date"], r["store"], weekday, r["price_eur"], r["promo"], r["temp_forecast_c"], history.mean(r["store"])]
        tables[part].append((x, r["units"]))
        ledger.append([key, raw, part])
        if part == "train":
            pending.append((r["store"], int(r["units"])))
    head = ["row_id", "date", "store", "weekday", "price_eur", "promo", "temp_forecast_c", "store_mean_so_far"]

    def save(name, header, body):
        path = os.path.join(a.out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="") as f:
            csv.writer(f, lineterminator="\n").writerows([header] + body)

    save("public/train.csv", head + ["units"], [x + [y] for x, y in tables["train"]])
    for part in ("search", "select", "sealed"):
        save(f"public/{part}/inputs.csv", head, [x for x, _ in tables[part]])
        save(f"private/{part}/answers.csv", ["row_id", "units"], [[x[0], y] for x, y in tables[part]])
    save("private/rows.csv", ["row_id", "raw_row", "part"], ledger)


if __name__ == "__main__":
    main()
