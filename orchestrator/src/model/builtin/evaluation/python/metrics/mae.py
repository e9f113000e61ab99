def metric(pairs, _):
    """The mean absolute error."""
    return sum(abs(p - y) for y, p in pairs) / len(pairs)
