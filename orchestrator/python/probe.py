"""Runs an evaluation as a candidate would meet it and prints what is wrong.

The evaluation is prepared with several seeds. On every split of each, the
answers themselves, a constant and an incomplete file are scored. The last line
of stdout is JSON: {"summary": …, "faults": [{"check", "detail", "blocking"}]}.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

SPLITS = ("search", "select", "sealed")
SEEDS = (1, 2)
REFUSED = 3


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(words, folder, timeout_s):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=timeout_s)


class Probe:
    def __init__(self, evaluation, data):
        self.evaluation = evaluation.resolve()
        self.data = data.absolute()
        self.contract = tomllib.loads((self.evaluation / "evaluation.toml").read_text())
        self.metric = self.contract["metric"]
        self.timeout_s = self.contract["commands"]["timeout_s"]
        self.faults = []
        self.scored = 0

    def fault(self, check, detail):
        self.faults.append({"check": check, "detail": detail, "blocking": True})

    def prepare(self, out, seed):
        words = self.contract["commands"]["prepare"]
        done = run([*words, "--data", str(self.data), "--out", str(out), "--seed", str(seed)], self.evaluation, self.timeout_s)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            self.fault("prepare", f"seed {seed}: exit code {done.returncode}: {last}")
        return done.returncode == 0

    def score(self, out, split, rows):
        with tempfile.TemporaryDirectory() as artifacts:
            with open(Path(artifacts) / "predictions.csv", "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            words = self.contract["commands"]["score"]
            done = run(
                [*words, "--inputs", str(out / "public" / split), "--answers", str(out / "private" / split), "--artifacts", artifacts],
                self.evaluation,
                self.timeout_s,
            )
        self.scored += 1
        if done.returncode:
            return done.returncode, None
        try:
            return 0, float(json.loads(done.stdout.strip().splitlines()[-1])[self.metric["name"]])
        except (ValueError, KeyError, IndexError):
            return 0, None

    def predictions(self, answers, classes, of):
        """Rows of a prediction file: `of` says for each answer what is predicted."""
        rows = []
        for row in answers:
            value = of(row[self.target(row)])
            if classes is None:
                rows.append({"row_id": row["row_id"], "prediction": value})
            else:
                chances = {f"p_{name}": (1.0 if name == value else 0.0) for name in classes}
                rows.append({"row_id": row["row_id"], **chances})
        return rows

    @staticmethod
    def target(row):
        return next(name for name in row if name != "row_id")

    def look(self, out, seed):
        parts = {}
        for row in read(out / "private" / "rows.csv"):
            key = (row["raw_row"], row.get("column"))
            parts.setdefault(key, set()).add(row["part"])
        shared = [key for key, found in parts.items() if len(found) > 1]
        if shared:
            self.fault("overlap", f"seed {seed}: {len(shared)} raw rows are in two parts, {shared[0][0]} for one")
        train = read(out / "public" / "train.csv")
        formula = self.metric.get("formula", self.metric["name"]).lower().replace("-", "_")
        for split in SPLITS:
            answers = read(out / "private" / split / "answers.csv")
            if not answers:
                self.fault("structure", f"seed {seed}: `{split}` has no answers")
                continue
            target = self.target(answers[0])
            classes = sorted({row[target] for row in train}) if formula in ("logloss", "auc", "roc_auc") else None
            values = [row[target] for row in train]
            usual = max(set(values), key=values.count) if self.contract["task"]["kind"] == "classification" else values[len(values) // 2]
            code, best = self.score(out, split, self.predictions(answers, classes, lambda value: value))
            if code or best is None:
                self.fault("oracle", f"seed {seed}: the answers to `{split}` can't be scored (exit code {code})")
                continue
            code, constant = self.score(out, split, self.predictions(answers, classes, lambda _: usual))
            better = constant is not None and (best < constant) == (self.metric["direction"] == "minimise") and best != constant
            if code or not better:
                self.fault("direction", f"seed {seed}, `{split}`: the answers score {best}, always `{usual}` scores {constant}, to {self.metric['direction']}")
            if len(answers) > 1:
                code, value = self.score(out, split, self.predictions(answers[1:], classes, lambda value: value))
                if code != REFUSED:
                    self.fault("refusal", f"seed {seed}, `{split}`: a missing row gets exit code {code} and {value}, not a refusal")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluation", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    probe = Probe(asked.evaluation, asked.data)
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            if probe.prepare(out, seed):
                probe.look(out, seed)
    summary = f"prepared with {len(SEEDS)} seeds and scored {probe.scored} predictions of known worth"
    print(json.dumps({"summary": summary, "faults": probe.faults}))


if __name__ == "__main__":
    sys.exit(main())
