import argparse, csv, os, random, statistics

NUMERIC = ["vibration_mm_s", "temp_c", "pressure_bar", "current_a", "rpm"]


class Standardiser:
    """Zero mean and unit deviation, as learnt from the rows given to fit()."""

    def fit(self, rows):
        self.centre = {c: statistics.fmean(float(r[c]) for r in rows) for c in NUMERIC}
        self.spread = {c: statistics.stdev(float(r[c]) for r in rows) for c in NUMERIC}
        return self

    def apply(self, row):
        return [f"{(float(row[c]) - self.centre[c]) / self.spread[c]:.5f}" for c in NUMERIC]


class Writer:
    def __init__(self, out):
        self.out = out

    def save(self, relative, header, lines):
        target = os.path.join(self.out, relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", newline="") as fh:
            w = csv.writer(fh, lineterminator="\n")
            w.writerow(header)
            w.writerows(lines)


def run(data, out, seed):
    with open(os.path.join(data, "readings.csv"), newline="") as fh:
        raw = list(csv.DictReader(fh))
    order = list(range(len(raw)))
    random.Random(seed).shuffle(order)
    n = len(order)
    cuts = {"train": order[: n * 6 // 10], "search": order[n * 6 // 10: n * 7 // 10],
            "select": order[n * 7 // 10: n * 85 // 100], "sealed": order[n * 85 // 100:]}
    scaler = Standardiser().fit([raw[i] for i in cuts["train"]])
    ids = {i: f"r{k:04d}" for k, i in enumerate(order)}
    save = Writer(out).save
    ledger = []
    for part, members in cuts.items():
        x = [[ids[i]] + scaler.apply(raw[i]) for i in members]
        y = [[ids[i], raw[i]["fault"]] for i in members]
        if part == "train":
            save("public/train.csv", ["row_id"] + NUMERIC + ["fault"], [a + b[1:] for a, b in zip(x, y)])
        else:
            save(f"public/{part}/inputs.csv", ["row_id"] + NUMERIC, x)
            save(f"private/{part}/answers.csv", ["row_id", "fault"], y)
        ledger += [[ids[i], i, part] for i in members]
    save("private/rows.csv", ["row_id", "raw_row", "part"], ledger)


p = argparse.ArgumentParser()
p.add_argument("--data")
p.add_argument("--out")
p.add_argument("--seed", type=int)
a = p.parse_args()
run(a.data, a.out, a.seed)
