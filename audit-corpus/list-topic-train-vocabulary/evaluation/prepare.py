"""Turns short news texts into weighted word counts."""
import argparse
import csv
import math
import random
import re
from collections import Counter
from pathlib import Path

MIN_TEXTS = 5


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def vocabulary(texts):
    """Words found in enough texts, with their inverse document frequency."""
    frequency = Counter(w for t in texts for w in set(words(t)))
    return {w: math.log(len(texts) / n) for w, n in sorted(frequency.items()) if n >= MIN_TEXTS}


def vector(text, idf):
    counts = Counter(words(text))
    return [f"{counts[w] * idf[w]:.3f}" if counts[w] else "0" for w in idf]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path)
    ap.add_argument("--out", type=Path)
    ap.add_argument("--seed", type=int)
    args = ap.parse_args()
    with (args.data / "labels.csv").open(newline="") as f:
        topic = {r["file"]: r["topic"] for r in csv.DictReader(f)}
    files = sorted(topic)
    random.Random(args.seed).shuffle(files)
    text = {name: (args.data / "texts" / name).read_text(encoding="utf-8") for name in files}
    part = {name: ("search", "select", "sealed")[k % 3] if k < 84 else "train" for k, name in enumerate(files)}
    ids = {name: f"doc{k:03d}" for k, name in enumerate(files)}
    idf = vocabulary([text[n] for n in files if part[n] == "train"])
    head = ["row_id"] + [f"w_{w}" for w in idf]

    def save(relative, header, body):
        path = args.out / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(header)
            w.writerows(body)

    save("public/train.csv", head + ["topic"], [[ids[n], *vector(text[n], idf), topic[n]] for n in files if part[n] == "train"])
    for p in ("search", "select", "sealed"):
        mine = [n for n in files if part[n] == p]
        save(f"public/{p}/inputs.csv", head, [[ids[n], *vector(text[n], idf)] for n in mine])
        save(f"private/{p}/answers.csv", ["row_id", "topic"], [[ids[n], topic[n]] for n in mine])
    save("private/rows.csv", ["row_id", "raw_row", "part"], [[ids[n], n, part[n]] for n in files])


main()
