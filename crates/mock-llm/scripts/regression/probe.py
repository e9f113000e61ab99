"""Scores predictions of known worth through the evaluation's own commands."""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile

evaluation, data = map(pathlib.Path, sys.argv[1:3])
failed = []
with tempfile.TemporaryDirectory() as room:
    room = pathlib.Path(room)
    out = room / "out"
    run = [sys.executable, str(evaluation / "prepare.py"), "--data", str(data), "--out", str(out), "--seed", "7"]
    subprocess.run(run, check=True)
    for split in ["search", "select", "sealed"]:
        with open(out / "private" / split / "answers.csv", newline="") as file:
            answers = list(csv.DictReader(file))
        middle = sum(float(row["yield_kg"]) for row in answers) / len(answers)
        scores = {}
        for name in ["oracle", "constant"]:
            artifacts = room / f"{split}-{name}"
            artifacts.mkdir()
            with open(artifacts / "predictions.csv", "w", newline="") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(["row_id", "prediction"])
                for row in answers:
                    table.writerow([row["row_id"], row["yield_kg"] if name == "oracle" else middle])
            score = [sys.executable, str(evaluation / "score.py"), "--inputs", str(out / "public" / split),
                     "--answers", str(out / "private" / split), "--artifacts", str(artifacts)]
            done = subprocess.run(score, check=True, capture_output=True, text=True)
            scores[name] = json.loads(done.stdout.splitlines()[-1])["rmse"]
        print(split, len(answers), "oracle", scores["oracle"], "constant", round(scores["constant"], 4))
        if not scores["oracle"] == 0 < scores["constant"]:
            failed.append(split)
print("fails on", ", ".join(failed) if failed else "nothing")
sys.exit(1 if failed else 0)
