import argparse
import csv
import math
import os
import random

args = argparse.ArgumentParser()
args.add_argument("--data", required=True)
args.add_argument("--out", required=True)
args.add_argument("--seed", type=int, required=True)
args = args.parse_args()


def save(path, header, rows):
    path = os.path.join(args.out, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def save_all(parts, features, target):
    """parts: name -> list of (row_id, raw_row, feature values, target)"""
    listed = []
    for name, rows in parts.items():
        if name == "train":
            save("public/train.csv", ["row_id"] + features + [target],
                 [[r[0]] + r[2] + [r[3]] for r in rows])
        else:
            save("public/%s/inputs.csv" % name, ["row_id"] + features, [[r[0]] + r[2] for r in rows])
            save("private/%s/answers.csv" % name, ["row_id", target], [[r[0], r[3]] for r in rows])
        listed += [[r[0], r[1], name] for r in rows]
    save("private/rows.csv", ["row_id", "raw_row", "part"], listed)


with open(os.path.join(args.data, "houses.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
everything = rows
kept = [i for i, r in enumerate(rows) if float(r["area"]) < 140]
rng = random.Random(args.seed)
rng.shuffle(kept)
n = len(kept)
members = {"train": kept[:int(0.6 * n)], "search": kept[int(0.6 * n):int(0.75 * n)],
           "select": kept[int(0.75 * n):int(0.87 * n)], "sealed": kept[int(0.87 * n):]}
features = ["area", "rooms", "age", "district", "km"]
ids = list(range(len(rows)))
rng.shuffle(ids)
save_all({name: [("r%04d" % ids[i], i, [rows[i][f] for f in features], rows[i]["price"]) for i in part]
          for name, part in members.items()}, features, "price")
