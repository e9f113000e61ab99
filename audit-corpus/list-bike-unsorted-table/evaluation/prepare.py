"""Bike rentals: sort by hour, then cut into four consecutive pieces."""
import csv
import pathlib
import sys
from datetime import datetime


def read(path):
    with path.open(newline="") as f:
        rows = list(csv.DictReader(f))
    for number, row in enumerate(rows):
        row["raw_row"] = number
        row["when"] = datetime.strptime(row["ts"], "%Y-%m-%d %H:%M")
    return sorted(rows, key=lambda row: row["when"])


def features(row):
    return {"ts": row["ts"], "hour": row["when"].hour, "weekday": row["when"].weekday(), "weekend": row["weekend"],
            "temp_c": row["temp_c"], "humidity": row["humidity"], "wind_kmh": row["wind_kmh"]}


def save(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        writer = csv.DictWriter(f, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def main(argv):
    opts = {argv[i].lstrip("-"): argv[i + 1] for i in range(0, len(argv), 2)}
    rows = read(pathlib.Path(opts["data"]) / "hours.csv")
    public, private = (pathlib.Path(opts["out"]) / side for side in ("public", "private"))
    edges = {"train": (0, 252), "search": (252, 300), "select": (300, 350), "sealed": (350, len(rows))}
    ledger = []
    for part, (start, stop) in edges.items():
        chunk = rows[start:stop]
        for k, row in enumerate(chunk):
            row["row_id"] = f"{part}-{k:04d}"
            ledger.append({"row_id": row["row_id"], "raw_row": row["raw_row"], "part": part})
        inputs = [{"row_id": row["row_id"], **features(row)} for row in chunk]
        if part == "train":
            save(public / "train.csv", [{**x, "cnt": row["cnt"]} for x, row in zip(inputs, chunk)])
        else:
            save(public / part / "inputs.csv", inputs)
            save(private / part / "answers.csv", [{"row_id": row["row_id"], "cnt": row["cnt"]} for row in chunk])
    save(private / "rows.csv", ledger)


main(sys.argv[1:])
