import argparse, csv, hashlib, os
from itertools import groupby

p = argparse.ArgumentParser()
p.add_argument("--data")
p.add_argument("--out")
p.add_argument("--seed")
cfg = p.parse_args()
columns = ['date', 'station', 'pressure_forecast_hpa', 'cloud_forecast_pct', 'wind_forecast_ms']


def ordered():
    with open(os.path.join(cfg.data, "nights.csv"), newline="") as f:
        numbered = list(enumerate(csv.DictReader(f)))
    return sorted(numbered, key=lambda pair: (pair[1]["date"], pair[0]))


def parts(numbered):
    """Yields (part, row number, row); a point in time is never cut in two."""
    blocks = [list(group) for _, group in groupby(numbered, key=lambda pair: pair[1]["date"])]
    hidden = len(blocks) // 8
    for k, block in enumerate(blocks):
        back = (len(blocks) - 1 - k) // hidden
        part = ("sealed", "select", "search")[back] if back < 3 else "train"
        for number, row in block:
            yield part, number, row


def ident(number):
    return hashlib.md5(("%s.%d" % (cfg.seed, number)).encode()).hexdigest()[:8]


def dump(name, head, body):
    path = os.path.join(cfg.out, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(head)
        w.writerows(body)


rows = list(parts(ordered()))
for part in ("train", "search", "select", "sealed"):
    mine = [(ident(number), row) for which, number, row in rows if which == part]
    x = [[k] + [row[c] for c in columns] for k, row in mine]
    if part == "train":
        dump("public/train.csv", ["row_id"] + columns + ["t_min_c"], [a + [row["t_min_c"]] for a, (_, row) in zip(x, mine)])
    else:
        dump("public/" + part + "/inputs.csv", ["row_id"] + columns, x)
        dump("private/" + part + "/answers.csv", ["row_id", "t_min_c"], [[k, row["t_min_c"]] for k, row in mine])
dump("private/rows.csv", ["row_id", "raw_row", "part"], [[ident(number), number, part] for part, number, _ in rows])
