

def flat(value, above=""):
    """The cells of an object; those of objects in it have dotted names."""
    cells = {}
    for key, item in value.items():
        cells.update(flat(item, f"{above}{key}.") if isinstance(item, dict) else {above + key: cell(item)})
    return cells


def rows_of(path):
    """The objects of one file, one a line; a key that one lacks is a missing cell."""
    with opened(path) as file:
        for line in file:
            if line.strip():
                yield defaultdict(str, flat(json.loads(line)))
