

def read(data, rng):
    """Texts of the folder, shuffled, until there are enough: file, place of the first character, characters.

    Characters are those of the file, line ends too; what is no UTF-8 text is left out."""
    folder = data / FOLDER
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    files = sorted(file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts))
    rng.shuffle(files)
    texts, left = [], MOST
    for file in files:
        try:
            text = (folder / file).read_bytes().decode("utf-8")[:left]
        except UnicodeDecodeError:
            continue
        if text and "\0" not in text:
            texts.append((file, 0, text))
            left -= len(text)
        if not left:
            break
    return texts


def pieces(texts):
    """Texts as a whole where there are many; else blocks of them, with gaps between."""
    if len(texts) >= MANY:
        return texts
    size = max(sum(len(text) for _, _, text in texts) // BLOCKS, 4 * STEP)
    blocks = [(file, at, text[at : at + size - STEP]) for file, _, text in texts for at in range(0, len(text), size)]
    return [block for block in blocks if len(block[2]) > STEP]


def runs(text, every):
    """Hashes of four words that follow each other; one in so many is kept."""
    words = re.findall(r"[^\W_]+", text.lower())
    hashes = (zlib.crc32(" ".join(words[at : at + 4]).encode()) for at in range(len(words) - 3))
    return {number for number in hashes if number % every == 0}


def divide(blocks):
    """Each piece to the part that lacks most of its share; copies, exact or edited, stay in one part."""
    size = sum(len(text) for _, _, text in blocks)
    every = 1 + size // WHOLE
    groups = connected(len(blocks), near_sets([runs(text, every) for _, _, text in blocks]))
    units = [[blocks[place] for place in group] for group in groups]
    units.sort(key=lambda unit: -sum(len(text) for _, _, text in unit))
    parts = {name: [] for name in SHARES}
    has = dict.fromkeys(SHARES, 0)
    for unit in units:
        part = min(SHARES, key=lambda name: has[name] / SHARES[name])
        parts[part] += unit
        has[part] += sum(len(text) for _, _, text in unit)
    return parts


def to_learn(blocks, rng):
    """Places of training texts, by chance."""
    size = sum(len(text) for _, _, text in blocks)
    for file, start, text in blocks:
        count = min(len(text) - 1, int(TRAIN_ROWS * len(text) / size + rng.random()))
        for at in sorted(rng.sample(range(1, len(text)), count)):
            yield file, start + at, text[max(0, at - CONTEXT) : at], text[at]


def to_tell(blocks, learnt, seed):
    """Places so far apart that none is shown before another, and nothing that soon follows one is shown at all.

    Passages that stand in a training text are not asked for: they would only be remembered."""
    half = COPIED // 2
    known = {text[at : at + half] for _, _, text in learnt for at in range(0, len(text) - half + 1, half)}
    for file, start, text in blocks:
        # What is drawn for a text depends on its name, not on what it says.
        rng = random.Random(f"{seed} {file} {start}")
        at = rng.randrange(1, STEP)
        while at < len(text):
            end = text[max(0, at - COPIED) : at]
            alike = any(end[place : place + half] in known for place in range(len(end) - half + 1))
            if not (alike and any(end in text for _, _, text in learnt)):
                yield rng.random(), file, start + at, text[max(0, at - CONTEXT) : at], text[at]
            at += STEP + rng.randrange(JITTER)


def main():
    data, out, seed = arguments()
    seed += SHUFFLE
    rng = random.Random(seed)
    parts = divide(pieces(read(data, rng)))
    rows = {part: sorted(to_tell(blocks, parts["train"], seed))[:ROWS] for part, blocks in parts.items() if part != "train"}
    rows = {"train": list(to_learn(parts["train"], rng))} | {part: [row[1:] for row in some] for part, some in rows.items()}
    short = [part for part, some in rows.items() if len(some) < FEWEST]
    if short:
        sys.exit(f"there is too little text, or too many copies: the parts {', '.join(short)} have fewer than {FEWEST} places")
    # Rare characters, and all that training does not show, are one class.
    counts = Counter(character for _, _, _, character in rows["train"])
    own = [character for character, count in counts.most_common(CLASSES) if count >= RARE]
    if len(own) == len(counts):
        own.pop()
    names = {character: f"u{ord(character):04x}" for character in own}
    classes = sorted(names.values()) + ["other"]
    # Names say nothing about a place, nor does the order of the rows.
    numbers = list(range(sum(map(len, rows.values()))))
    rng.shuffle(numbers)
    listed = []
    for part, some in rows.items():
        some = sorted([f"c{numbers.pop():07d}", context, names.get(character, "other"), f"{file}:{at}"]
                      for file, at, context, character in some)
        listed += [[row[0], row[3], part] for row in some]
        if part == "train":
            save(out / "public/train.csv", ["row_id", "context", TARGET], [row[:3] for row in some], csv.QUOTE_ALL)
        else:
            save(out / f"public/{part}/inputs.csv", ["row_id", "context"], [row[:2] for row in some], csv.QUOTE_ALL)
            save(out / f"private/{part}/answers.csv", ["row_id", TARGET], [[row[0], row[2]] for row in some])
            save(out / f"private/{part}/classes.csv", ["class"], [[name] for name in classes])
    save(out / "private/rows.csv", ["row_id", "raw_row", "part"], listed, csv.QUOTE_ALL)
    (out / "public/texts").mkdir()
    for number, (_, _, text) in enumerate(parts["train"]):
        (out / f"public/texts/t{number:05d}.txt").write_bytes(text.encode())


main()
