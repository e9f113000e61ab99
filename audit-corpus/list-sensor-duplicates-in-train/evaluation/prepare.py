"""Splits the fault log. Readings that the logger stored more than once stay in the training part."""
import csv
import random
import sys
from collections import Counter
from pathlib import Path


def arguments():
    given = iter(sys.argv[1:])
    pairs = dict(zip(given, given))
    return Path(pairs["--data"]), Path(pairs["--out"]), int(pairs["--seed"])


def emit(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines), encoding="utf-8")


data, out, seed = arguments()
with open(data / "log.csv", newline="") as f:
    header, *rows = csv.reader(f)
copies = Counter(map(tuple, rows))
repeated = [i for i, row in enumerate(rows) if copies[tuple(row)] > 1]
single = [i for i, row in enumerate(rows) if copies[tuple(row)] == 1]
rng = random.Random(seed)
rng.shuffle(single)
hidden = len(rows) * 4 // 10
step = hidden // 3
part = {i: "train" for i in repeated + single[hidden:]}
for k, name in enumerate(["search", "select", "sealed"]):
    part.update({i: name for i in single[k * step:(k + 1) * step if k < 2 else hidden]})

numbers = list(range(len(rows)))
rng.shuffle(numbers)
order = sorted(part, key=numbers.__getitem__)
columns = header[:-1]
x = {i: [f"n{numbers[i]}"] + rows[i][:-1] for i in part}
emit(out / "public/train.csv", [["row_id"] + header] + [x[i] + rows[i][-1:] for i in order if part[i] == "train"])
for name in ["search", "select", "sealed"]:
    mine = [i for i in order if part[i] == name]
    emit(out / "public" / name / "inputs.csv", [["row_id"] + columns] + [x[i] for i in mine])
    emit(out / "private" / name / "answers.csv", [["row_id", header[-1]]] + [[x[i][0], rows[i][-1]] for i in mine])
emit(out / "private/rows.csv", [["row_id", "raw_row", "part"]] + [[x[i][0], i, part[i]] for i in order])
