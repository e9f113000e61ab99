"""Columns of dates and times: recognised, converted, and measured in steps."""

import re
from collections import Counter

import numpy as np
import pandas as pd

EPOCH_NAMES = re.compile(r"(^|_|\b)(time|timestamp|ts|epoch|unix|date|datetime|ds)(_?(s|ms|us|ns|utc))?$", re.I)
TIME_NAMES = re.compile(r"^(ds|ts|t|time|date|datetime|timestamp|day|month|week|hour|period|year)$|date|time", re.I)
LOOKS_LIKE = re.compile(r"^\s*\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([T ]\d|\s*$)|^\s*\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}|^\d{8}$|^\d{4}-?Q[1-4]$")
EPOCHS = [("s", 1e8, 4.2e9), ("ms", 1e11, 4.2e12), ("us", 1e14, 4.2e15), ("ns", 1e17, 4.2e18)]
STEP_NAMES = [
    (1, "second"), (60, "minute"), (300, "5 minutes"), (600, "10 minutes"), (900, "15 minutes"),
    (1800, "30 minutes"), (3600, "hour"), (86400, "day"), (604800, "week"),
]
MOST_STEPS = 4000


class Plan:
    """How a column's values become microseconds since 1970."""

    def __init__(self, kind, **options):
        self.kind = kind
        self.options = options

    def micros(self, series):
        """Microseconds, and which values are times."""
        if self.kind == "native":
            times = series
        elif self.kind == "epoch":
            numbers = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan)
            scale = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[self.options["unit"]]
            sound = np.isfinite(numbers)
            return np.where(sound, numbers * scale, 0).astype(np.int64), sound
        elif self.kind == "digits":
            digits = pd.to_numeric(series, errors="coerce").astype("Int64").astype("string")
            times = pd.to_datetime(digits, errors="coerce", format=self.options["format"], utc=True)
        else:
            times = pd.to_datetime(series, errors="coerce", utc=True, **self.options)
        if getattr(times.dt, "tz", None) is not None:
            times = times.dt.tz_convert("UTC").dt.tz_localize(None)
        values = times.to_numpy("datetime64[us]")
        return values.astype(np.int64), ~np.isnat(values)


def plan_for(name, series):
    """How to read this column's first rows as times, or None."""
    filled = series.dropna()
    if not len(filled):
        return None
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return Plan("native")
    if pd.api.types.is_bool_dtype(series.dtype):
        return None
    if pd.api.types.is_numeric_dtype(series.dtype):
        return plan_for_numbers(name, filled)
    head = filled.iloc[:500].astype(str)
    if sum(bool(LOOKS_LIKE.match(text)) for text in head) < 0.9 * len(head):
        return None
    best = None
    for options in ({}, {"dayfirst": True}, {"format": "mixed"}):
        try:
            parsed = pd.to_datetime(head, errors="coerce", utc=True, **options)
        except (ValueError, TypeError, OverflowError):
            continue
        sound = float(parsed.notna().mean())
        ordered = float((parsed.dropna().diff().dropna() >= pd.Timedelta(0)).mean()) if len(parsed) > 1 else 0.0
        rank = (round(sound, 3), round(ordered, 2) if sound > 0.9 else 0.0)
        if best is None or rank > best[0]:
            best = (rank, options)
    if best is None or best[0][0] < 0.9:
        return None
    return Plan("text", **best[1])


def plan_for_numbers(name, filled):
    head = filled.iloc[:500].astype(float)
    if (head % 1 != 0).any() and head.max() < 1e8:
        return None
    low, high = head.min(), head.max()
    if EPOCH_NAMES.search(str(name)):
        for unit, least, most in EPOCHS:
            if least <= low and high <= most:
                return Plan("epoch", unit=unit)
    if TIME_NAMES.search(str(name)) and (head % 1 == 0).all():
        for form, least, most in (("%Y%m%d", 19000101, 21001231), ("%Y%m", 190001, 210012)):
            if least <= low and high <= most:
                digits = head.astype(int).astype(str)
                if pd.to_datetime(digits, errors="coerce", format=form).notna().all():
                    return Plan("digits", format=form)
    if re.fullmatch(r"year|yr", str(name), re.I) and 1700 <= low and high <= 2200 and head.is_monotonic_increasing:
        return Plan("digits", format="%Y")
    return None


