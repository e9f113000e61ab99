

def near_numbers(rows):
    """Pairs of rows that are almost equal in every one of these columns."""
    columns = []
    for name in NEAR_NUMBERS:
        values = [float(row[name]) for _, row in rows]
        spread = statistics.pstdev(values) or 1.0
        columns.append([value / spread for value in values])
    points = list(zip(*columns))
    sample = range(0, len(points), max(1, len(points) // 200))
    usual = statistics.median(
        min(math.dist(points[a], point) for b, point in enumerate(points) if a != b) for a in sample)
    near = REACH * usual / 100
    # What is near has a near sum: only neighbours there need to be compared.
    order = sorted(range(len(points)), key=lambda place: sum(points[place]))
    for at, place in enumerate(order):
        for other in order[at + 1:]:
            if sum(points[other]) - sum(points[place]) > near * math.sqrt(len(columns)):
                break
            if math.dist(points[place], points[other]) <= near:
                yield place, other
