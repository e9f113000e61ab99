import argparse
import csv
import random
from collections import defaultdict
from pathlib import Path

parser = argparse.ArgumentParser(description="Readmission: parts by patient")
parser.add_argument("--data", type=Path)
parser.add_argument("--out", type=Path)
parser.add_argument("--seed", type=int)
opt = parser.parse_args()

visits = list(csv.DictReader(open(opt.data / "visits.csv", newline="")))
by_patient = defaultdict(list)
for i, v in enumerate(visits):
    by_patient[v["patient_id"]].append(i)

rng = random.Random(opt.seed)
patients = sorted(by_patient)
rng.shuffle(patients)
n = len(patients)
share = {"train": patients[: n // 2], "search": patients[n // 2: n * 2 // 3],
         "select": patients[n * 2 // 3: n * 5 // 6], "sealed": patients[n * 5 // 6:]}

COLUMNS = ["patient_id", "age", "bmi", "systolic", "glucose", "hba1c", "stay_days", "n_medications"]
codes = rng.sample(range(10_000, 100_000), len(visits))


def put(path, header, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(body)


ledger = []
for part, people in share.items():
    mine = [i for p in people for i in by_patient[p]]
    rng.shuffle(mine)
    x = [[codes[i]] + [visits[i][c] for c in COLUMNS] for i in mine]
    y = [[codes[i], visits[i]["readmitted"]] for i in mine]
    if part == "train":
        put(opt.out / "public" / "train.csv", ["row_id", *COLUMNS, "readmitted"], [a + b[1:] for a, b in zip(x, y)])
    else:
        put(opt.out / "public" / part / "inputs.csv", ["row_id", *COLUMNS], x)
        put(opt.out / "private" / part / "answers.csv", ["row_id", "readmitted"], y)
    ledger += [[codes[i], i, part] for i in mine]
put(opt.out / "private" / "rows.csv", ["row_id", "raw_row", "part"], ledger)
