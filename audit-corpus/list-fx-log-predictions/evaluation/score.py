"""Metric of the held-out part, printed as one JSON object."""
from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scored:
    row_id: str
    answer: float
    prediction: float


def parse_finite(text: str | None) -> float:
    value = float(text or "x")
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def join(answers: Path, predictions: Path) -> list[Scored]:
    with answers.open(newline="") as f:
        truth = [(r["row_id"], float(r["usd_per_eur"])) for r in csv.DictReader(f)]
    with predictions.open(newline="") as f:
        reader = csv.DictReader(f)
        if set(reader.fieldnames or ()) != {"row_id", "prediction"}:
            raise ValueError("wrong columns")
        records = list(reader)
    if any(None in r for r in records):
        raise ValueError("a line has too many fields")
    given = [(r["row_id"], parse_finite(r["prediction"])) for r in records]
    lookup = dict(given)
    if len(lookup) != len(given):
        raise ValueError("a row occurs more than once")
    unknown = lookup.keys() - {row_id for row_id, _ in truth}
    if unknown:
        raise ValueError(f"unknown rows, such as {min(unknown)}")
    absent = [row_id for row_id, _ in truth if row_id not in lookup]
    if absent:
        raise ValueError(f"no prediction for {absent[0]}")
    return [Scored(row_id, y, lookup[row_id]) for row_id, y in truth]


def metric(pairs: list[tuple[float, float]]) -> float:
    value = 100.0 * sum(abs(math.exp(min(p, 700.0)) - y) / y for y, p in pairs) / len(pairs)
    return value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--artifacts", type=Path, required=True)
    args = parser.parse_args()
    try:
        scored = join(args.answers / "answers.csv", args.artifacts / "predictions.csv")
        value = metric([(s.answer, s.prediction) for s in scored])
        if not math.isfinite(value):
            raise ValueError("the score is not finite")
    except (ValueError, OSError, csv.Error) as err:
        print(f"refused: {err}", file=sys.stderr)
        return 3
    print(json.dumps({"mape": value, "n": len(scored)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
