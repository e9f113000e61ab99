import argparse
import csv
import json
import math
import os
import sys

args = argparse.ArgumentParser()
args.add_argument("--inputs", required=True)
args.add_argument("--answers", required=True)
args.add_argument("--artifacts", required=True)
args = args.parse_args()


def refuse(why):
    print("refused: " + why, file=sys.stderr)
    sys.exit(3)


with open(os.path.join(args.answers, "answers.csv"), newline="", encoding="utf-8") as file:
    answers = {r["row_id"]: r["letter"] for r in csv.DictReader(file)}
if not os.path.exists(os.path.join(args.artifacts, "predictions.csv")):
    refuse("there is no predictions.csv")
with open(os.path.join(args.artifacts, "predictions.csv"), newline="", encoding="utf-8") as file:
    table = csv.DictReader(file)
    names = [f for f in table.fieldnames or [] if f.startswith("p_")]
    if "row_id" not in (table.fieldnames or []) or not set("p_" + a for a in answers.values()) <= set(names):
        refuse("predictions.csv needs row_id and a column p_<class> for each class")
    predictions = {}
    for line in table:
        key = line["row_id"]
        if key in predictions or key not in answers:
            refuse("row %s is there twice or unknown" % key)
        try:
            predictions[key] = {name[2:]: float(line[name]) for name in names}
        except (TypeError, ValueError):
            refuse("a probability of row %s is no number" % key)
        if not all(math.isfinite(p) and 0 <= p <= 1 for p in predictions[key].values()):
            refuse("a probability of row %s is not between 0 and 1" % key)
if set(predictions) != set(answers):
    refuse("rows are missing")
value = -sum(math.log(min(max(predictions[k][answers[k]], 1e-15), 1.0)) for k in answers) / len(answers)
print(json.dumps({"logloss": value, "n": len(answers)}))
