"""Daily load: the last 120 days are held back, 40 days per part."""
import argparse
import csv
import hashlib
from datetime import date
from pathlib import Path

HELD_BACK = 120
LAGS = (126, 133)  # whole weeks, both longer than the held-back stretch
FEATURES = ["date", "weekday", "day_of_year", "holiday", "temp_forecast_c", "sun_forecast_h"] + [f"load_lag_{k}" for k in LAGS]


def features(table, i):
    row = table[i]
    day = date.fromisoformat(row["date"])
    lags = [table[i - k]["load_mwh"] if i >= k else "" for k in LAGS]
    return [row["date"], day.weekday(), day.timetuple().tm_yday, row["holiday"], row["temp_forecast_c"], row["sun_forecast_h"], *lags]


def write(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([header, *lines])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", required=True)
    args = parser.parse_args()
    with (args.data / "load.csv").open(newline="") as f:
        table = list(csv.DictReader(f))
    origin = len(table) - HELD_BACK
    parts = {"train": range(0, origin), "search": range(origin, origin + 40),
             "select": range(origin + 40, origin + 80), "sealed": range(origin + 80, len(table))}
    name = lambda i: hashlib.sha256(f"{args.seed}/{i}".encode()).hexdigest()[:10]
    for part, span in parts.items():
        inputs = [[name(i), *features(table, i)] for i in span]
        answers = [[name(i), table[i]["load_mwh"]] for i in span]
        if part == "train":
            joined = [x + y[1:] for x, y in zip(inputs, answers)]
            write(args.out / "public/train.csv", ["row_id", *FEATURES, "load_mwh"], joined)
        else:
            write(args.out / "public" / part / "inputs.csv", ["row_id", *FEATURES], inputs)
            write(args.out / "private" / part / "answers.csv", ["row_id", "load_mwh"], answers)
    write(args.out / "private/rows.csv", ["row_id", "raw_row", "part"],
          [[name(i), i, part] for part, span in parts.items() for i in span])


if __name__ == "__main__":
    main()
