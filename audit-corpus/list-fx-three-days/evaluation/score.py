"""Scores predictions against the held-back answers."""
import argparse
import csv
import json
import math
import os
import sys


def refuse(why):
    print(f"predictions refused: {why}", file=sys.stderr)
    sys.exit(3)


def load_answers(folder):
    with open(os.path.join(folder, "answers.csv"), newline="", encoding="utf-8") as f:
        return {row["row_id"]: float(row["usd_per_eur"]) for row in csv.DictReader(f)}


def load_predictions(folder, known):
    path = os.path.join(folder, "predictions.csv")
    if not os.path.isfile(path):
        refuse("there is no predictions.csv")
    found = {}
    with open(path, newline="", encoding="utf-8") as f:
        reader = csv.DictReader(f)
        if sorted(reader.fieldnames or []) != ["prediction", "row_id"]:
            refuse("columns must be row_id,prediction")
        for row in reader:
            if None in row:
                refuse(f"line {reader.line_num} has too many fields")
            key = row["row_id"]
            if key not in known:
                refuse(f"unknown row {key!r}")
            if key in found:
                refuse(f"row {key!r} given twice")
            try:
                number = float(row["prediction"])
            except (TypeError, ValueError):
                refuse(f"row {key!r} holds no number")
            if not math.isfinite(number):
                refuse(f"row {key!r} holds no finite number")
            found[key] = number
    missing = len(known) - len(found)
    if missing:
        refuse(f"{missing} rows are missing")
    return found


def main():
    parser = argparse.ArgumentParser()
    for name in ("--inputs", "--answers", "--artifacts"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    answers = load_answers(args.answers)
    try:
        predictions = load_predictions(args.artifacts, answers)
    except (UnicodeDecodeError, csv.Error) as err:
        refuse(f"predictions.csv is no CSV text: {err}")
    pairs = [(answers[key], predictions[key]) for key in answers]
    value = 100.0 * sum(abs((p - y) / y) for y, p in pairs) / len(pairs)
    if not math.isfinite(value):
        refuse("the errors are too large to be added up")
    print(json.dumps({"mape": value, "n": len(pairs)}))


if __name__ == "__main__":
    main()
