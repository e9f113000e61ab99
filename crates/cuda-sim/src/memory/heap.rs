//! Who an address belongs to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use thiserror::Error;

use super::allocation::Allocation;
use super::cells::Cells;
use super::kernel_heap::KernelHeap;

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
}
