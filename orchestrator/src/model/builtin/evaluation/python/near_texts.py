

def near_texts(texts):
    """Pairs of texts that share most of their pairs of words: copies, lightly edited."""
    words = (re.findall(r"\w+", text.lower()) for text in texts)
    return near_sets([set(zip(some, some[1:])) for some in words])
