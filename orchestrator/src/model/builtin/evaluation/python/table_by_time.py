

def divide(rows, _):
    """Early rows are learnt from, later ones hidden; one moment is never divided."""
    moments = {row[TIME]: moment(row[TIME]) for _, row in rows}
    rows = sorted(rows, key=lambda item: moments[item[1][TIME]])
    parts = {name: [] for name in SHARES}
    names, ends = list(SHARES), list(itertools.accumulate(SHARES.values()))
    part, before = 0, None
    for place, item in enumerate(rows):
        if item[1][TIME] != before:
            while part + 1 < len(names) and place >= ends[part] * len(rows):
                part += 1
        parts[names[part]].append(item)
        before = item[1][TIME]
    return parts
