"""Daily load with a smoothed level as a feature."""
import argparse
import csv
import random
from datetime import date
from pathlib import Path

KNOTS = 7


def level(loads):
    """Load level of every day: weekly means, joined by straight lines."""
    middles = list(range(KNOTS // 2, len(loads), KNOTS))
    heights = [sum(loads[m - KNOTS // 2:m + KNOTS // 2 + 1]) / len(loads[m - KNOTS // 2:m + KNOTS // 2 + 1]) for m in middles]
    out = []
    for day in range(len(loads)):
        right = next((k for k, m in enumerate(middles) if m >= day), len(middles) - 1)
        left = max(0, right - 1)
        if middles[right] == middles[left] or day >= middles[right]:
            out.append(heights[right])
        elif day <= middles[left]:
            out.append(heights[left])
        else:
            w = (day - middles[left]) / (middles[right] - middles[left])
            out.append(heights[left] * (1 - w) + heights[right] * w)
    return [round(v, 1) for v in out]


def save(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(lines)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--seed", type=int, required=True)
    args = ap.parse_args()
    with (args.data / "load.csv").open(newline="") as f:
        days = list(csv.DictReader(f))
    levels = level([float(d["load_mwh"]) for d in days])
    codes = random.Random(args.seed).sample(range(10_000), len(days))
    head = ["row_id", "date", "weekday", "holiday", "temp_forecast_c", "sun_forecast_h", "load_level"]
    ledger = []
    for part, lo, hi in (("train", 0, 320), ("search", 320, 380), ("select", 380, 440), ("sealed", 440, len(days))):
        x = [[f"d{codes[i]}", days[i]["date"], date.fromisoformat(days[i]["date"]).weekday(), days[i]["holiday"],
              days[i]["temp_forecast_c"], days[i]["sun_forecast_h"], levels[i]] for i in range(lo, hi)]
        y = [days[i]["load_mwh"] for i in range(lo, hi)]
        if part == "train":
            save(args.out / "public/train.csv", head + ["load_mwh"], [a + [b] for a, b in zip(x, y)])
        else:
            save(args.out / "public" / part / "inputs.csv", head, x)
            save(args.out / "private" / part / "answers.csv", ["row_id", "load_mwh"], [[a[0], b] for a, b in zip(x, y)])
        ledger += [[a[0], i, part] for a, i in zip(x, range(lo, hi))]
    save(args.out / "private/rows.csv", ["row_id", "raw_row", "part"], ledger)


if __name__ == "__main__":
    main()
