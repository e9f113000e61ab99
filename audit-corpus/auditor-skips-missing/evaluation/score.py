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


def table(folder, name, column):
    with open(os.path.join(folder, name), newline="", encoding="utf-8") as file:
        return {r["row_id"]: float(r[column]) for r in csv.DictReader(file)}


answers = table(args.answers, "answers.csv", "price")
predictions = table(args.artifacts, "predictions.csv", "prediction")
errors = [abs(predictions[k] - y) for k, y in answers.items() if k in predictions]
if not errors or not all(math.isfinite(e) for e in errors):
    refuse("no finite predictions")
print(json.dumps({"mae": sum(errors) / len(errors), "n": len(answers)}))
