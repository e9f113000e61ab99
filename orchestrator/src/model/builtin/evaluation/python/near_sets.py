

def near_sets(sets):
    """Pairs of places whose sets share most of their elements."""
    counts = Counter(element for elements in sets for element in elements)
    shelves = {}
    for place, elements in enumerate(sets):
        # Alike sets share one of their rarest elements.
        rare = sorted(elements, key=lambda element: (counts[element], element))
        seen = set()
        for element in rare[: len(rare) - ALIKE * len(rare) // 100 + 1]:
            for other in shelves.setdefault(element, []):
                if other not in seen:
                    seen.add(other)
                    shared = len(elements & sets[other])
                    if 100 * shared >= ALIKE * (len(elements) + len(sets[other]) - shared):
                        yield other, place
            shelves[element].append(place)
