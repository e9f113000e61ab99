//! A piece of device memory, with what is known of its bytes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::cells::Cells;
use crate::exec::trace::Trace;

/// A piece of device memory.
#[derive(Debug)]
pub struct Allocation {
    base: u64,
    name: String,
    read_only: bool,
    cells: Cells,
    /// One bit a byte: whether it was ever written.
    written: Cells,
    /// All bytes were: nothing more to note.
    complete: AtomicBool,
    /// Who touched it, if that is looked after.
    trace: OnceLock<Trace>,
}

impl Allocation {
    /// At an address of one's own choice.
    ///
    /// # Panics
    /// If this machine has no room for it.
    pub(crate) fn at(base: u64, bytes: u64, name: &str, read_only: bool) -> Self {
        Self::of(Cells::new(bytes), Some(base), name, read_only)
            .expect("this machine has room for it")
    }

    /// Without an address it has that of its bytes in this program.
    pub(super) fn of(cells: Cells, base: Option<u64>, name: &str, read_only: bool) -> Option<Self> {
        let written = Cells::aligned(cells.bytes().div_ceil(64) * 8, 0, 8)?;
        Some(Self {
            base: base.unwrap_or_else(|| cells.address()),
            name: name.to_owned(),
            read_only,
            cells,
            written,
            complete: AtomicBool::new(false),
            trace: OnceLock::new(),
        })
    }

