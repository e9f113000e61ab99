"""How columns go together, and how the first rows differ from the last."""

import numpy as np

from .series import drift

MOST_COLUMNS = 300
STRONG = 0.95


def correlations(sample, names):
    """Pearson's correlations of the sample's numbers, the strongest first."""
    names = [name for name in names if sample[name].notna().sum() >= 10][:MOST_COLUMNS]
    if len(names) < 2:
        return {"names": names, "matrix": [], "pairs": []}
    matrix = sample[names].corr(min_periods=10).to_numpy()
    pairs = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            if np.isfinite(matrix[i, j]) and abs(matrix[i, j]) >= 0.3:
                pairs.append({"a": names[i], "b": names[j], "r": float(matrix[i, j])})
    pairs.sort(key=lambda pair: (-round(abs(pair["r"]), 9), pair["a"], pair["b"]))
    return {"names": names, "matrix": matrix, "pairs": pairs[:50],
            "strong_pairs": sum(abs(pair["r"]) >= STRONG for pair in pairs)}


def outliers(values):
    """Values beyond three interquartile ranges from the quartiles."""
    values = values[np.isfinite(values)]
    if len(values) < 20:
        return None
    low, high = np.quantile(values, [0.25, 0.75])
    if high == low:
        return None
    reach = 3 * (high - low)
    beyond = (values < low - reach) | (values > high + reach)
    return {"share": float(beyond.mean()), "low_fence": low - reach, "high_fence": high + reach}


def drifts(table, names):
    """Early against late rows, for every column of numbers."""
    if table.whole:
        quarter = max(1, table.rows // 4)
        early, late = table.sample.iloc[:quarter], table.sample.iloc[-quarter:]
    else:
        early, late = table.head, table.tail
    found = {}
    for name in names:
        facts = drift(early[name].to_numpy(np.float64), late[name].to_numpy(np.float64))
        if facts is not None:
            found[name] = facts
    return found
