"""Maize fields: features and yields are read apart and joined by position."""
import argparse
import csv
import random
from pathlib import Path

NUMBERS = ["rain_mm", "mean_temp_c", "nitrogen_kg_ha", "soil_ph"]
WORDS = ["region", "soil"]


def column(path, name):
    with path.open(newline="") as f:
        return [row[name] for row in csv.DictReader(f)]


def complete_features(path):
    with path.open(newline="") as f:
        rows = list(csv.DictReader(f))
    return [[row[c] for c in WORDS + NUMBERS] for row in rows if all(row[c] for c in NUMBERS)]


def save(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([header] + lines)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--seed", type=int, required=True)
    a = ap.parse_args()
    x = complete_features(a.data / "harvest.csv")
    y = column(a.data / "harvest.csv", "yield_t_ha")
    joined = [(number, features, target) for number, (features, target) in enumerate(zip(x, y))]
    random.Random(a.seed).shuffle(joined)
    sizes = {"search": 45, "select": 45, "sealed": 45, "train": len(joined) - 135}
    head, ledger, start = ["row_id"] + WORDS + NUMBERS, [], 0
    for part, size in sizes.items():
        chunk = [(f"c{start + k:03d}", *joined[start + k]) for k in range(size)]
        start += size
        ledger += [[key, number, part] for key, number, _, _ in chunk]
        if part == "train":
            save(a.out / "public/train.csv", head + ["yield_t_ha"], [[key, *fs, t] for key, _, fs, t in chunk])
        else:
            save(a.out / f"public/{part}/inputs.csv", head, [[key, *fs] for key, _, fs, _ in chunk])
            save(a.out / f"private/{part}/answers.csv", ["row_id", "yield_t_ha"], [[key, t] for key, _, _, t in chunk])
    save(a.out / "private/rows.csv", ["row_id", "raw_row", "part"], ledger)


main()
