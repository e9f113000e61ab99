

def moment(text):
    """A time as seconds since 1970; a date may be written in digits, or month first."""
    text = text.strip().rstrip("Zz")
    if re.fullmatch(r"(1[6-9]|2[01])\d\d[01]\d([0-3]\d)?", text):
        parts = [int(text[:4]), int(text[4:6]), int(text[6:] or 1)]
    elif re.fullmatch(r"(1[6-9]|2[01])\d\d", text):
        parts = [int(text), 1, 1]
    else:
        try:
            number = float(text)
            return number / (1e9 if number > 1e17 else 1e6 if number > 1e14 else 1e3 if number > 1e11 else 1)
        except ValueError:
            parts = [int(part.strip("Q")) for part in re.split(r"[-/: T.+]", text) if part]
        if len(parts) > 2 and parts[2] > 31 >= parts[0]:
            month, day = parts[:2] if parts[0] <= 12 else parts[1::-1]
            parts[:3] = [parts[2], month, day]
        if "Q" in text:
            parts[1] = 3 * parts[1] - 2
        parts += [1] * (3 - len(parts))
    return datetime(*parts[:6], tzinfo=timezone.utc).timestamp()
