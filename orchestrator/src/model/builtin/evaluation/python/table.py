

def known(text):
    """Whether a cell holds a value."""
    return text.strip().lower() not in ("", "na", "n/a", "nan", "null", "none", "?")


def read(path):
    """The rows that have a target, with their numbers."""
    rows = enumerate(raw_rows(path))
    return [(number, row) for number, row in rows if (row[TARGET].strip() if CLASSES else known(row[TARGET]))]