class Steps:
    """The distances between consecutive times of a stream."""

    def __init__(self):
        self.counts = Counter()
        self.last = None
        self.first_at = None
        self.least = None
        self.most = None
        self.backward = 0
        self.repeated = 0
        self.forward = 0

    def add(self, micros):
        """Takes the next times, none of them missing."""
        if not len(micros):
            return
        self.least = int(micros.min()) if self.least is None else min(self.least, int(micros.min()))
        self.most = int(micros.max()) if self.most is None else max(self.most, int(micros.max()))
        joined = micros if self.last is None else np.concatenate(([self.last], micros))
        steps = np.diff(joined)
        self.last = micros[-1]
        self.backward += int((steps < 0).sum())
        self.repeated += int((steps == 0).sum())
        ahead = steps[steps > 0]
        self.forward += len(ahead)
        values, counts = np.unique(ahead, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if value in self.counts or len(self.counts) < MOST_STEPS:
                self.counts[value] += count

    def facts(self):
        """Frequency, gaps and order."""
        if not self.counts:
            return None
        step, same = max(self.counts.items(), key=lambda item: (item[1], -item[0]))
        calendar = calendar_step(self.counts)
        if calendar:
            step, same = calendar
        gaps = {value: count for value, count in self.counts.items() if value > 1.5 * step}
        regular = same / max(1, self.forward)
        if calendar and len(gaps) == 0:
            regular = 1.0
        return {
            "step_s": step / 1e6,
            "step": step_name(step / 1e6),
            "regular_share": regular,
            "gaps": sum(gaps.values()),
            "missing_steps": int(sum(round(value / step - 1) * count for value, count in gaps.items())),
            "largest_gap_s": max(gaps) / 1e6 if gaps else 0.0,
            "repeated_times": self.repeated,
            "backward_steps": self.backward,
            "sorted": self.backward == 0,
        }


def calendar_step(counts):
    """Months, quarters and years have no fixed length; their typical one."""
    total = sum(counts.values())
    for low, high in ((28, 31), (89, 92), (365, 366)):
        inside = {v: c for v, c in counts.items() if low * 86_400e6 <= v <= high * 86_400e6}
        if len(inside) > 1 and sum(inside.values()) > 0.8 * total:
            step = max(inside.items(), key=lambda item: (item[1], -item[0]))[0]
            return step, sum(inside.values())
    return None


def step_name(seconds):
    """A step's usual name."""
    for length, name in STEP_NAMES:
        if abs(seconds - length) < 1e-6 * length:
            return name
    days = seconds / 86400
    for low, high, name in ((28, 31, "month"), (89, 92, "quarter"), (365, 366, "year")):
        if low <= days <= high:
            return name
    return f"{seconds:g} s"


def season_lengths(seconds):
    """Steps of the seasons that calendars give to a frequency."""
    days = seconds / 86400
    if 28 <= days <= 31:
        return [12]
    if 89 <= days <= 92:
        return [4]
    if 6.9 < days < 7.1:
        return [52]
    seasons = []
    for season_s in (60, 3600, 86_400, 604_800, 31_557_600):
        steps = season_s / seconds
        if 2 <= round(steps) <= 20_000 and abs(steps - round(steps)) < 0.3 and steps >= 2:
            seasons.append(round(steps))
    return seasons


def iso(micros):
    """A time as text, to the second."""
    return None if micros is None else str(np.datetime64(int(micros), "us").astype("datetime64[s]"))
