"""Scores class probabilities (columns p_<class>)."""
import argparse
import csv
import json
import math
import sys

CLASSES = ['0', '1']


class Unscorable(Exception):
    pass


def read_answers(folder):
    with open(f"{folder}/answers.csv", newline="", encoding="utf-8") as f:
        return {r["row_id"]: r["readmitted"] for r in csv.DictReader(f)}


def read_probabilities(folder, truth):
    wanted = ["row_id"] + [f"p_{c}" for c in CLASSES]
    result = {}
    try:
        f = open(f"{folder}/predictions.csv", newline="", encoding="utf-8")
    except OSError:
        raise Unscorable("no predictions.csv")
    with f:
        reader = csv.DictReader(f)
        if sorted(reader.fieldnames or []) != sorted(wanted):
            raise Unscorable(f"columns must be {wanted}")
        for r in reader:
            if None in r:
                raise Unscorable(f"row {r['row_id']} has too many fields")
            if r["row_id"] not in truth or r["row_id"] in result:
                raise Unscorable(f"row {r['row_id']} is unknown or repeated")
            try:
                p = {c: float(r[f"p_{c}"]) for c in CLASSES}
            except (TypeError, ValueError):
                raise Unscorable(f"row {r['row_id']} is not numeric")
            if not all(0.0 <= v <= 1.0 for v in p.values()) or abs(sum(p.values()) - 1.0) > 0.01:
                raise Unscorable(f"row {r['row_id']} holds no distribution")
            result[r["row_id"]] = p
    if len(result) != len(truth):
        raise Unscorable("rows are missing")
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs")
    parser.add_argument("--answers")
    parser.add_argument("--artifacts")
    args = parser.parse_args()
    truth = read_answers(args.answers)
    try:
        given = read_probabilities(args.artifacts, truth)
    except (Unscorable, UnicodeDecodeError, csv.Error) as err:
        print(err, file=sys.stderr)
        return 3
    pairs = [(truth[k], given[k]) for k in truth]
    total = 0.0
    for y, p in pairs:
        total -= math.log(min(max(p[y], 1e-15), 1.0))
    value = total / len(pairs)
    print(json.dumps({"logloss": value, "n": len(pairs)}))
    return 0


sys.exit(main())
