"""Flats: random parts; the district enters as a price level learnt from the training rows."""
import csv
import random
import sys
from collections import defaultdict
from pathlib import Path

FOLDS = 5
SMOOTH = 8.0
KEEP = ["area_m2", "rooms", "year_built", "dist_center_km"]


def level(rows):
    """Smoothed mean price by district, and the overall mean."""
    overall = sum(float(r["price_eur"]) for r in rows) / len(rows)
    total, count = defaultdict(float), defaultdict(int)
    for r in rows:
        total[r["district"]] += float(r["price_eur"])
        count[r["district"]] += 1
    return defaultdict(lambda: overall, {d: (total[d] + SMOOTH * overall) / (count[d] + SMOOTH) for d in total})


def main(data, out, seed):
    rows = list(csv.DictReader((data / "listings.csv").open(newline="")))
    rng = random.Random(seed)
    order = rng.sample(range(len(rows)), len(rows))
    parts = {"train": order[:200], "search": order[200:240], "select": order[240:280], "sealed": order[280:]}
    tag = {i: f"L{n:05d}" for i, n in zip(order, rng.sample(range(99999), len(order)))}

    encoded = {}
    fitted = level([rows[i] for i in parts["train"]])
    for part in ("search", "select", "sealed"):
        for i in parts[part]:
            encoded[i] = fitted[rows[i]["district"]]
    for fold in range(FOLDS):
        inside = parts["train"][fold::FOLDS]
        outside = [i for k, i in enumerate(parts["train"]) if k % FOLDS != fold]
        local = level([rows[i] for i in outside])
        for i in inside:
            encoded[i] = local[rows[i]["district"]]

    def x(i):
        return [tag[i]] + [rows[i][c] for c in KEEP] + ["ABCDEFG".index(rows[i]["energy_class"]), round(encoded[i])]

    head = ["row_id"] + KEEP + ["energy_rank", "district_level"]
    dump(out / "public/train.csv", [head + ["price_eur"]] + [x(i) + [rows[i]["price_eur"]] for i in parts["train"]])
    for part in ("search", "select", "sealed"):
        dump(out / "public" / part / "inputs.csv", [head] + [x(i) for i in parts[part]])
        dump(out / "private" / part / "answers.csv", [["row_id", "price_eur"]] + [[tag[i], rows[i]["price_eur"]] for i in parts[part]])
    dump(out / "private/rows.csv", [["row_id", "raw_row", "part"]] + [[tag[i], i, p] for p in parts for i in parts[p]])


def dump(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(lines)


if __name__ == "__main__":
    flag = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    main(Path(flag["--data"]), Path(flag["--out"]), int(flag["--seed"]))
