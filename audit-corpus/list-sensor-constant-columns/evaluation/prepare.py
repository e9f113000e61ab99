import argparse, csv, hashlib
from pathlib import Path

ap = argparse.ArgumentParser()
for flag in ("data", "out", "seed"):
    ap.add_argument("--" + flag, required=True)
args = ap.parse_args()
out = Path(args.out)

with open(Path(args.data, "export.csv"), newline="") as f:
    reader = csv.reader(f)
    columns = next(reader)
    records = list(reader)
at = columns.index("fault")


def digest(i):
    return hashlib.blake2b(f"{args.seed}:{i}".encode(), digest_size=8).hexdigest()


def part_for(i):
    """A row's part is a function of its number and the seed."""
    u = int(hashlib.blake2b(f"part:{args.seed}:{i}".encode(), digest_size=4).hexdigest(), 16) / 2**32
    return "train" if u < 0.5 else "search" if u < 0.66 else "select" if u < 0.83 else "sealed"


def tabulate(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(lines)


everything = sorted((digest(i), i, part_for(i)) for i in range(len(records)))
without = lambda line: line[:at] + line[at + 1:]
for part in ("train", "search", "select", "sealed"):
    mine = [(key, records[i]) for key, i, p in everything if p == part]
    if part == "train":
        tabulate(out / "public/train.csv", [["row_id", *without(columns), "fault"]] + [[k, *without(r), r[at]] for k, r in mine])
    else:
        tabulate(out / "public" / part / "inputs.csv", [["row_id", *without(columns)]] + [[k, *without(r)] for k, r in mine])
        tabulate(out / "private" / part / "answers.csv", [["row_id", "fault"]] + [[k, r[at]] for k, r in mine])
tabulate(out / "private/rows.csv", [["row_id", "raw_row", "part"]] + [list(e) for e in everything])
