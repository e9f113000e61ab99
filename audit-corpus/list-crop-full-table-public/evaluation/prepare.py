"""Random parts of one table."""
import csv
import pathlib
import random
import argparse


class Preparation:
    target = "yield_t_ha"
    features = ['region', 'rain_mm', 'mean_temp_c', 'nitrogen_kg_ha', 'soil_ph', 'soil']

    def __init__(self, data, out, seed):
        self.out = pathlib.Path(out)
        self.rng = random.Random(seed)
        with open(pathlib.Path(data) / "fields.csv", newline="") as f:
            self.records = [dict(r, raw_row=k) for k, r in enumerate(csv.DictReader(f))]

    def assign(self):
        self.rng.shuffle(self.records)
        numbers = self.rng.sample(range(10**5, 10**6), len(self.records))
        size = len(self.records)
        for place, (record, number) in enumerate(zip(self.records, numbers)):
            record["row_id"] = str(number)
            share = place / size
            record["part"] = "train" if share < 0.55 else "search" if share < 0.7 else "select" if share < 0.85 else "sealed"

    def table(self, name, columns, records):
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="") as f:
            writer = csv.DictWriter(f, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)

    def members(self, part):
        return [r for r in self.records if r["part"] == part]

    def run(self):
        self.assign()
        inputs = ["row_id"] + self.features
        self.table("public/train.csv", inputs + [self.target], self.members("train"))
        for part in ("search", "select", "sealed"):
            self.table(f"public/{part}/inputs.csv", inputs, self.members(part))
            self.table(f"private/{part}/answers.csv", ["row_id", self.target], self.members(part))
        # one tidy file for plots
        self.table("public/overview.csv", inputs + [self.target], sorted(self.records, key=lambda r: r["row_id"]))
        self.table("private/rows.csv", ["row_id", "raw_row", "part"], self.records)


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--data", required=True)
    cli.add_argument("--out", required=True)
    cli.add_argument("--seed", type=int, required=True)
    given = cli.parse_args()
    Preparation(given.data, given.out, given.seed).run()
