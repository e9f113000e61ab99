import argparse, csv, hashlib, os
from itertools import groupby

p = argparse.ArgumentParser()
p.add_argument("--data")
p.add_argument("--out")
p.add_argument("--seed")
cfg = p.parse_args()
columns = ['ts', 'weekend', 'temp_c', 'humidity', 'wind_kmh']


def ordered():
    with open(os.path.join(cfg.data, "hours.csv"), newline="") as f:
        numbered = list(enumerate(csv.DictReader(f)))
    return sorted(numbered, key=lambda pair: (pair[1]["ts"], pair[0]))


def parts(numbered):
    """Yields (part, row number, row); a point in time is never cut in two."""
    blocks = [list(group) for _, group in groupby(numbered, key=lambda pair: pair[1]["ts"])]
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
        dump("public/train.csv", ["row_id"] + columns + ["cnt"], [a + [row["cnt"]] for a, (_, row) in zip(x, mine)])
    else:
        dump("public/" + part + "/inputs.csv", ["row_id"] + columns, x)
        dump("private/" + part + "/answers.csv", ["row_id", "cnt"], [[k, row["cnt"]] for k, row in mine])
dump("private/rows.csv", ["row_id", "raw_row", "part"], [[ident(number), number, part] for part, number, _ in rows])
