"""One pass over a table: exact counts, and samples for the rest."""

from collections import Counter

import numpy as np
import pandas as pd

from . import SEED, times
from .sketch import Distinct, Reservoir, Tail, hash_numbers

SAMPLE_CELLS = 1_500_000
SAMPLE_ROWS = 50_000
SAMPLE_BYTES = 48 << 20
FEW = 60
MOST_VALUES = 2000
NUMBER_SHARE = 0.95
LONGEST_CELL = 4000


class Column:
    """What a pass over one column adds up."""

    def __init__(self, name, limit):
        self.name = name
        self.plan = None
        self.rows = self.missing = self.numbers = self.others = self.booleans = 0
        self.least, self.most = np.inf, -np.inf
        self.mean = self.m2 = 0.0
        self.zeros = self.negative = self.infinite = 0
        self.whole = True
        self.distinct = Distinct(limit)
        self.values = Counter()
        self.values_exact = True
        self.longest = 0
        self.characters = 0
        self.steps = times.Steps()
        self.bad_times = 0
        self.first_other = None

    def add(self, series, first_row):
        """Takes the next rows; gives them back converted."""
        self.rows += len(series)
        if first_row == 0:
            self.plan = times.plan_for(self.name, series)
        if self.plan is not None:
            return self.add_times(series)
        if pd.api.types.is_bool_dtype(series.dtype):
            self.booleans += len(series)
            self.add_numbers(series.to_numpy(np.float64))
            return series.astype("float64")
        if pd.api.types.is_numeric_dtype(series.dtype):
            values = series.to_numpy(np.float64, na_value=np.nan)
            self.add_numbers(values, series)
            return pd.Series(values, index=series.index)
        return self.add_texts(series, first_row)

    def add_times(self, series):
        micros, sound = self.plan.micros(series)
        missing = series.isna().to_numpy()
        self.missing += int(missing.sum())
        self.bad_times += int((~sound & ~missing).sum())
        self.steps.add(micros[sound])
        self.distinct.add(hash_numbers(micros[sound].astype(np.float64)))
        stamps = micros.astype("datetime64[us]")
        stamps[~sound] = np.datetime64("NaT")
        return pd.Series(stamps, index=series.index)

    def add_numbers(self, values, series=None):
        sound = values[np.isfinite(values)]
        self.infinite += int(np.isinf(values).sum())
        self.missing += int(np.isnan(values).sum())
        count = len(sound)
        if not count:
            return
        self.least, self.most = min(self.least, sound.min()), max(self.most, sound.max())
        # Chan's update of mean and squared deviations, a block at a time.
        mean = sound.mean()
        m2 = float(((sound - mean) ** 2).sum())
        delta, total = mean - self.mean, self.numbers + count
        self.m2 += m2 + delta * delta * self.numbers * count / total
        self.mean += delta * count / total
        self.numbers = total
        self.zeros += int((sound == 0).sum())
        self.negative += int((sound < 0).sum())
        if self.whole:
            self.whole = bool((sound == np.floor(sound)).all())
        if series is not None and self.most > 2**53 and pd.api.types.is_integer_dtype(series.dtype):
            self.distinct.add(pd.util.hash_array(series.dropna().to_numpy(np.int64)))
        else:
            self.distinct.add(hash_numbers(sound))
        if self.values_exact:
            found, counts = np.unique(sound, return_counts=True)
            if len(found) > FEW:
                self.values_exact, self.values = False, Counter()
            else:
                self.count(zip(found.tolist(), counts.tolist(), strict=True), len(found), FEW)

    def add_texts(self, series, first_row):
        filled = series.dropna()
        lowered = filled
        if series.dtype == object:
            lowered = filled.map(lambda value: value if isinstance(value, str) else str(value))
        if len(filled) and isinstance(filled.iloc[0], (bool, np.bool_)):
            self.booleans += len(filled)
            numbers = filled.map(lambda v: float(v) if isinstance(v, (bool, np.bool_)) else np.nan)
            converted = numbers.astype(float).reindex(series.index)
            self.add_numbers(converted.to_numpy())
            return converted
        # Trying to read words as numbers is slow: a few tell whether to try.
        head = pd.to_numeric(lowered.iloc[:200], errors="coerce")
        share, numbers = float(head.notna().mean()) if len(head) else 0.0, None
        if share >= 0.5 or self.numbers > self.others:
            numbers = pd.to_numeric(lowered, errors="coerce")
            share = float(numbers.notna().mean())
        if numbers is not None and (share >= 0.8 or (self.numbers > self.others and share > 0)):
            # Stray words in a column of numbers.
            strange = numbers.isna()
            self.others += int(strange.sum())
            if strange.any() and self.first_other is None:
                label = strange.idxmax()
                self.first_other = (first_row + series.index.get_loc(label), str(lowered[label])[:80])
            values = numbers.reindex(series.index).to_numpy(np.float64)
            self.add_numbers(values)
            self.missing -= int(strange.sum())
            return pd.Series(values, index=series.index)
        self.missing += len(series) - len(filled)
        self.others += len(filled)
        if not len(filled):
            return series.astype("object")
        counts = lowered.value_counts(sort=False)
        lengths = counts.index.str.len().to_numpy()
        self.longest = max(self.longest, int(lengths.max()))
        self.characters += int((lengths * counts.to_numpy()).sum())
        self.distinct.add(pd.util.hash_array(counts.index.to_numpy(object)))
        pairs = sorted(zip(counts.index.str.slice(0, 80), counts.tolist(), strict=True), key=lambda p: (-p[1], p[0]))
        self.count(pairs[:MOST_VALUES], len(pairs), MOST_VALUES)
        cut = lowered.str.slice(0, LONGEST_CELL)
        return cut.reindex(series.index).astype("object")

    def count(self, pairs, length, most):
        """Adds to the counts of values, as long as they are few."""
        for value, count in pairs:
            self.values[value] += count
        if length > most or len(self.values) > most:
            self.values_exact = False
            self.values = Counter(dict(self.values.most_common(most // 2)))

    @property
    def type(self):
        """The column's type."""
        filled = self.rows - self.missing
        if not filled:
            return "empty"
        if self.plan is not None:
            return "datetime"
        if self.booleans and self.booleans >= 0.99 * filled:
            return "boolean"
        if self.numbers and self.numbers >= NUMBER_SHARE * (self.numbers + self.others):
            return "integer" if self.whole else "number"
        distinct = self.distinct.distinct()
        if distinct <= max(20, min(1000, 0.05 * filled)):
            return "category"
        return "text" if self.characters / max(1, self.others) >= 30 else "string"

    @property
    def std(self):
        """The sample standard deviation."""
        return (self.m2 / (self.numbers - 1)) ** 0.5 if self.numbers > 1 else 0.0


class Table:
    """Everything that one pass over a table found."""

    def __init__(self, stream):
        names = list(stream.columns)
        limit = int(max(2000, min(200_000, 3_000_000 // max(1, len(names)))))
        self.columns = {name: Column(name, limit) for name in names}
        room = min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(names)), int(SAMPLE_BYTES / stream.row_bytes))
        self.sample_rows = max(500, room)
        window = max(500, self.sample_rows // 3)
        self.rows = 0
        self.row_hashes = Distinct(1_000_000)
        reservoir, tail, head, held = Reservoir(self.sample_rows, SEED), Tail(window), [], 0
        for frame in stream.frames():
            frame = frame.reset_index(drop=True)
            hashes = pd.util.hash_pandas_object(hashable(frame), index=False).to_numpy()
            self.row_hashes.add(hashes)
            converted = pd.DataFrame({name: column.add(frame[name], self.rows) for name, column in self.columns.items()})
            self.rows += len(frame)
            if held < window:
                head.append(converted.iloc[: window - held].copy())
                held += len(head[-1])
            reservoir.add(converted)
            tail.add(converted)
        if not self.rows:
            return
        self.sample = reservoir.sample()
        self.whole = len(self.sample) == self.rows
        self.head = pd.concat(head, ignore_index=True)
        self.tail = tail.rows()

    @property
    def window(self):
        """Consecutive rows: all, or the last."""
        return self.sample if self.whole else self.tail

    def of_type(self, *types):
        """Names of the columns of these types."""
        return [name for name, column in self.columns.items() if column.type in types]


def hashable(frame):
    """Rows of mixed objects hash as text."""
    mixed = [name for name in frame.columns if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].astype(str) for name in mixed}) if mixed else frame
