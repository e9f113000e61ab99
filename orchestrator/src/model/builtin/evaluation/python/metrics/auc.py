def area(scored):
    """The chance that a positive scores above a negative; ties count half."""
    scored = sorted(scored)
    positives = sum(positive for _, positive in scored)
    negatives = len(scored) - positives
    if not positives or not negatives:
        return None
    wins, below = 0.0, 0
    for _, tied in itertools.groupby(scored, key=lambda item: item[0]):
        tied = [positive for _, positive in tied]
        wins += sum(tied) * (below + (len(tied) - sum(tied)) / 2)
        below += len(tied) - sum(tied)
    return wins / (positives * negatives)


def metric(rows, classes):
    """The area under the ROC curve: of the second of two classes, else the mean over the classes."""
    of = [1] if classes == 2 else range(classes)
    areas = [area([(row[kind], answer == kind) for answer, row in rows]) for kind in of]
    areas = [value for value in areas if value is not None]
    if not areas:
        refuse("the answers are all of one class")
    return sum(areas) / len(areas)
