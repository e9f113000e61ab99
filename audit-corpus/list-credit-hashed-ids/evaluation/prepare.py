import argparse
import csv
import hashlib
import os
import random

FEATURES = ["income_eur", "debt_ratio", "age", "open_lines", "months_employed", "purpose", "amount_eur"]
SHARES = [("train", 0.55), ("search", 0.15), ("select", 0.15), ("sealed", 0.15)]


def stratified(labels, seed):
    """Part of every row; each class is spread over the parts by the same shares."""
    rng = random.Random(seed)
    chosen = {}
    for label in sorted(set(labels)):
        members = [i for i, y in enumerate(labels) if y == label]
        rng.shuffle(members)
        start, edge = 0, 0.0
        for part, share in SHARES:
            edge += share
            stop = round(edge * len(members))
            for i in members[start:stop]:
                chosen[i] = part
            start = stop
    return chosen


def store(path, header, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data")
    ap.add_argument("--out")
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    with open(os.path.join(args.data, "loans.csv"), newline="", encoding="utf-8") as f:
        loans = list(csv.DictReader(f))
    part_of = stratified([r["defaulted"] for r in loans], args.seed)
    ids = [hashlib.sha256(f"loan|{args.seed}|{i}".encode()).hexdigest()[:12] for i in range(len(loans))]
    order = sorted(range(len(loans)), key=lambda i: ids[i])  # by hash: a shuffle
    for part, _ in SHARES:
        mine = [i for i in order if part_of[i] == part]
        xs = [[ids[i]] + [loans[i][c] for c in FEATURES] for i in mine]
        ys = [[ids[i], loans[i]["defaulted"]] for i in mine]
        if part == "train":
            store(f"{args.out}/public/train.csv", ["row_id"] + FEATURES + ["defaulted"], [x + [y[1]] for x, y in zip(xs, ys)])
            continue
        store(f"{args.out}/public/{part}/inputs.csv", ["row_id"] + FEATURES, xs)
        store(f"{args.out}/private/{part}/answers.csv", ["row_id", "defaulted"], ys)
    store(f"{args.out}/private/rows.csv", ["row_id", "raw_row", "part"], [[ids[i], i, part_of[i]] for i in order])


main()
