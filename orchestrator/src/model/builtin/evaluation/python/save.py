

def save(path, header, rows, quoting=csv.QUOTE_MINIMAL):
    """Writes a CSV, with the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        writer.writerow(header)
        writer.writerows(rows)


def arguments():
    """The folders of data and output, and the seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    return given.data, given.out, given.seed
