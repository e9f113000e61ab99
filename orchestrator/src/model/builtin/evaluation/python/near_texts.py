

def near_texts(texts):
    """Pairs of texts that share most of their pairs of words: copies, lightly edited."""
    sets, counts = [], Counter()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        sets.append(set(zip(words, words[1:])))
        counts.update(sets[-1])
    shelves = {}
    for place, pairs in enumerate(sets):
        # Alike sets share one of their rarest elements.
        rare = sorted(pairs, key=lambda pair: (counts[pair], pair))
        seen = set()
        for pair in rare[: len(rare) - ALIKE * len(rare) // 100 + 1]:
            for other in shelves.setdefault(pair, []):
                if other not in seen:
                    seen.add(other)
                    shared = len(pairs & sets[other])
                    if 100 * shared >= ALIKE * (len(pairs) + len(sets[other]) - shared):
                        yield other, place
            shelves[pair].append(place)
