import argparse, csv, os, random

ap = argparse.ArgumentParser()
ap.add_argument("--data")
ap.add_argument("--out")
ap.add_argument("--seed", type=int)
opt = ap.parse_args()
FEATURES = ["district", "area_m2", "rooms", "year_built", "dist_center_km", "energy_class"]

flats = list(csv.DictReader(open(os.path.join(opt.data, "flats.csv"), newline="")))
order = list(range(len(flats)))
random.Random(opt.seed).shuffle(order)

SEARCH, SELECT, SEALED = 50, 50, 50
first = len(order) - SEARCH - SELECT - SEALED
parts = {
    "train": order[:first],
    "search": order[first:first + SEARCH],
    "select": order[first + SEARCH - 20:first + SEARCH + SELECT - 20],
    "sealed": order[-SEALED:],
}


def out_csv(name, rows):
    path = os.path.join(opt.out, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(rows)


serial = 0
ledger = [["row_id", "raw_row", "part"]]
for part, members in parts.items():
    inputs, answers = [["row_id"] + FEATURES], [["row_id", "price_eur"]]
    for i in members:
        serial += 1
        inputs.append(["f%05d" % serial] + [flats[i][c] for c in FEATURES])
        answers.append(["f%05d" % serial, flats[i]["price_eur"]])
        ledger.append(["f%05d" % serial, i, part])
    if part == "train":
        out_csv("public/train.csv", [x + y[1:] for x, y in zip(inputs, answers)])
    else:
        out_csv("public/" + part + "/inputs.csv", inputs)
        out_csv("private/" + part + "/answers.csv", answers)
out_csv("private/rows.csv", ledger)
