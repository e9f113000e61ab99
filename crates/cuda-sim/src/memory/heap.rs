//! Allocations, and who an address belongs to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use super::cells::Cells;
use crate::exec::trace::Trace;

/// Where the first allocation lies.
const FIRST: u64 = 0x0007_0000_0000;
/// Allocations start at multiples of this, as on hardware.
const GRAIN: u64 = 512;
/// Bytes between two allocations that belong to nobody, at least.
const RED_ZONE: u64 = 512;

/// Memory that can't be had or given back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeapError {
    /// More than the device has.
    #[error("{asked} bytes asked for, {free} are free")]
    Full {
        /// Bytes asked for.
        asked: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Nothing was allocated there.
    #[error("{address:#x} is not the start of an allocation")]
    Unknown {
        /// The address.
        address: u64,
    },
}

/// A piece of device memory.
#[derive(Debug)]
pub struct Allocation {
    base: u64,
    name: String,
    read_only: bool,
    cells: Cells,
    /// One bit a byte: whether it was ever written.
    written: Box<[AtomicU64]>,
    /// All bytes were: nothing more to note.
    complete: AtomicBool,
    /// Who touched it, if that is looked after.
    trace: OnceLock<Trace>,
}

impl Allocation {
    /// At an address of one's own choice.
    pub(crate) fn at(base: u64, bytes: u64, name: &str, read_only: bool) -> Self {
        let words = bytes.div_ceil(64) as usize;
        Self {
            base,
            name: name.to_owned(),
            read_only,
            cells: Cells::new(bytes),
            written: (0..words).map(|_| AtomicU64::new(0)).collect(),
            complete: AtomicBool::new(false),
            trace: OnceLock::new(),
        }
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
            self.complete.store(true, Ordering::Relaxed);
        }
    }

    /// Copies out of it.
    ///
    /// # Panics
    /// If it is shorter.
    pub fn read(&self, at: u64, into: &mut [u8]) {
        self.cells.read(at, into);
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
            let word = &self.written[(at / 64) as usize];
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
            let missing = !self.written[(at / 64) as usize].load(Ordering::Relaxed) & ones;
            if missing != 0 {
                return Some(at - bit + u64::from(missing.trailing_zeros()));
            }
            at += count;
        }
        None
    }
}

/// What was an allocation once.
#[derive(Clone, Debug)]
pub(crate) struct Released {
    pub(crate) base: u64,
    pub(crate) bytes: u64,
    pub(crate) name: String,
}

/// All memory of a device.
#[derive(Debug)]
pub struct Heap {
    live: BTreeMap<u64, Arc<Allocation>>,
    /// What was given back, for as long as nothing else lies there.
    freed: BTreeMap<u64, (u64, String)>,
    next: u64,
    capacity: u64,
    used: u64,
}

impl Heap {
    /// Memory of so many bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            live: BTreeMap::new(),
            freed: BTreeMap::new(),
            next: FIRST,
            capacity,
            used: 0,
        }
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        self.capacity - self.used
    }

    /// Takes memory; addresses are never used twice, so that use after
    /// release is found however late it comes.
    pub fn allocate(
        &mut self,
        bytes: u64,
        name: &str,
        read_only: bool,
    ) -> Result<Arc<Allocation>, HeapError> {
        if bytes > self.free_bytes() {
            return Err(HeapError::Full {
                asked: bytes,
                free: self.free_bytes(),
            });
        }
        let base = self.next;
        self.next = (base + bytes + RED_ZONE).next_multiple_of(GRAIN);
        self.used += bytes;
        let allocation = Arc::new(Allocation::at(base, bytes, name, read_only));
        self.live.insert(base, Arc::clone(&allocation));
        Ok(allocation)
    }

    /// Gives memory back.
    pub fn release(&mut self, base: u64) -> Result<(), HeapError> {
        let Some(allocation) = self.live.remove(&base) else {
            return Err(HeapError::Unknown { address: base });
        };
        self.used -= allocation.bytes();
        let entry = (allocation.bytes(), allocation.name().to_owned());
        self.freed.insert(base, entry);
        Ok(())
    }

    /// The allocation that an address lies in.
    pub fn find(&self, address: u64) -> Option<&Arc<Allocation>> {
        let (_, allocation) = self.live.range(..=address).next_back()?;
        (address - allocation.base() < allocation.bytes()).then_some(allocation)
    }

    /// The name of what lay at an address once.
    pub fn released(&self, address: u64) -> Option<&str> {
        let (base, (bytes, name)) = self.freed.range(..=address).next_back()?;
        (address - base < *bytes).then_some(name)
    }

    /// All that was given back, by address.
    pub(crate) fn all_released(&self) -> Vec<Released> {
        let pieces = self.freed.iter();
        let pieces = pieces.map(|(base, (bytes, name))| Released {
            base: *base,
            bytes: *bytes,
            name: name.clone(),
        });
        pieces.collect()
    }

    /// All allocations, by address.
    pub fn allocations(&self) -> impl Iterator<Item = &Arc<Allocation>> {
        self.live.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_find_their_allocation() {
        let mut heap = Heap::new(1 << 20);
        let a = heap.allocate(100, "a", false).unwrap();
        let b = heap.allocate(8, "b", true).unwrap();
        assert!(b.base() >= a.base() + 100 + RED_ZONE);
        assert_eq!(heap.find(a.base() + 99).unwrap().name(), "a");
        assert!(heap.find(a.base() + 100).is_none());
        assert!(heap.find(a.base() - 1).is_none());
        heap.release(a.base()).unwrap();
        assert!(heap.find(a.base()).is_none());
        assert_eq!(heap.released(a.base() + 5), Some("a"));
        assert_eq!(
            heap.release(a.base()),
            Err(HeapError::Unknown { address: a.base() })
        );
        assert!(matches!(
            heap.allocate(1 << 21, "c", false),
            Err(HeapError::Full { .. })
        ));
    }

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
}
