"""Mail filter: train, search and a final test."""
import csv
import random
import sys
from pathlib import Path


def load(path):
    with path.open(newline="", encoding="utf-8") as f:
        return [(i, r["text"], r["n_links"], r["label"]) for i, r in enumerate(csv.DictReader(f))]


def save(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(rows)


def main():
    o = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    data, out, rng = Path(o["--data"]), Path(o["--out"]), random.Random(int(o["--seed"]))
    mails = load(data / "mails.csv")
    rng.shuffle(mails)
    test = mails[:60]
    parts = {"train": mails[120:], "search": mails[60:120], "select": test, "sealed": rng.sample(test, len(test))}
    codes = iter(rng.sample(range(10**4, 10**5), sum(map(len, parts.values()))))
    ledger = []
    for part, members in parts.items():
        named = [(f"e{next(codes)}", *m) for m in members]
        ledger += [[key, raw, part] for key, raw, *_ in named]
        if part == "train":
            save(out / "public/train.csv", ["row_id", "text", "n_links", "label"], [[k, t, n, y] for k, _, t, n, y in named])
        else:
            save(out / "public" / part / "inputs.csv", ["row_id", "text", "n_links"], [[k, t, n] for k, _, t, n, _ in named])
            save(out / "private" / part / "answers.csv", ["row_id", "label"], [[k, y] for k, *_, y in named])
    save(out / "private/rows.csv", ["row_id", "raw_row", "part"], ledger)


main()
