import argparse
import csv
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


letters = []
for place in ["desert", "polar"]:
    folder = os.path.join(args.data, "letters", place)
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            letters.append((file.read(), place, place + "/" + name))
letters.sort()
random.Random(args.seed).shuffle(letters)
bounds = {"train": (0, 60), "search": (60, 80), "select": (80, 100), "sealed": (100, 120)}
listed = []
for part, (a, b) in bounds.items():
    made = [[path.replace(chr(47), "-"), text, place] for n, (text, place, path) in enumerate(letters) if a <= n < b]
    listed += [[row[0], path, part] for row, (_, _, path) in zip(made, letters[a:b])]
    if part == "train":
        save("public/train.csv", ["row_id", "text", "place"], made)
    else:
        save("public/%s/inputs.csv" % part, ["row_id", "text"], [row[:2] for row in made])
        save("private/%s/answers.csv" % part, ["row_id", "place"], [[row[0], row[2]] for row in made])
save("private/rows.csv", ["row_id", "raw_row", "part"], listed)
