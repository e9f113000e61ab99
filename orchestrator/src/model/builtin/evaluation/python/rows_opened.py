

def opened(path):
    """A file of text, unpacked if gzip has compressed it."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return (gzip.open if packed else open)(path, "rt", newline="", encoding="utf-8-sig")
