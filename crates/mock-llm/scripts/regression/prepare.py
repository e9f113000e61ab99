"""Splits the beds into parts; features stay as they were measured."""

import argparse
import csv
import pathlib
import random

NUMBERS = ["light_h", "water_l", "feed_g", "warmth_c"]
TARGET = "yield_kg"
SHARES = [("train", 0.6), ("search", 0.15), ("select", 0.12), ("sealed", 0.13)]

parser = argparse.ArgumentParser()
parser.add_argument("--data", type=pathlib.Path, required=True)
parser.add_argument("--out", type=pathlib.Path, required=True)
parser.add_argument("--seed", type=int, required=True)
options = parser.parse_args()


def write(name, header, rows):
    path = options.out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


with open(options.data / "greenhouse.csv", newline="", encoding="utf-8") as file:
    beds = list(csv.DictReader(file))

chance = random.Random(options.seed)
order = list(range(len(beds)))
chance.shuffle(order)
names = [f"row{number:04}" for number in range(len(beds))]
chance.shuffle(names)

def features(bed):
    return [bed[column] for column in NUMBERS] + [bed["soil"]]


columns = NUMBERS + ["soil"]
listed = []
start = 0
for place, (part, share) in enumerate(SHARES):
    end = len(order) if place + 1 == len(SHARES) else start + int(share * len(order))
    rows = order[start:end]
    start = end
    listed += [(names[row], row, part) for row in rows]
    if part == "train":
        write("public/train.csv", ["row_id", *columns, TARGET],
              [[names[row], *features(beds[row]), beds[row][TARGET]] for row in rows])
        continue
    write(f"public/{part}/inputs.csv", ["row_id", *columns],
          [[names[row], *features(beds[row])] for row in rows])
    write(f"private/{part}/answers.csv", ["row_id", TARGET],
          [[names[row], beds[row][TARGET]] for row in rows])
write("private/rows.csv", ["row_id", "raw_row", "part"], listed)
