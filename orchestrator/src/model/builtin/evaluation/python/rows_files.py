

def raw_rows(place):
    """The rows of the table's files, cells as text; files of a folder follow each other by their names."""
    files = [place]
    if place.is_dir():
        inside = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
        seen = [path for path in inside if not any(part.startswith(".") for part in path.parts)]
        files = [place / path for path in sorted(seen, key=lambda path: path.parts) if is_table(path.name.lower())]
    for path in files:
        yield from rows_of(path)


def is_table(name):
    """Whether a file of this name is a part of the table."""
    return name.endswith(tuple(ENDINGS)) and name not in ("labels.csv", "labels.tsv")
