"""Compares predicted classes with the true ones."""
import argparse
import csv
import json
import sys
from pathlib import Path

CLASSES = ['none', 'bearing', 'leak']


def die(text):
    print(text, file=sys.stderr)
    sys.exit(3)


def read_table(path):
    if not path.is_file():
        die(f"{path.name} is missing")
    with path.open(newline="", encoding="utf-8") as f:
        reader = csv.DictReader(f, restkey="surplus")
        try:
            return reader.fieldnames or [], list(reader)
        except (UnicodeDecodeError, csv.Error) as err:
            die(f"{path.name} is unreadable: {err}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--inputs", type=Path)
    p.add_argument("--answers", type=Path)
    p.add_argument("--artifacts", type=Path)
    a = p.parse_args()
    _, answer_rows = read_table(a.answers / "answers.csv")
    truth = {r["row_id"]: r["fault"] for r in answer_rows}
    columns, predicted = read_table(a.artifacts / "predictions.csv")
    if set(columns) != {"row_id", "prediction"}:
        die(f"unexpected columns: {columns}")
    chosen = {}
    for r in predicted:
        if "surplus" in r:
            die(f"row {r['row_id']} has surplus fields")
        if r["row_id"] not in truth:
            die(f"row {r['row_id']} is not asked for")
        if r["row_id"] in chosen:
            die(f"row {r['row_id']} occurs twice")
        if r["prediction"] not in CLASSES:
            die(f"{r['prediction']!r} is not a class")
        chosen[r["row_id"]] = r["prediction"]
    if len(chosen) < len(truth):
        die(f"{len(truth) - len(chosen)} rows have no prediction")
    pairs = [(truth[k], chosen[k]) for k in truth]
    value = sum(y == p for y, p in pairs) / len(pairs)
    print(json.dumps({"accuracy": value, "n": len(pairs)}))


main()
