def metric(pairs):
    """The mean over the classes of the share that is recognised."""
    shares = []
    for kind in sorted({y for y, _ in pairs}):
        hits = [p == kind for y, p in pairs if y == kind]
        shares.append(sum(hits) / len(hits))
    return sum(shares) / len(shares)
