

def cell(value):
    """A value as text; nothing for one that is missing."""
    if value is None or value != value:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
