import argparse
import csv
import hashlib
import pathlib
from datetime import date, timedelta

HIDDEN_DAYS = 24
LAG = timedelta(days=35)


def load(path):
    with open(path, newline="") as fh:
        return [dict(row, raw=i, day=date.fromisoformat(row["date"])) for i, row in enumerate(csv.DictReader(fh))]


def save(folder, name, header, lines):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "w", newline="") as fh:
        w = csv.writer(fh, lineterminator="\n")
        w.writerow(header)
        for line in lines:
            w.writerow(line)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=pathlib.Path, required=True)
    ap.add_argument("--out", type=pathlib.Path, required=True)
    ap.add_argument("--seed", required=True)
    args = ap.parse_args()

    rows = load(args.data / "visits.csv")
    seen = {(r["page"], r["day"]): r["visits"] for r in rows}
    last = max(r["day"] for r in rows)
    origin = last - timedelta(days=HIDDEN_DAYS - 1)
    assert LAG.days > HIDDEN_DAYS

    header = ["row_id", "date", "weekday", "page", "campaign", "ad_budget_eur", "visits_35_days_ago"]
    groups = {"train": [], "search": [], "select": [], "sealed": []}
    for r in rows:
        offset = (r["day"] - origin).days
        part = "train" if offset < 0 else ("search", "select", "sealed")[offset // 8]
        key = hashlib.sha1(f"{args.seed} {r['raw']}".encode()).hexdigest()[:11]
        x = [key, r["date"], r["day"].isoweekday(), r["page"], r["campaign"], r["ad_budget_eur"], seen.get((r["page"], r["day"] - LAG), "")]
        groups[part].append((x, r))
    for part, content in groups.items():
        if part == "train":
            save(args.out / "public", "train.csv", header + ["visits"], [x + [r["visits"]] for x, r in content])
        else:
            save(args.out / "public" / part, "inputs.csv", header, [x for x, _ in content])
            save(args.out / "private" / part, "answers.csv", ["row_id", "visits"], [[x[0], r["visits"]] for x, r in content])
    save(args.out / "private", "rows.csv", ["row_id", "raw_row", "part"],
         [[x[0], r["raw"], part] for part, content in groups.items() for x, r in content])


if __name__ == "__main__":
    main()
