def metric(pairs, _):
    """The root of the mean squared error."""
    return math.sqrt(sum((p - y) ** 2 for y, p in pairs) / len(pairs))
