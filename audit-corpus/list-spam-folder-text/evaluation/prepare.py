"""Mails as plain texts, dealt to the parts by a seeded shuffle."""
import argparse
import csv
import random
from pathlib import Path


def deal(names, seed):
    deck = sorted(names)
    random.Random(seed).shuffle(deck)
    hidden = {"search": deck[0:35], "select": deck[35:70], "sealed": deck[70:105]}
    return {"train": deck[105:], **hidden}


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        csv.writer(f, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerows(rows)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--seed", type=int, required=True)
    args = ap.parse_args()
    with (args.data / "labels.csv").open(newline="") as f:
        label = dict(list(csv.reader(f))[1:])
    parts = deal(label, args.seed)
    ids = {}
    for members in parts.values():
        for name in members:
            ids[name] = f"mail{len(ids):03d}"
    body = lambda name: (args.data / "mails" / name).read_text(encoding="utf-8").strip()
    for part, members in parts.items():
        if part == "train":
            write(args.out / "public/train.csv", ["row_id", "text", "label"], *([ids[n], body(n), label[n]] for n in members))
        else:
            write(args.out / "public" / part / "inputs.csv", ["row_id", "text"], *([ids[n], body(n)] for n in members))
            write(args.out / "private" / part / "answers.csv", ["row_id", "label"], *([ids[n], label[n]] for n in members))
    write(args.out / "private/rows.csv", ["row_id", "raw_row", "part"], *([ids[n], n, part] for part, members in parts.items() for n in members))


if __name__ == "__main__":
    main()
