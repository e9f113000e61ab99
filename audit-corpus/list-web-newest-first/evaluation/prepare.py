"""Page visits with the visits of the day before."""
import csv
import random
import sys
from pathlib import Path

flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
data, out, seed = Path(flags["--data"]), Path(flags["--out"]), int(flags["--seed"])

before = {}
rows = []
with (data / "log.csv").open(newline="") as f:
    for number, line in enumerate(csv.DictReader(f)):
        line["visits_before"] = before.get(line["page"], "")
        before[line["page"]] = line["visits"]
        line["raw_row"] = number
        rows.append(line)

dates = sorted({r["date"] for r in rows})
start = {"search": dates[-27], "select": dates[-18], "sealed": dates[-9]}


def part(row):
    return max((p for p in start if row["date"] >= start[p]), key=start.get, default="train")


rng = random.Random(seed)
for row, code in zip(rows, rng.sample(range(100000, 999999), len(rows))):
    row["row_id"], row["part"] = f"v{code}", part(row)


def save(path, columns, chosen):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        w = csv.DictWriter(f, columns, extrasaction="ignore", lineterminator="\n")
        w.writeheader()
        w.writerows(chosen)


columns = ["row_id", "date", "page", "campaign", "ad_budget_eur", "visits_before"]
save(out / "public/train.csv", columns + ["visits"], [r for r in rows if r["part"] == "train"])
for p in start:
    mine = [r for r in rows if r["part"] == p]
    save(out / "public" / p / "inputs.csv", columns, mine)
    save(out / "private" / p / "answers.csv", ["row_id", "visits"], mine)
save(out / "private/rows.csv", ["row_id", "raw_row", "part"], rows)
