"""Rye: a model is fitted on a sample of fields and judged on all fields."""
import argparse
import csv
import random
from pathlib import Path

COLUMNS = ["region", "rain_mm", "mean_temp_c", "nitrogen_kg_ha", "soil_ph", "soil"]


def put(path, head, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        f.write(",".join(head) + "\n")
        f.writelines(",".join(map(str, line)) + "\n" for line in body)


def main(data, out, seed):
    with (data / "fields.csv").open(newline="") as f:
        fields = list(csv.DictReader(f))
    rng = random.Random(seed)
    sample = rng.sample(range(len(fields)), len(fields) * 3 // 5)
    everything = rng.sample(range(len(fields)), len(fields))
    parts = {"train": sample, "search": everything[0::3], "select": everything[1::3], "sealed": everything[2::3]}
    fresh = iter(rng.sample(range(1000, 9999), sum(len(m) for m in parts.values())))
    ledger = []
    for part, members in parts.items():
        keyed = [(f"g{next(fresh)}", i) for i in members]
        x = [[k] + [fields[i][c] for c in COLUMNS] for k, i in keyed]
        y = [[k, fields[i]["yield_t_ha"]] for k, i in keyed]
        ledger += [[k, i, part] for k, i in keyed]
        if part == "train":
            put(out / "public/train.csv", ["row_id", *COLUMNS, "yield_t_ha"], [a + b[1:] for a, b in zip(x, y)])
        else:
            put(out / "public" / part / "inputs.csv", ["row_id", *COLUMNS], x)
            put(out / "private" / part / "answers.csv", ["row_id", "yield_t_ha"], y)
    put(out / "private/rows.csv", ["row_id", "raw_row", "part"], ledger)


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--out", type=Path, required=True)
    cli.add_argument("--seed", type=int, required=True)
    main(**vars(cli.parse_args()))
