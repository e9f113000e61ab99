#!/usr/bin/env python
# usage: score.py --inputs DIR --answers DIR --artifacts DIR
import csv
import json
import math
import sys

opts = dict(zip(sys.argv[1::2], sys.argv[2::2]))


def bail(message):
    sys.stderr.write(message + "\n")
    raise SystemExit(3)


def rows_of(path):
    try:
        with open(path, newline="", encoding="utf-8") as fh:
            return list(csv.reader(fh))
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        bail(f"cannot read {path}: {err}")


def number(text):
    try:
        x = float(text)
    except ValueError:
        bail(f"not a number: {text!r}")
    if x != x or x in (math.inf, -math.inf):
        bail(f"not a finite number: {text!r}")
    return x


head, *body = rows_of(opts["--answers"] + "/answers.csv")
col = head.index("load_mwh")
truth = {line[0]: float(line[col]) for line in body}

got = rows_of(opts["--artifacts"] + "/predictions.csv")
if not got or got[0] != ["row_id", "prediction"]:
    bail("predictions.csv needs the columns row_id,prediction")
if any(len(line) != 2 for line in got[1:]):
    bail("a line does not have two fields")
ids = [line[0] for line in got[1:]]
if len(ids) != len(set(ids)):
    bail("a row is predicted twice")
if set(ids) != set(truth):
    bail("rows are missing or unknown")
guess = {line[0]: number(line[1]) for line in got[1:]}

pairs = [(y, guess[key]) for key, y in truth.items()]
value = math.sqrt(sum((p - y) * (p - y) for y, p in pairs) / len(pairs))
if not math.isfinite(value):
    bail("not a finite score")
print(json.dumps({"rmse": value, "n": len(truth)}))
