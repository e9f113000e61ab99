

def divide(rows, rng):
    """Shuffled rows; what belongs together stays on one side."""
    cells = [row for _, row in rows]
    pairs = []
    if GROUP:
        pairs += same([row[GROUP] for row in cells])
    if COPIES:
        pairs += same([tuple(row[name].strip() for name in COPIES) for row in cells])
    if NEAR_NUMBERS:
        pairs += near_numbers(rows)
    if NEAR_TEXT:
        pairs += near_texts([row[NEAR_TEXT] for row in cells])
    units = [[rows[place] for place in unit] for unit in connected(len(rows), pairs)]
    return by_chance(units, lambda unit: unit[0][1][TARGET] if STRATIFIED else "", rng)
