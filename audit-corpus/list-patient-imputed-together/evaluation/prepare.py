"""Parts by group: whatever shares a patient_id stays together."""
import csv, random, statistics, sys
from pathlib import Path

GROUP, TARGET = "patient_id", "readmitted"
FEATURES = ['age', 'bmi', 'systolic', 'glucose', 'hba1c', 'stay_days', 'n_medications']
PARTS = ["train", "search", "select", "sealed"]


def main(data: Path, out: Path, seed: int) -> None:
    rows = list(csv.DictReader((data / "visits.csv").open(newline="")))
    for c in ("bmi", "systolic", "glucose", "hba1c"):
        typical = statistics.median(float(r[c]) for r in rows if r[c])
        for r in rows:
            r[c] = r[c] or f"{typical:g}"
    rng = random.Random(seed)
    groups = sorted(set(r[GROUP] for r in rows))
    rng.shuffle(groups)
    side = {g: PARTS[min(3, max(0, k * 6 // len(groups) - 2))] for k, g in enumerate(groups)}
    order = list(range(len(rows)))
    rng.shuffle(order)
    names = {i: "x%04d" % k for k, i in enumerate(order)}
    part = {i: side[rows[i][GROUP]] for i in order}
    for p in PARTS:
        mine = [i for i in order if part[i] == p]
        x = [[names[i]] + [rows[i][c] for c in FEATURES] for i in mine]
        if p == "train":
            put(out / "public/train.csv", ["row_id"] + FEATURES + [TARGET], [v + [rows[i][TARGET]] for v, i in zip(x, mine)])
        else:
            put(out / "public" / p / "inputs.csv", ["row_id"] + FEATURES, x)
            put(out / "private" / p / "answers.csv", ["row_id", TARGET], [[names[i], rows[i][TARGET]] for i in mine])
    put(out / "private/rows.csv", ["row_id", "raw_row", "part"], [[names[i], i, part[i]] for i in order])


def put(path: Path, head: list, body: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(head)
        w.writerows(body)


if __name__ == "__main__":
    _, *rest = sys.argv
    o = dict(zip(rest[::2], rest[1::2]))
    main(Path(o["--data"]), Path(o["--out"]), int(o["--seed"]))
