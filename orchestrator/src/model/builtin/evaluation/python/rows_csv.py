

def raw_rows(path):
    """The rows of the table, cells as text."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)
