//! Allocations, and who an address belongs to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use thiserror::Error;

use super::cells::Cells;
use super::kernel_heap::KernelHeap;
use crate::exec::trace::Trace;

/// Where the first allocation lies.
const FIRST: u64 = 0x0007_0000_0000;
/// Allocations start at multiples of this, as on hardware.
const GRAIN: u64 = 512;
/// Bytes between two allocations that belong to nobody, at least.
const RED_ZONE: u64 = 512;
/// Memory that the host shares starts at a page of its own.
const PAGE: usize = 4096;
/// Most pieces of released memory that are remembered.
const MOST_RELEASED: usize = 4096;

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
    /// More than this machine has left.
    #[error("this machine has no {asked} bytes left")]
    Machine {
        /// Bytes asked for.
        asked: u64,
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
    fn of(cells: Cells, base: Option<u64>, name: &str, read_only: bool) -> Option<Self> {
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
    fn set_complete(&self) {
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

/// What was an allocation once.
#[derive(Clone, Debug)]
pub(crate) struct Released {
    pub(crate) base: u64,
    pub(crate) bytes: u64,
    pub(crate) name: Arc<str>,
}

/// The allocations of a heap at one moment, as a kernel sees them: what is
/// taken or given back later changes nothing for it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// By address.
    pub(crate) allocations: Vec<Arc<Allocation>>,
    pub(crate) released: Vec<Released>,
    /// That of the heap itself.
    of_kernels: Arc<OnceLock<Arc<KernelHeap>>>,
}

impl Snapshot {
    /// What kernels allocate, if any did or `make` says that one may.
    pub(crate) fn of_kernels(&self, make: bool) -> Option<&Arc<KernelHeap>> {
        if make {
            self.of_kernels.get_or_init(|| Arc::new(KernelHeap::new()));
        }
        self.of_kernels.get()
    }
}

/// Bytes and addresses of a device.
#[derive(Debug)]
struct Bank {
    next: u64,
    capacity: u64,
    used: u64,
}

/// Memory of a device, as one address space sees it.
#[derive(Debug)]
pub struct Heap {
    live: BTreeMap<u64, Arc<Allocation>>,
    /// What was given back, for as long as nothing else lies there.
    freed: BTreeMap<u64, (u64, Arc<str>)>,
    /// What kernels allocate, if any did.
    of_kernels: Arc<OnceLock<Arc<KernelHeap>>>,
    /// Shared by all address spaces of the device.
    bank: Arc<Mutex<Bank>>,
}

impl Drop for Heap {
    fn drop(&mut self) {
        let used: u64 = self.live.values().map(|found| found.bytes()).sum();
        self.bank().used -= used;
    }
}

impl Heap {
    /// Memory of so many bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            live: BTreeMap::new(),
            freed: BTreeMap::new(),
            of_kernels: Arc::default(),
            bank: Arc::new(Mutex::new(Bank {
                next: FIRST,
                capacity,
                used: 0,
            })),
        }
    }

    /// Another address space of the same device: it takes from the same bytes,
    /// and no address is in both.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            live: BTreeMap::new(),
            freed: BTreeMap::new(),
            of_kernels: Arc::default(),
            bank: Arc::clone(&self.bank),
        }
    }

    fn bank(&self) -> MutexGuard<'_, Bank> {
        self.bank.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        let bank = self.bank();
        bank.capacity - bank.used
    }

    /// Bytes of the device.
    pub fn capacity(&self) -> u64 {
        self.bank().capacity
    }

    /// Takes memory; addresses are never used twice, so that use after
    /// release is found however late it comes.
    pub fn allocate(
        &mut self,
        bytes: u64,
        name: &str,
        read_only: bool,
    ) -> Result<Arc<Allocation>, HeapError> {
        self.take(bytes)?;
        let base = self.reserve(bytes);
        self.place(
            Cells::aligned(bytes, 0, 8),
            Some(base),
            bytes,
            name,
            read_only,
        )
    }

    /// Takes memory that the host can access too: its address is that of its
    /// bytes in the memory of this program, which may be used again after
    /// release. What the host writes there is not seen, so it counts as
    /// written.
    pub fn allocate_shared(
        &mut self,
        bytes: u64,
        name: &str,
    ) -> Result<Arc<Allocation>, HeapError> {
        self.take(bytes)?;
        let cells = Cells::aligned(bytes, RED_ZONE, PAGE);
        let made = self.place(cells, None, bytes, name, false)?;
        made.set_complete();
        let end = made.base() + bytes;
        let mut gone = Vec::new();
        for (base, (length, _)) in self.freed.range(..end).rev() {
            if base + length <= made.base() {
                break;
            }
            gone.push(*base);
        }
        for base in gone {
            self.freed.remove(&base);
        }
        Ok(made)
    }

    /// Sets addresses apart for memory that is taken later, and maybe often.
    pub fn reserve(&mut self, bytes: u64) -> u64 {
        let mut bank = self.bank();
        let base = bank.next;
        bank.next = base
            .saturating_add(bytes)
            .saturating_add(RED_ZONE)
            .next_multiple_of(GRAIN);
        base
    }

    /// Takes memory at addresses that were set apart for as many bytes.
    pub fn allocate_at(
        &mut self,
        base: u64,
        bytes: u64,
        name: &str,
    ) -> Result<Arc<Allocation>, HeapError> {
        if self.live.contains_key(&base) {
            return Err(HeapError::Unknown { address: base });
        }
        self.take(bytes)?;
        let made = self.place(Cells::aligned(bytes, 0, 8), Some(base), bytes, name, false)?;
        self.freed.remove(&base);
        Ok(made)
    }

    /// Counts bytes as used.
    fn take(&self, bytes: u64) -> Result<(), HeapError> {
        let mut bank = self.bank();
        let free = bank.capacity - bank.used;
        if bytes > free {
            return Err(HeapError::Full { asked: bytes, free });
        }
        bank.used += bytes;
        Ok(())
    }

    fn place(
        &mut self,
        cells: Option<Cells>,
        base: Option<u64>,
        bytes: u64,
        name: &str,
        read_only: bool,
    ) -> Result<Arc<Allocation>, HeapError> {
        let made = cells.and_then(|cells| Allocation::of(cells, base, name, read_only));
        let Some(made) = made else {
            self.bank().used -= bytes;
            return Err(HeapError::Machine { asked: bytes });
        };
        let made = Arc::new(made);
        self.live.insert(made.base(), Arc::clone(&made));
        Ok(made)
    }

    /// Gives memory back.
    pub fn release(&mut self, base: u64) -> Result<(), HeapError> {
        let Some(allocation) = self.live.remove(&base) else {
            return Err(HeapError::Unknown { address: base });
        };
        self.bank().used -= allocation.bytes();
        let entry = (allocation.bytes(), allocation.name().into());
        self.freed.insert(base, entry);
        if self.freed.len() > MOST_RELEASED {
            self.freed.pop_first();
        }
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

    /// All allocations, by address.
    pub fn allocations(&self) -> impl Iterator<Item = &Arc<Allocation>> {
        self.live.values()
    }

    /// What a kernel sees that starts now.
    pub fn snapshot(&self) -> Snapshot {
        let released = self.freed.iter();
        let released = released.map(|(base, (bytes, name))| Released {
            base: *base,
            bytes: *bytes,
            name: Arc::clone(name),
        });
        Snapshot {
            allocations: self.allocations().map(Arc::clone).collect(),
            released: released.collect(),
            of_kernels: Arc::clone(&self.of_kernels),
        }
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

    #[test]
    fn address_spaces_share_bytes_but_no_address() {
        let mut heap = Heap::new(1000);
        let mut other = heap.beside();
        let a = heap.allocate(600, "a", false).unwrap();
        assert_eq!(
            other.allocate(500, "b", false).unwrap_err(),
            HeapError::Full {
                asked: 500,
                free: 400
            }
        );
        let b = other.allocate(400, "b", false).unwrap();
        assert!(b.base() >= a.base() + 600 + RED_ZONE);
        assert!(heap.find(b.base()).is_none());
        assert_eq!(heap.free_bytes(), 0);
        drop(other);
        assert_eq!(heap.free_bytes(), 400);
    }

    #[test]
    fn reserved_addresses_are_taken_again_and_again() {
        let mut heap = Heap::new(1000);
        let base = heap.reserve(100);
        assert!(heap.find(base).is_none());
        for _ in 0..2 {
            let a = heap.allocate_at(base, 100, "a").unwrap();
            assert_eq!(a.base(), base);
            assert!(heap.released(base).is_none());
            assert!(heap.allocate_at(base, 100, "a").is_err());
            heap.release(base).unwrap();
            assert_eq!(heap.released(base), Some("a"));
        }
        assert_eq!(heap.free_bytes(), 1000);
    }

    #[test]
    fn shared_memory_lies_where_the_host_sees_it() {
        let mut heap = Heap::new(1 << 20);
        let a = heap.allocate_shared(100, "a").unwrap();
        assert_eq!(a.base(), a.cells().address());
        assert!(a.base().is_multiple_of(PAGE as u64));
        assert_eq!(a.unwritten(0, 100), None);
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
