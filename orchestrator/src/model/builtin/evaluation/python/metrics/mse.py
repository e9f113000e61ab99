def metric(pairs, _):
    """The mean squared error."""
    return sum((p - y) ** 2 for y, p in pairs) / len(pairs)
