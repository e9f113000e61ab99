"""Motor policies with their claim cost of the following year."""
import argparse
import csv
import pathlib
import random

COLUMNS = ("car_age", "driver_age", "km_per_year", "bonus_factor", "zone", "engine_kw")
TARGET = "claim_eur"


def load(folder):
    with open(folder / "policies.csv", newline="") as f:
        for number, row in enumerate(csv.DictReader(f)):
            yield number, row


def assign(count, seed):
    rng = random.Random(seed)
    deck = ["train"] * (count - 3 * (count // 6)) + ["search", "select", "sealed"] * (count // 6)
    rng.shuffle(deck)
    names = [f"p{k:06d}" for k in rng.sample(range(10**6), count)]
    return deck, names


def write_csv(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as f:
        f.write(",".join(header) + "\n")
        for line in lines:
            f.write(",".join(line) + "\n")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--seed", type=int, required=True)
    args = p.parse_args()
    rows = dict(load(args.data))
    deck, names = assign(len(rows), args.seed)
    inputs = {part: [] for part in ("train", "search", "select", "sealed")}
    answers = {part: [] for part in inputs}
    for i, row in rows.items():
        inputs[deck[i]].append([names[i], *(row[c] for c in COLUMNS)])
        answers[deck[i]].append([names[i], row[TARGET]])
    train = [x + y[1:] for x, y in zip(inputs.pop("train"), answers.pop("train"))]
    write_csv(args.out / "public/train.csv", ["row_id", *COLUMNS, TARGET], train)
    for part in inputs:
        write_csv(args.out / f"public/{part}/inputs.csv", ["row_id", *COLUMNS], inputs[part])
        write_csv(args.out / f"private/{part}/answers.csv", ["row_id", TARGET], answers[part])
    write_csv(args.out / "private/rows.csv", ["row_id", "raw_row", "part"], [[names[i], str(i), deck[i]] for i in rows])


if __name__ == "__main__":
    main()
