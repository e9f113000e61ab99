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
    answers = {r["row_id"]: r["place"] for r in csv.DictReader(file)}
try:
    with open(os.path.join(args.artifacts, "predictions.csv"), newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        if table.fieldnames is None or "row_id" not in table.fieldnames or "prediction" not in table.fieldnames:
            refuse("predictions.csv needs the columns row_id and prediction")
        lines = list(table)
except OSError as error:
    refuse(str(error))
predictions = {}
for line in lines:
    if line["row_id"] in predictions:
        refuse("row %s is there twice" % line["row_id"])
    if line["row_id"] not in answers:
        refuse("nobody asked for row %s" % line["row_id"])
    predictions[line["row_id"]] = line["prediction"]
if len(predictions) != len(answers):
    refuse("%d rows are missing" % (len(answers) - len(predictions)))
pairs = [(answers[key], predictions[key]) for key in answers]
value = sum(p == y for y, p in pairs) / len(pairs)
print(json.dumps({"accuracy": value, "n": len(answers)}))
