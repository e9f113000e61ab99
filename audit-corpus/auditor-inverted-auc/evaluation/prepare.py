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


with open(os.path.join(args.data, "visits.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
rng = random.Random(args.seed)
patients = sorted(set(r["patient"] for r in rows))
rng.shuffle(patients)
n = len(patients)
members = {}
for name, a, b in (("train", 0, 0.55), ("search", 0.55, 0.7), ("select", 0.7, 0.85), ("sealed", 0.85, 1.0)):
    mine = set(patients[int(a * n):int(b * n)])
    members[name] = [i for i, r in enumerate(rows) if r["patient"] in mine]
    rng.shuffle(members[name])
features = ["temperature", "pulse", "marker"]
ids = list(range(len(rows)))
rng.shuffle(ids)
save_all({name: [("v%03d" % ids[i], i, [rows[i][f] for f in features], rows[i]["flare"]) for i in part]
          for name, part in members.items()}, features, "flare")
