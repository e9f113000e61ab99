def metric(pairs):
    """The share of wrong classes."""
    return sum(p != y for y, p in pairs) / len(pairs)
