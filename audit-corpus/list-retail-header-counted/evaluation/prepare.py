"""Consecutive parts: the past is the training part, the last fifths are held back."""
import argparse
import csv
import random
from pathlib import Path

TIME, TARGET = "date", "units"
FEATURES = ['date', 'store', 'price_eur', 'promo', 'temp_forecast_c']
SHARES = {"train": 0.6, "search": 0.74, "select": 0.87, "sealed": 1.0}


def load(data):
    with (data / "till.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    for number, row in enumerate(rows):
        row["raw_row"] = number
    rows.sort(key=lambda row: row[TIME])
    return rows


def label_parts(rows):
    times = sorted({row[TIME] for row in rows})
    place = {when: k / len(times) for k, when in enumerate(times)}
    for row in rows:
        row["part"] = next(part for part, end in SHARES.items() if place[row[TIME]] < end)


def name_rows(rows, seed):
    for row, number in zip(rows, random.Random(seed).sample(range(100_000), len(rows))):
        row["row_id"] = f"t{number:05d}"


def save(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(columns)
        for row in rows:
            out.writerow([row[c] for c in columns])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--seed", type=int, required=True)
    args = ap.parse_args()
    rows = load(args.data)
    label_parts(rows)
    name_rows(rows, args.seed)
    chosen = lambda part: [row for row in rows if row["part"] == part]
    save(args.out / "public/train.csv", ["row_id", *FEATURES, TARGET], chosen("train"))
    for part in ("search", "select", "sealed"):
        save(args.out / f"public/{part}/inputs.csv", ["row_id", *FEATURES], chosen(part))
        save(args.out / f"private/{part}/answers.csv", ["row_id", TARGET], chosen(part))
    save(args.out / "private/rows.csv", ["row_id", "raw_row", "part"], rows)


main()
