import csv, random, sys
from pathlib import Path

args = sys.argv[1:]
get = lambda name: args[args.index(name) + 1]
src, out, seed = Path(get("--data")), Path(get("--out")), int(get("--seed"))

with open(src / "sales.csv", newline="") as f:
    table = list(csv.reader(f))
names, table = table[0], table[1:]
first, last = names.index("district"), names.index("price_eur")
feature_names = names[first:last]

rng = random.Random(f"sales-{seed}")
shuffled = sorted(range(len(table)), key=lambda _: rng.random())
bounds = [("search", 0, 45), ("select", 45, 90), ("sealed", 90, 135), ("train", 135, len(table))]


def save(where, rows):
    where.parent.mkdir(exist_ok=True, parents=True)
    with open(where, "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows(rows)


book = [("row_id", "raw_row", "part")]
for part, lo, hi in bounds:
    xs, ys = [["row_id"] + feature_names], [["row_id", "price_eur"]]
    for place in range(lo, hi):
        raw = shuffled[place]
        key = f"h{place:03d}"
        xs.append([key] + table[raw][first:last])
        ys.append([key, table[raw][last]])
        book.append((key, raw, part))
    if part == "train":
        save(out / "public" / "train.csv", [x + y[1:] for x, y in zip(xs, ys)])
    else:
        save(out / "public" / part / "inputs.csv", xs)
        save(out / "private" / part / "answers.csv", ys)
save(out / "private" / "rows.csv", book)
