

def same(keys):
    """Pairs of places with equal keys: each with the first."""
    first = {}
    return [(first.setdefault(key, place), place) for place, key in enumerate(keys)]


def connected(count, pairs):
    """Places in groups: those that a pair joins, directly or through others."""
    parents = list(range(count))

    def top(place):
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for a, b in pairs:
        a, b = top(a), top(b)
        parents[max(a, b)] = min(a, b)
    groups = {}
    for place in range(count):
        groups.setdefault(top(place), []).append(place)
    return list(groups.values())


def by_chance(units, kind_of, rng):
    """Shuffled units in the shares that are asked for, kind by kind."""
    parts = {name: [] for name in SHARES}
    kinds = {}
    for unit in units:
        kinds.setdefault(kind_of(unit), []).append(unit)
    for kind in sorted(kinds):
        some = kinds[kind]
        rng.shuffle(some)
        total, seen = sum(map(len, some)), 0
        for unit in some:
            middle = (seen + len(unit) / 2) / total
            seen += len(unit)
            ends = itertools.accumulate(SHARES.values())
            part = next((name for name, end in zip(SHARES, ends) if middle < end), "sealed")
            parts[part] += unit
    return parts
