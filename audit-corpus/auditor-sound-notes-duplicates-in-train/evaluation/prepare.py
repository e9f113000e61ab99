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


with open(os.path.join(args.data, "labels.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
texts = []
for r in rows:
    with open(os.path.join(args.data, "notes", r["file"]), encoding="utf-8") as file:
        texts.append(file.read().strip())
rng = random.Random(args.seed)
copies = {}
for i, text in enumerate(texts):
    copies.setdefault(text, []).append(i)
single = [group[0] for group in copies.values() if len(group) == 1]
several = [i for group in copies.values() if len(group) > 1 for i in group]
rng.shuffle(single)
n = len(single)
members = {"train": several + single[:int(0.5 * n)], "search": single[int(0.5 * n):int(0.68 * n)],
           "select": single[int(0.68 * n):int(0.84 * n)], "sealed": single[int(0.84 * n):]}
rng.shuffle(members["train"])
features = ["text"]


def values(i):
    return [texts[i]]


ids = list(range(len(rows)))
rng.shuffle(ids)
save_all({name: [("note%03d" % ids[i], rows[i]["file"], values(i), rows[i]["mood"]) for i in part]
          for name, part in members.items()}, features, "mood")
