

def number(text):
    """A finite number."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        refuse(f"{text!r} is no number")
    if not math.isfinite(value):
        refuse(f"{text} is not finite")
    return value
