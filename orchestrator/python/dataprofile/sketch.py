"""Counts over more rows than memory holds: exact while they are few."""

import numpy as np


class Distinct:
    """Distinct hashes and repetitions of a stream.

    Keeps the hashes whose low bits are zero. While fewer than `limit` differ
    no bit is asked for and the counts are exact; then each further bit halves
    what is kept, and the counts are estimates scaled back by it.
    """

    def __init__(self, limit):
        self.limit = limit
        self.bits = 0
        self.hashes = np.empty(0, np.uint64)
        self.counts = np.empty(0, np.int64)
        self.waiting = []
        self.pending = 0

    def add(self, hashes):
        """Takes the hashes of more rows."""
        if self.bits:
            hashes = hashes[(hashes & np.uint64((1 << self.bits) - 1)) == 0]
        if len(hashes):
            self.waiting.append(hashes)
            self.pending += len(hashes)
        if self.pending > self.limit:
            self.merge()

    def merge(self):
        """Folds what waits into what is kept."""
        if not self.waiting:
            return
        new, counts = np.unique(np.concatenate(self.waiting), return_counts=True)
        self.waiting, self.pending = [], 0
        both = np.concatenate((self.hashes, new))
        sums = np.concatenate((self.counts, counts))
        self.hashes, inverse = np.unique(both, return_inverse=True)
        self.counts = np.bincount(inverse, weights=sums, minlength=len(self.hashes)).astype(np.int64)
        while len(self.hashes) > self.limit:
            self.bits += 1
            kept = (self.hashes & np.uint64((1 << self.bits) - 1)) == 0
            self.hashes, self.counts = self.hashes[kept], self.counts[kept]

    @property
    def exact(self):
        """Whether the counts are no estimates."""
        return self.bits == 0

    def distinct(self):
        """How many differ."""
        self.merge()
        return len(self.hashes) << self.bits

    def repeated(self):
        """How many occurred before."""
        self.merge()
        return int(self.counts.sum() - len(self.hashes)) << self.bits


def hash_numbers(values):
    """Hashes of floats whose low bits are as good as their high ones."""
    bits = (np.asarray(values, np.float64) + 0.0).view(np.uint64).copy()
    # The finaliser of a 64-bit mixing function: xor and multiply, twice.
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xFF51AFD7ED558CCD)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xC4CEB9FE1A85EC53)
    bits ^= bits >> np.uint64(33)
    return bits


class Reservoir:
    """A uniform sample of rows: those with the smallest random keys.

    The keys come from one stream, row by row, so the sample does not depend on
    how rows are cut into blocks.
    """

    def __init__(self, size, seed):
        self.size = size
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.frames = []
        self.keys = []
        self.held = 0
        self.threshold = np.inf

    def add(self, frame):
        """Offers more rows."""
        keys = self.random.random(len(frame))
        chosen = np.flatnonzero(keys < self.threshold)
        if not len(chosen):
            return
        self.frames.append(frame.iloc[chosen])
        self.keys.append(keys[chosen])
        self.held += len(chosen)
        if self.held > 2 * self.size:
            self.shrink()

    def shrink(self):
        import pandas as pd

        keys = np.concatenate(self.keys)
        frame = pd.concat(self.frames, ignore_index=True)
        if len(keys) > self.size:
            chosen = np.sort(np.argpartition(keys, self.size - 1)[: self.size])
            frame, keys = frame.iloc[chosen].reset_index(drop=True), keys[chosen]
            self.threshold = keys.max()
        self.frames, self.keys, self.held = [frame], [keys], len(keys)

    def sample(self):
        """The sample, in the order of the rows."""
        self.shrink()
        return self.frames[0]


class Tail:
    """The last rows."""

    def __init__(self, size):
        self.size = size
        self.frames = []
        self.held = 0

    def add(self, frame):
        """Takes more rows."""
        self.frames.append(frame.iloc[-self.size :])
        self.held += len(self.frames[-1])
        while self.held - len(self.frames[0]) >= self.size:
            self.held -= len(self.frames.pop(0))

    def rows(self):
        import pandas as pd

        return pd.concat(self.frames, ignore_index=True).iloc[-self.size :].reset_index(drop=True)
