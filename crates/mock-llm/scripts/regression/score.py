"""Root of the mean squared error over every hidden bed."""

import argparse
import csv
import json
import math
import pathlib
import sys

parser = argparse.ArgumentParser()
for name in ["--inputs", "--answers", "--artifacts"]:
    parser.add_argument(name, type=pathlib.Path, required=True)
options = parser.parse_args()


def refuse(reason):
    print(f"refused: {reason}", file=sys.stderr)
    sys.exit(3)


with open(options.answers / "answers.csv", newline="", encoding="utf-8") as file:
    truth = {row["row_id"]: float(row["yield_kg"]) for row in csv.DictReader(file)}
try:
    with open(options.artifacts / "predictions.csv", newline="", encoding="utf-8") as file:
        table = csv.reader(file)
        if next(table, None) != ["row_id", "prediction"]:
            refuse("the columns are not row_id,prediction")
        lines = list(table)
except OSError as error:
    refuse(f"predictions.csv: {error.strerror}")

said = {}
for line in lines:
    if len(line) != 2:
        refuse(f"a line with {len(line)} fields")
    row, text = line
    if row in said or row not in truth:
        refuse(f"row {row} is there twice or was never asked for")
    try:
        said[row] = float(text)
    except ValueError:
        refuse(f"row {row}: `{text}` is no number")
    if not math.isfinite(said[row]):
        refuse(f"row {row}: not finite")
if len(said) < len(truth):
    refuse(f"{len(truth) - len(said)} rows are missing")

squares = [(said[row] - answer) ** 2 for row, answer in truth.items()]
print(json.dumps({"rmse": math.sqrt(math.fsum(squares) / len(squares)), "n": len(squares)}))
