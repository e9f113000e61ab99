"""Numbers as they are written down: finite, and no longer than they are sure."""

import json
import math
from pathlib import Path

import numpy as np

DIGITS = 8


def tidy(value):
    """Plain Python values, floats to eight significant digits, no NaN.

    The last digits of a sum depend on how a library splits its loops; they
    must not change a document's bytes.
    """
    if isinstance(value, dict):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if value is None or isinstance(value, str):
        return value
    return str(value)


def write_json(path, document):
    """Writes a document so that a reader never sees half of it."""
    text = json.dumps(tidy(document), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_text(path, text):
    """Writes a text so that a reader never sees half of it."""
    path = Path(path)
    following = path.with_name(path.name + ".new")
    following.write_text(text, encoding="utf-8", errors="replace")
    following.replace(path)


def short(value, digits=4):
    """A number for a sentence."""
    if value is None:
        return "unknown"
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    return f"{float(value):.{digits}g}"


def percent(share):
    """A share for a sentence."""
    if 0 < share < 0.001:
        return f"{100 * share:.2g} %"
    return f"{100 * share:.1f} %"
