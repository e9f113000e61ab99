def metric(pairs, _):
    """The root of the mean squared error of logarithms."""
    for _, p in pairs:
        if p <= -1:
            refuse(f"{p} has no logarithm")
    return math.sqrt(sum((math.log1p(p) - math.log1p(y)) ** 2 for y, p in pairs) / len(pairs))
