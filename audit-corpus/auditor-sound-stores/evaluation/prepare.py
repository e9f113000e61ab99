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


with open(os.path.join(args.data, "sales.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
days = sorted(set(r["date"] for r in rows))
at = {(r["date"], r["store"]): i for i, r in enumerate(rows)}
n = len(days)
features = ["store", "promotion", "sold_7_weeks_ago", "sold_8_weeks_ago", "mean_week"]
members = {}
for name, a, b in (("train", 0.51, 0.72), ("search", 0.72, 0.82), ("select", 0.82, 0.91), ("sealed", 0.91, 1.0)):
    members[name] = []
    for d in range(int(a * n), int(b * n)):
        for store in ("store-0", "store-1", "store-2", "store-3"):
            past = [int(rows[at[days[d - k], store]]["sold"]) for k in range(49, 56)]
            i = at[days[d], store]
            members[name].append(("%s/%s" % (store, days[d]), i,
                                  [store, rows[i]["promotion"], past[0], past[6], "%.3f" % (sum(past) / 7)],
                                  rows[i]["sold"]))
save_all(members, features, "sold")
