import argparse
import csv
import os

args = argparse.ArgumentParser()
args.add_argument("--data", required=True)
args.add_argument("--out", required=True)
args.add_argument("--seed", type=int, required=True)
args = args.parse_args()

SERIES = ["inlet", "outlet", "basin"]
AHEAD, PAST = 6, 12


def save(path, header, rows):
    path = os.path.join(args.out, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


with open(os.path.join(args.data, "works.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
hidden = list(range(300 + PAST, len(rows) - AHEAD, AHEAD))
origins = {"train": range(PAST - 1, 300 - AHEAD), "search": hidden[:12], "select": hidden[12:19], "sealed": hidden[19:]}
header = ["row_id", "series", "hour", "step"] + ["lag_%d" % k for k in range(PAST)]
listed = []
for part, some in origins.items():
    made = []
    for series in SERIES:
        for origin in some:
            past = [rows[origin - k][series] for k in range(PAST)]
            for step in range(1, AHEAD + 1):
                row = rows[origin + step]
                if row[series] == "":
                    continue
                name = "%s-%s-%d-%d" % (part, series, origin, step)
                made.append([name, series, row["moment"][11:13], step] + past + [row[series]])
                listed.append([name, origin + step, series, part])
    if part == "train":
        save("public/train.csv", header + ["value"], made)
    else:
        save("public/%s/inputs.csv" % part, header, [row[:-1] for row in made])
        save("private/%s/answers.csv" % part, ["row_id", "value"], [[row[0], row[-1]] for row in made])
save("private/rows.csv", ["row_id", "raw_row", "column", "part"], listed)
