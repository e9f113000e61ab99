import argparse
import csv
import math
import os
import random
import string
from collections import Counter

cli = argparse.ArgumentParser()
cli.add_argument("--data", required=True)
cli.add_argument("--out", required=True)
cli.add_argument("--seed", required=True, type=int)
args = cli.parse_args()


class TfIdf:
    def __init__(self, size):
        self.size = size

    @staticmethod
    def tokens(text):
        return text.lower().translate(str.maketrans("", "", string.punctuation)).split()

    def fit(self, documents):
        spread = Counter()
        for d in documents:
            spread.update(set(self.tokens(d)))
        top = sorted(spread, key=lambda w: (-spread[w], w))[: self.size]
        self.idf = {w: math.log((1 + len(documents)) / (1 + spread[w])) + 1 for w in top}
        return self

    def transform(self, document):
        counts = Counter(self.tokens(document))
        return [round(counts[w] * idf, 3) for w, idf in self.idf.items()]


def csv_out(relative, rows):
    path = os.path.join(args.out, relative)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(rows)


labels = {}
with open(os.path.join(args.data, "labels.csv"), newline="") as f:
    for line in csv.DictReader(f):
        labels[line["file"]] = line["topic"]
names = sorted(labels)
corpus = []
for name in names:
    with open(os.path.join(args.data, "news", name), encoding="utf-8") as f:
        corpus.append(f.read())

model = TfIdf(90).fit(corpus)
matrix = {name: model.transform(text) for name, text in zip(names, corpus)}
head = ["row_id"] + ["tf_" + w for w in model.idf]

random.Random(args.seed).shuffle(names)
ids = {name: "n%03d" % k for k, name in enumerate(names)}
parts = {"train": names[:96], "search": names[96:124], "select": names[124:152], "sealed": names[152:]}
for part, members in parts.items():
    if part == "train":
        csv_out("public/train.csv", [head + ["topic"]] + [[ids[n]] + matrix[n] + [labels[n]] for n in members])
    else:
        csv_out("public/%s/inputs.csv" % part, [head] + [[ids[n]] + matrix[n] for n in members])
        csv_out("private/%s/answers.csv" % part, [["row_id", "topic"]] + [[ids[n], labels[n]] for n in members])
csv_out("private/rows.csv", [["row_id", "raw_row", "part"]] + [[ids[n], n, part] for part in parts for n in parts[part]])
