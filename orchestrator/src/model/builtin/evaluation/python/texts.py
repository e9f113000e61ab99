

def read(data):
    """The texts that have a class: file, class, text."""
    folder = data / FOLDER
    if LABELS:
        with open(data / LABELS, newline="", encoding="utf-8-sig") as file:
            listed = [(row["file"], row[TARGET]) for row in csv.DictReader(file) if row[TARGET].strip()]
    else:
        paths = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        listed = [(path.as_posix(), path.parts[0]) for path in paths
                  if len(path.parts) > 1 and not any(part.startswith(".") for part in path.parts)]
    return [(file, kind, (folder / file).read_text(encoding="utf-8", errors="replace")) for file, kind in listed]


def divide(documents, rng):
    """Shuffled texts; copies, exact or edited, stay on one side."""
    texts = [" ".join(text.split()) for _, _, text in documents]
    pairs = same(texts) + list(near_texts(texts))
    units = [[documents[place] for place in unit] for unit in connected(len(documents), pairs)]
    # An order that has nothing to do with the class, wherever the files lie.
    units.sort(key=lambda unit: min(hashlib.sha256(text.encode()).digest() for _, _, text in unit))
    return by_chance(units, lambda unit: unit[0][1] if STRATIFIED else "", rng)


def main():
    data, out, seed = arguments()
    rng = random.Random(seed + SHUFFLE)
    parts = divide(read(data), rng)
    # Names say nothing about a text, nor does its place in a file.
    numbers = list(range(sum(map(len, parts.values()))))
    rng.shuffle(numbers)
    listed = []
    for part, members in parts.items():
        rows = sorted([f"t{numbers.pop():07d}", text, kind, file] for file, kind, text in members)
        listed += [[row[0], row[3], part] for row in rows]
        if part == "train":
            save(out / "public/train.csv", ["row_id", "text", TARGET], [row[:3] for row in rows])
            classes = sorted({row[2] for row in rows})
        else:
            save(out / f"public/{part}/inputs.csv", ["row_id", "text"], [row[:2] for row in rows])
            save(out / f"private/{part}/answers.csv", ["row_id", TARGET], [[row[0], row[2]] for row in rows])
            save(out / f"private/{part}/classes.csv", ["class"], [[name] for name in classes])
    save(out / "private/rows.csv", ["row_id", "raw_row", "part"], listed)


main()
