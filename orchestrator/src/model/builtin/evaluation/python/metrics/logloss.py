def metric(rows, _):
    """The mean negative logarithm of the answer's probability, which counts as 1e-15 at least."""
    return -sum(math.log(max(row[answer], 1e-15)) for answer, row in rows) / len(rows)
