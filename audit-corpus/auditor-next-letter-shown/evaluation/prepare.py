import argparse
import csv
import os
import random
from collections import Counter

args = argparse.ArgumentParser()
args.add_argument("--data", required=True)
args.add_argument("--out", required=True)
args.add_argument("--seed", type=int, required=True)
args = args.parse_args()

SHOWN = 40
APART = 20


def save(path, header, rows):
    path = os.path.join(args.out, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


folder = os.path.join(args.data, "letters")
names = sorted(os.listdir(folder))
rng = random.Random(args.seed)
rng.shuffle(names)
texts = {}
for name in names:
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
        texts[name] = file.read()
bounds = {"train": (0, 9), "search": (9, 12), "select": (12, 15), "sealed": (15, 18)}
common = Counter("".join(texts[name] for name in names[:9])).most_common(22)
classes = {letter: "letter%d" % ord(letter) for letter, _ in common}
places = []
for part, (a, b) in bounds.items():
    for name in names[a:b]:
        step = 7 if part == "train" else APART
        places += [(part, name, at) for at in range(SHOWN + rng.randrange(step), len(texts[name]), step)]
rng.shuffle(places)
made = {part: [] for part in bounds}
listed = []
for n, (part, name, at) in enumerate(places):
    row = ["place%05d" % n, texts[name][at - SHOWN : at], classes.get(texts[name][at], "rare")]
    made[part].append(row)
    listed.append([row[0], "%s:%d" % (name, at), part])
for part, rows in made.items():
    if part == "train":
        save("public/train.csv", ["row_id", "before", "letter"], rows)
    else:
        save("public/%s/inputs.csv" % part, ["row_id", "before"], [row[:2] for row in rows])
        save("private/%s/answers.csv" % part, ["row_id", "letter"], [[row[0], row[2]] for row in rows])
save("private/rows.csv", ["row_id", "raw_row", "part"], listed)
