import argparse
import csv
import hashlib
from pathlib import Path

COLUMNS = ["ts", "weekend", "temp_c", "humidity", "wind_kmh"]


def table(path, head, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(head)
        for line in body:
            writer.writerow(line)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path)
    ap.add_argument("--out", type=Path)
    ap.add_argument("--seed")
    a = ap.parse_args()
    hours = list(csv.DictReader(open(a.data / "hours.csv", newline="")))
    n = len(hours)
    spans = {"search": (n - 180, n - 120), "select": (n - 120, n - 60), "sealed": (n - 60, n)}
    # the final model is refitted on all that is known before the sealed hours
    spans["train"] = (0, spans["sealed"][0])
    ledger = []
    for part, (lo, hi) in spans.items():
        ident = [hashlib.sha1(f"{part}{a.seed}{i}".encode()).hexdigest()[:10] for i in range(lo, hi)]
        x = [[k] + [hours[i][c] for c in COLUMNS] for k, i in zip(ident, range(lo, hi))]
        y = [hours[i]["cnt"] for i in range(lo, hi)]
        ledger += [[k, i, part] for k, i in zip(ident, range(lo, hi))]
        if part == "train":
            table(a.out / "public/train.csv", ["row_id", *COLUMNS, "cnt"], [u + [v] for u, v in zip(x, y)])
        else:
            table(a.out / "public" / part / "inputs.csv", ["row_id", *COLUMNS], x)
            table(a.out / "private" / part / "answers.csv", ["row_id", "cnt"], [[u[0], v] for u, v in zip(x, y)])
    table(a.out / "private/rows.csv", ["row_id", "raw_row", "part"], ledger)


main()