    /// Its address.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.cells.bytes()
    }

    /// What it is called in findings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether kernels may only read it.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(crate) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Copies into it `at` so many bytes from its start.
    ///
    /// # Panics
    /// If it is shorter.
    pub fn write(&self, at: u64, from: &[u8]) {
        self.cells.write(at, from);
        self.mark(at, from.len() as u64);
        if from.len() as u64 == self.bytes() {
            self.set_complete();
        }
    }

    /// Copies out of it.
    ///
    /// # Panics
    /// If it is shorter.
    pub fn read(&self, at: u64, into: &mut [u8]) {
        self.cells.read(at, into);
    }

    /// Sets bytes from `at` on to a pattern, over and over.
    ///
    /// # Panics
    /// If it is shorter, or the pattern empty.
    pub fn fill(&self, at: u64, bytes: u64, pattern: &[u8]) {
        const CHUNK: usize = 1 << 12;
        let chunk: Vec<u8> = pattern
            .iter()
            .copied()
            .cycle()
            .take(CHUNK / pattern.len() * pattern.len())
            .collect();
        let mut done = 0;
        while done < bytes {
            let length = (bytes - done).min(chunk.len() as u64);
            self.write(at + done, &chunk[..length as usize]);
            done += length;
        }
        if bytes == self.bytes() {
            self.set_complete();
        }
    }

    /// Copies to another allocation, or to another place of this one as
    /// `memmove` does. What nobody has written stays unwritten there.
    ///
    /// # Panics
    /// If either is shorter.
    pub fn copy_to(&self, from: u64, target: &Self, to: u64, bytes: u64) {
        const CHUNK: u64 = 1 << 16;
        let mut buffer = vec![0; bytes.min(CHUNK) as usize];
        let mut copy = |at: u64, length: u64| {
            let part = &mut buffer[..length as usize];
            self.read(from + at, part);
            target.cells.write(to + at, part);
        };
        let backwards = std::ptr::eq(self, target) && from < to;
        let chunks = bytes.div_ceil(CHUNK);
        let unwritten = self.unwritten_runs(from, bytes);
        for number in 0..chunks {
            let number = if backwards {
                chunks - 1 - number
            } else {
                number
            };
            let at = number * CHUNK;
            copy(at, CHUNK.min(bytes - at));
        }
        if unwritten.is_empty() && bytes == target.bytes() {
            target.set_complete();
        }
        let mut at = from;
        for (start, end) in unwritten {
            target.mark(to + (at - from), start - at);
            at = end;
        }
        target.mark(to + (at - from), from + bytes - at);
    }

    /// Whether the bytes around one were written.
    #[inline]
    fn word(&self, at: u64) -> &AtomicU64 {
        self.written.view64(at / 64 * 8)
    }

    /// Notes that all of it was written.
    pub(super) fn set_complete(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    /// Pieces of these bytes that nobody has written: start and end.
    fn unwritten_runs(&self, at: u64, bytes: u64) -> Vec<(u64, u64)> {
        let end = at + bytes;
        let mut runs: Vec<(u64, u64)> = Vec::new();
        let mut at = at;
        while let Some(first) = self.unwritten(at, end - at) {
            let mut last = first + 1;
            while last < end && self.unwritten(last, 1).is_some() {
                // Whole words at once: allocations start as one long run.
                let whole = last.is_multiple_of(64) && end - last >= 64;
                let empty = whole && self.word(last).load(Ordering::Relaxed) == 0;
                last += if empty { 64 } else { 1 };
            }
            runs.push((first, last));
            at = last;
        }
        runs
    }

    /// Notes that bytes were written.
    pub(crate) fn mark(&self, at: u64, bytes: u64) {
        if self.is_complete() {
            return;
        }
        let end = at + bytes;
        let mut at = at;
        while at < end {
            let bit = at % 64;
            let count = (64 - bit).min(end - at);
            let ones = u64::MAX >> (64 - count) << bit;
            let word = self.word(at);
            if word.load(Ordering::Relaxed) & ones != ones {
                word.fetch_or(ones, Ordering::Relaxed);
            }
            at += count;
        }
    }

    /// Who touched it. What one launch has noted means nothing to the next,
    /// which takes over the memory for it.
    pub(crate) fn trace(&self) -> &Trace {
        self.trace.get_or_init(|| Trace::new(self.bytes()))
    }

    /// Whether all of it was written at once.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    /// Forgets that the first of its bytes were written.
    pub(crate) fn forget(&self, bytes: u64) {
        self.complete.store(false, Ordering::Relaxed);
        for at in (0..bytes).step_by(64) {
            self.word(at).store(0, Ordering::Relaxed);
        }
    }

    /// The first of so many bytes, from `at` on, that nobody has written.
    ///
    /// # Panics
    /// If it is shorter, unless all of it was written at once.
    pub fn unwritten(&self, at: u64, bytes: u64) -> Option<u64> {
        if self.is_complete() {
            return None;
        }
        let end = at + bytes;
        let mut at = at;
        while at < end {
            let bit = at % 64;
            let count = (64 - bit).min(end - at);
            let ones = u64::MAX >> (64 - count) << bit;
            let missing = !self.word(at).load(Ordering::Relaxed) & ones;
            if missing != 0 {
                return Some(at - bit + u64::from(missing.trailing_zeros()));
            }
            at += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::memory::Heap;

    #[test]
    fn bytes_there_and_back_and_what_was_written() {
        let mut heap = Heap::new(1 << 20);
        let a = heap.allocate(200, "a", false).unwrap();
        let bytes: Vec<u8> = (0..=130).collect();
        a.write(3, &bytes);
        let mut back = vec![0; 131];
        a.read(3, &mut back);
        assert_eq!(back, bytes);
        assert_eq!(a.unwritten(3, 131), None);
        assert_eq!(a.unwritten(2, 4), Some(2));
        assert_eq!(a.unwritten(100, 64), Some(134));
    }

    #[test]
    fn copies_carry_what_was_written() {
        let mut heap = Heap::new(1 << 20);
        let a = heap.allocate(300, "a", false).unwrap();
        let b = heap.allocate(300, "b", false).unwrap();
        a.write(10, &[1, 2, 3]);
        a.fill(200, 7, &[4, 5]);
        a.copy_to(0, &b, 20, 250);
        let mut back = [0; 3];
        b.read(30, &mut back);
        assert_eq!(back, [1, 2, 3]);
        assert_eq!(b.unwritten_runs(0, 300), [(0, 30), (33, 220), (227, 300)]);
        let mut back = [0; 7];
        b.read(220, &mut back);
        assert_eq!(back, [4, 5, 4, 5, 4, 5, 4]);
    }

    /// As `memmove` of the same bytes does.
    #[test]
    fn copies_within_one_allocation_may_overlap() {
        const LENGTH: u64 = 200_000;
        let mut heap = Heap::new(1 << 20);
        let bytes: Vec<u8> = (0..LENGTH).map(|at| (at * 7 % 251) as u8).collect();
        for (from, to) in [(0, 1000), (1000, 0), (0, 70_000), (70_000, 3)] {
            let a = heap.allocate(LENGTH, "a", false).unwrap();
            a.write(0, &bytes);
            a.copy_to(from, &a, to, 120_000);
            let mut expected = bytes.clone();
            expected.copy_within(from as usize..from as usize + 120_000, to as usize);
            let mut back = vec![0; LENGTH as usize];
            a.read(0, &mut back);
            assert!(back == expected, "{from} to {to}");
        }
    }
}
