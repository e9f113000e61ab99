"""Every third or so mail of the inbox is held back."""
import argparse
import csv
import random
from pathlib import Path

ap = argparse.ArgumentParser()
ap.add_argument("--data", type=Path)
ap.add_argument("--out", type=Path)
ap.add_argument("--seed", type=int)
args = ap.parse_args()

with open(args.data / "inbox.csv", newline="", encoding="utf-8") as f:
    inbox = list(csv.DictReader(f))
dice = random.Random(args.seed)
part = dice.choices(["train", "search", "select", "sealed"], [55, 15, 15, 15], k=len(inbox))


def store(path, head, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(head)
        w.writerows(body)


numbered = [(f"{p[:2]}{i:04d}", i, p, mail) for i, (p, mail) in enumerate(zip(part, inbox))]
store(args.out / "public/train.csv", ["row_id", "text", "n_links", "label"],
      [[k, m["text"], m["n_links"], m["label"]] for k, _, p, m in numbered if p == "train"])
for wanted in ("search", "select", "sealed"):
    here = [(k, m) for k, _, p, m in numbered if p == wanted]
    store(args.out / "public" / wanted / "inputs.csv", ["row_id", "text", "n_links"], [[k, m["text"], m["n_links"]] for k, m in here])
    store(args.out / "private" / wanted / "answers.csv", ["row_id", "label"], [[k, m["label"]] for k, m in here])
store(args.out / "private/rows.csv", ["row_id", "raw_row", "part"], [[k, i, p] for k, i, p, _ in numbered])
