def metric(pairs):
    """The share of right classes."""
    return sum(p == y for y, p in pairs) / len(pairs)
