def metric(pairs, _):
    """The mean absolute error relative to the answer."""
    return sum(abs(p - y) / abs(y) for y, p in pairs) / len(pairs)
