

def main():
    data, out, seed = arguments()
    rng = random.Random(seed + SHUFFLE)
    rows = read(data / TABLE)
    # Names say nothing about a row, nor does its place in a file.
    numbers = list(range(len(rows)))
    rng.shuffle(numbers)
    names = {raw: f"r{number:07d}" for number, (raw, _) in zip(numbers, rows)}
    listed = []
    for part, members in divide(rows, rng).items():
        members.sort(key=lambda item: names[item[0]])
        inputs = [[names[raw], *(row[name] for name in FEATURES)] for raw, row in members]
        answers = [row[TARGET] for _, row in members]
        listed += [[names[raw], raw, part] for raw, _ in members]
        if part == "train":
            save(out / "public/train.csv", ["row_id", *FEATURES, TARGET], [[*i, a] for i, a in zip(inputs, answers)])
            classes = sorted(set(answers))
        else:
            save(out / f"public/{part}/inputs.csv", ["row_id", *FEATURES], inputs)
            save(out / f"private/{part}/answers.csv", ["row_id", TARGET], [[i[0], a] for i, a in zip(inputs, answers)])
            if CLASSES:
                save(out / f"private/{part}/classes.csv", ["class"], [[name] for name in classes])
    save(out / "private/rows.csv", ["row_id", "raw_row", "part"], listed)


main()
