//! Which bytes of global memory a launch touches at all.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counters::{Counters, SECTOR};
use super::shared::Way;
use crate::memory::Allocation;

/// A bit for each sector.
type Bits = Box<[AtomicU64]>;

/// Of one allocation.
#[derive(Debug)]
struct Marks {
    read: Bits,
    written: Bits,
}

/// The sectors that were touched, by the number of their allocation. Bits are
/// only ever set, so it does not matter in which order blocks run.
#[derive(Debug)]
pub(crate) struct Footprint {
    marks: Vec<OnceLock<Marks>>,
}

impl Footprint {
    pub(crate) fn new(allocations: usize) -> Self {
        Self {
            marks: (0..allocations).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Notes sectors of an allocation, counted from its start: allocations
    /// start at multiples of one.
    pub(super) fn mark(&self, number: usize, bytes: u64, way: Way, sectors: Range<u64>) {
        let marks = self.marks[number].get_or_init(|| {
            let words = bytes.div_ceil(SECTOR * 64);
            let none = || (0..words).map(|_| AtomicU64::new(0)).collect();
            Marks {
                read: none(),
                written: none(),
            }
        });
        if way != Way::Write {
            set(&marks.read, sectors.clone());
        }
        if way != Way::Read {
            set(&marks.written, sectors);
        }
    }

    /// Fills in what was touched.
    pub(crate) fn count(&self, allocations: &[impl AsRef<Allocation>], counters: &mut Counters) {
        for (marks, allocation) in self.marks.iter().zip(allocations) {
            let Some(marks) = marks.get() else { continue };
            let bytes = allocation.as_ref().bytes();
            for (at, (read, written)) in (0..).zip(marks.read.iter().zip(&marks.written)) {
                let [read, written] = [read, written].map(|bits| bits.load(Ordering::Relaxed));
                let touched = |bits| bytes_of(bits, at, bytes);
                counters.read_footprint += touched(read);
                counters.written_footprint += touched(written);
                counters.touched_footprint += touched(read | written);
            }
        }
    }
}

/// The bytes of a word's sectors; the last sector may be cut off.
fn bytes_of(bits: u64, word: u64, bytes: u64) -> u64 {
    let last = bytes.saturating_sub(1) / SECTOR;
    let cut = last / 64 == word && bits >> (last % 64) & 1 == 1;
    let missing = if cut { (last + 1) * SECTOR - bytes } else { 0 };
    u64::from(bits.count_ones()) * SECTOR - missing
}

fn set(bits: &Bits, sectors: Range<u64>) {
    let mut at = sectors.start;
    while at < sectors.end {
        let bit = at % 64;
        let count = (64 - bit).min(sectors.end - at);
        let ones = u64::MAX >> (64 - count) << bit;
        let word = &bits[(at / 64) as usize];
        if word.load(Ordering::Relaxed) & ones != ones {
            word.fetch_or(ones, Ordering::Relaxed);
        }
        at += count;
    }
}
