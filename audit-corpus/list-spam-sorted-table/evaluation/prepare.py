import csv
import os
import random
import sys

opt = {}
for flag, value in zip(sys.argv[1::2], sys.argv[2::2]):
    opt[flag[2:]] = value

mails = []
with open(opt["data"] + "/mails.csv", newline="", encoding="utf-8") as f:
    for number, mail in enumerate(csv.DictReader(f)):
        mails.append((number, mail["text"], mail["n_links"], mail["label"]))
random.Random(int(opt["seed"])).shuffle(mails)
mails = [("m%03d" % k,) + mail for k, mail in enumerate(mails)]

parts = [("train", mails[:135]), ("search", mails[135:170]), ("select", mails[170:205]), ("sealed", mails[205:])]
for folder in ["public", "private"] + [side + "/" + part for side in ("public", "private") for part, _ in parts[1:]]:
    os.makedirs(opt["out"] + "/" + folder, exist_ok=True)


def csv_file(name, header, lines):
    with open(opt["out"] + "/" + name, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        for line in lines:
            out.writerow(line)


csv_file("public/train.csv", ["row_id", "text", "n_links", "label"], [(k, t, n, y) for k, _, t, n, y in parts[0][1]])
for part, chunk in parts[1:]:
    csv_file("public/" + part + "/inputs.csv", ["row_id", "text", "n_links"], [(k, t, n) for k, _, t, n, _ in chunk])
    csv_file("private/" + part + "/answers.csv", ["row_id", "label"], [(k, y) for k, _, _, _, y in chunk])
csv_file("private/rows.csv", ["row_id", "raw_row", "part"], [(k, i, part) for part, chunk in parts for k, i, _, _, _ in chunk])
