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
        header, *lines = csv.reader(file)
    said = [(row, float(text)) for row, text in lines]
except (OSError, ValueError) as error:
    refuse(error)
if header != ["row_id", "prediction"]:
    refuse("the columns are not row_id,prediction")
if sorted(row for row, _ in said) != sorted(truth):
    refuse("the rows are not those that were asked for, each once")
if not all(math.isfinite(value) for _, value in said):
    refuse("a prediction is not finite")

squares = [(value - truth[row]) ** 2 for row, value in said]
print(json.dumps({"rmse": math.sqrt(math.fsum(squares) / len(squares)), "n": len(squares)}))
