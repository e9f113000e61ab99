import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
SEED = 0


def read(path):
    """A table as text, nothing taken for a missing value."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def arguments():
    """What the evaluation shows, the split that is asked for, and where predictions go."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--public", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    return read(given.public / "train.csv"), read(given.public / given.split / "inputs.csv"), given.out


def save(out, rows, predictions):
    """Writes one prediction for each row; probabilities have a column for each class."""
    if PROBABILITIES:
        classes, shares = predictions
        shares = np.clip(shares, 1e-7, 1)
        shares = shares / shares.sum(axis=1, keepdims=True)
        header = [f"p_{name}" for name in classes]
        cells = [[repr(float(share)) for share in row] for row in shares]
    elif CLASSES:
        header, cells = ["prediction"], [[name] for name in predictions]
    else:
        header, cells = ["prediction"], [[repr(float(value))] for value in predictions]
    with open(out / "predictions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row_id", *header])
        writer.writerows([row, *line] for row, line in zip(rows, cells))
