

def refuse(why):
    """What can't be scored gets no score."""
    print(f"refused: {why}", file=sys.stderr)
    sys.exit(3)


def read_answers(folder):
    """The answer to each row."""
    with open(folder / "answers.csv", newline="", encoding="utf-8") as file:
        return {row["row_id"]: row[TARGET] for row in csv.DictReader(file)}


def read_predictions(folder, columns, answers):
    """The cells of these columns for each row; every row once, and no other."""
    try:
        with open(folder / "predictions.csv", newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            lacking = {"row_id", *columns} - set(table.fieldnames or [])
            if lacking:
                refuse(f"predictions.csv has no column {sorted(lacking)[0]}")
            lines = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        refuse(f"predictions.csv can't be read: {error}")
    found = {}
    for line in lines:
        if line["row_id"] in found:
            refuse(f"row {line['row_id']} is there twice")
        if line["row_id"] not in answers:
            refuse(f"nobody asked for row {line['row_id']}")
        found[line["row_id"]] = [line[column] for column in columns]
    if len(found) < len(answers):
        refuse(f"{len(answers) - len(found)} rows have no prediction")
    return found


def arguments():
    """The folders of answers and artifacts."""
    parser = argparse.ArgumentParser()
    for name in ("--inputs", "--answers", "--artifacts"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    return given.answers, given.artifacts
