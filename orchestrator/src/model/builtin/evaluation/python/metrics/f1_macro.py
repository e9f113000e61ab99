def metric(pairs):
    """The mean of F1 over the classes of answers and predictions."""
    scores = []
    for kind in sorted({kind for pair in pairs for kind in pair}):
        hits = sum(y == kind == p for y, p in pairs)
        scores.append(2 * hits / sum((y == kind) + (p == kind) for y, p in pairs))
    return sum(scores) / len(scores)
