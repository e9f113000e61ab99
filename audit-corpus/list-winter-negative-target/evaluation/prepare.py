"""Night minima of three stations, cut by date."""
from __future__ import annotations

import argparse
import csv
import random
from dataclasses import dataclass
from pathlib import Path

FORECASTS = ["pressure_forecast_hpa", "cloud_forecast_pct", "wind_forecast_ms"]


@dataclass
class Night:
    raw_row: int
    row_id: str
    values: dict[str, str]

    @property
    def inputs(self) -> list[str]:
        return [self.row_id, self.values["date"], self.values["station"], *(self.values[c] for c in FORECASTS)]

    @property
    def answer(self) -> list[str]:
        return [self.row_id, self.values["t_min_c"]]


def cut(nights: list[Night]) -> dict[str, list[Night]]:
    days = sorted({n.values["date"] for n in nights})
    first = {"train": 0, "search": 58, "select": 72, "sealed": 86}
    result: dict[str, list[Night]] = {part: [] for part in first}
    for night in nights:
        place = days.index(night.values["date"])
        result[max(first, key=lambda part: (first[part] <= place) * (first[part] + 1))].append(night)
    return result


def write(path: Path, header: list[str], lines: list[list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with (args.data / "nights.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    codes = rng.sample(range(1000, 9999), len(rows))
    nights = [Night(i, f"q{codes[i]}", row) for i, row in enumerate(rows)]
    parts = cut(nights)
    names = ["row_id", "date", "station", *FORECASTS]
    for part, members in parts.items():
        if part == "train":
            write(args.out / "public/train.csv", [*names, "t_min_c"], [n.inputs + n.answer[1:] for n in members])
        else:
            write(args.out / "public" / part / "inputs.csv", names, [n.inputs for n in members])
            write(args.out / "private" / part / "answers.csv", ["row_id", "t_min_c"], [n.answer for n in members])
    write(args.out / "private/rows.csv", ["row_id", "raw_row", "part"],
          [[n.row_id, n.raw_row, part] for part, members in parts.items() for n in members])


if __name__ == "__main__":
    main()
