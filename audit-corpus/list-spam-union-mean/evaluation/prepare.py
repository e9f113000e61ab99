import csv
import hashlib
import os
import random
import sys

opts = {k.lstrip("-"): v for k, v in zip(sys.argv[1::2], sys.argv[2::2])}
seed = int(opts["seed"])

with open(os.path.join(opts["data"], "inbox.csv"), newline="", encoding="utf-8") as f:
    lines = list(csv.reader(f))
header, lines = lines[0], lines[1:]
target = header.index("label")
used = [j for j, name in enumerate(header) if j != target and name not in []]


def key(i):
    return hashlib.sha256(b"%d-%d" % (seed, i)).hexdigest()[:10]


deck = list(range(len(lines)))
random.Random(seed).shuffle(deck)
quarter = len(deck) // 7
part_of = {}
for position, i in enumerate(deck):
    part_of[i] = ["search", "select", "sealed"][position // quarter] if position < 3 * quarter else "train"


def save(name, head, body):
    path = os.path.join(opts["out"], name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f, lineterminator="\n").writerows([head] + body)


names = ["row_id"] + [header[j] for j in used]
for part in ["train", "search", "select", "sealed"]:
    mine = [i for i in deck if part_of[i] == part]
    x = [[key(i)] + [lines[i][j] for j in used] for i in mine]
    y = [lines[i][target] for i in mine]
    if part == "train":
        save("public/train.csv", names + [header[target]], [a + [b] for a, b in zip(x, y)])
    else:
        save("public/%s/inputs.csv" % part, names, x)
        save("private/%s/answers.csv" % part, ["row_id", header[target]], [[a[0], b] for a, b in zip(x, y)])
save("private/rows.csv", ["row_id", "raw_row", "part"], [[key(i), i, part_of[i]] for i in deck])
