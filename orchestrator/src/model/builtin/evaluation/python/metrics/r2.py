def metric(pairs, _):
    """The share of the answers' variance that is explained."""
    mean = sum(y for y, _ in pairs) / len(pairs)
    return 1 - sum((p - y) ** 2 for y, p in pairs) / sum((y - mean) ** 2 for y, _ in pairs)
