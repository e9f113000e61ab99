

def probabilities(cells):
    """A row's probabilities, which must add up to one."""
    row = [number(cell) for cell in cells]
    if min(row) < 0 or abs(sum(row) - 1) > 1e-3:
        refuse(f"{row} are no probabilities")
    return row


def main():
    answers_folder, artifacts = arguments()
    answers = read_answers(answers_folder)
    with open(answers_folder / "classes.csv", newline="", encoding="utf-8") as file:
        classes = [row["class"] for row in csv.DictReader(file)]
    predictions = read_predictions(artifacts, [f"p_{name}" for name in classes], answers)
    rows = [(classes.index(answer), probabilities(predictions[row])) for row, answer in answers.items()]
    print(json.dumps({METRIC: FACTOR * metric(rows, len(classes)), "n": len(rows)}))


main()
