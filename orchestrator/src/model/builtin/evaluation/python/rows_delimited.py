

def rows_of(path):
    """The rows of one file."""
    with opened(path) as file:
        yield from csv.DictReader(file, delimiter=DELIMITER)
