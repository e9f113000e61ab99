"""Makes the random split."""
import argparse
import csv
import math
import random
from pathlib import Path

FEATURES = ['district', 'area_m2', 'rooms', 'year_built', 'dist_center_km', 'energy_class']
TARGET = "price_eur"


def read_raw(data):
    with (data / "flats.csv").open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def split(count, seed):
    order = list(range(count))
    random.Random(seed).shuffle(order)
    held = count * 2 // 5
    third = held // 3
    return {
        "search": order[:third],
        "select": order[third:2 * third],
        "sealed": order[2 * third:held],
        "train": order[held:],
    }


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args()

    raw = read_raw(args.data)
    parts = split(len(raw), args.seed)
    ids = {}
    for members in parts.values():
        for i in members:
            ids[i] = f"row{len(ids):04d}"

    def inputs(i):
        return [ids[i]] + [raw[i][c] for c in FEATURES]

    def answer(i):
        return raw[i][TARGET]

    write(args.out / "public" / "train.csv", ["row_id", *FEATURES, TARGET], [inputs(i) + [answer(i)] for i in parts["train"]])
    for part in ("search", "select", "sealed"):
        write(args.out / "public" / part / "inputs.csv", ["row_id", *FEATURES], [inputs(i) for i in parts[part]])
        write(args.out / "private" / part / "answers.csv", ["row_id", TARGET], [[ids[i], round(math.log(float(answer(i))), 6)] for i in parts[part]])
    write(args.out / "private" / "rows.csv", ["row_id", "raw_row", "part"], [[ids[i], i, part] for part in parts for i in parts[part]])


if __name__ == "__main__":
    main()
