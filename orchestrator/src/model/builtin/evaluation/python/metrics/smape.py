def metric(pairs, _):
    """The mean absolute error relative to the mean of both magnitudes."""
    return sum(2 * abs(p - y) / (abs(p) + abs(y)) if p != y else 0 for y, p in pairs) / len(pairs)
