import argparse, csv, os, random

ap = argparse.ArgumentParser()
ap.add_argument("--data", required=True)
ap.add_argument("--out", required=True)
ap.add_argument("--seed", type=int, required=True)
ns = ap.parse_args()

FEATURES = ["region", "rain_mm", "mean_temp_c", "nitrogen_kg_ha", "soil_ph", "soil"]

with open(os.path.join(ns.data, "fields.csv"), newline="") as f:
    # a field without a soil sample can't be advised on, so it is out of scope
    usable = [(i, r) for i, r in enumerate(csv.DictReader(f)) if r["soil_ph"] != ""]

random.Random(ns.seed).shuffle(usable)
test = len(usable) // 7
pieces = {
    "search": usable[:test],
    "select": usable[test:2 * test],
    "sealed": usable[2 * test:3 * test],
    "train": usable[3 * test:],
}
ids = {}
for place, (i, _) in enumerate(usable):
    ids[i] = "field-%04d" % place


def table(path, header, body):
    full = os.path.join(ns.out, *path.split("/"))
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([header] + list(body))


for part in ("search", "select", "sealed"):
    table("public/%s/inputs.csv" % part, ["row_id"] + FEATURES, ([ids[i]] + [r[c] for c in FEATURES] for i, r in pieces[part]))
    table("private/%s/answers.csv" % part, ["row_id", "yield_t_ha"], ([ids[i], r["yield_t_ha"]] for i, r in pieces[part]))
table("public/train.csv", ["row_id"] + FEATURES + ["yield_t_ha"],
      ([ids[i]] + [r[c] for c in FEATURES] + [r["yield_t_ha"]] for i, r in pieces["train"]))
table("private/rows.csv", ["row_id", "raw_row", "part"], ([ids[i], i, part] for part in pieces for i, _ in pieces[part]))
