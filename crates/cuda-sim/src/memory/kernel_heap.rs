//! Memory that kernels allocate: CUDA C++ programming guide 13.0, "Dynamic global
//! memory allocation and operations".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::allocation::Allocation;
use super::heap::Released;

/// Where it lies.
const BASE: u64 = 0xfb00_0000_0000;
/// Addresses of one launch are never used twice, so there are more than bytes:
/// a page is taken from this machine when something is written there.
const REGION: u64 = 256 << 20;
/// What `malloc` answers is a multiple of this.
const ALIGN: u64 = 16;
/// Bytes between two pieces that belong to none, at least.
const GAP: u64 = 64;

/// Who allocated a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) kernel: String,
    /// Line of the PTX.
    pub(crate) line: u32,
    pub(crate) source: Option<(String, u32)>,
    pub(crate) block: [u32; 3],
    pub(crate) thread: [u32; 3],
}

impl Maker {
    /// What the piece is called in findings.
    pub(crate) fn name(&self) -> String {
        match &self.source {
            Some((file, line)) => format!("malloc at {file}:{line}"),
            None => format!("malloc at line {} of the PTX", self.line),
        }
    }
}

/// A piece of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) base: u64,
    pub(crate) bytes: u64,
    pub(crate) maker: Maker,
}

/// A call of `free` that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FreeError {
    /// It was given back already.
    Twice,
    /// Nothing was allocated there.
    Unknown,
}

#[derive(Debug, Default)]
struct Pieces {
    next: u64,
    used: u64,
    live: BTreeMap<u64, Chunk>,
    freed: BTreeMap<u64, Chunk>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct KernelHeap {
    memory: Arc<Allocation>,
    pieces: Mutex<Pieces>,
}

impl KernelHeap {
    pub(crate) fn new() -> Self {
        Self {
            memory: Arc::new(Allocation::at(BASE, REGION, "the kernels' heap", false)),
            pieces: Mutex::default(),
        }
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lies under all pieces.
    pub(crate) fn memory(&self) -> &Arc<Allocation> {
        &self.memory
    }

    /// Takes memory; 0, as `malloc` has it, if more than `most` bytes would be in
    /// use, and nothing if there is no address left.
    pub(crate) fn allocate(&self, bytes: u64, most: u64, maker: Maker) -> Option<u64> {
        let mut pieces = self.pieces();
        if bytes > most.saturating_sub(pieces.used) {
            return Some(0);
        }
        let start = pieces.next;
        let end = start.checked_add(bytes).filter(|end| *end <= REGION)?;
        let base = BASE + start;
        pieces.next = (end + GAP).next_multiple_of(ALIGN);
        pieces.used += bytes;
        pieces.live.insert(base, Chunk { base, bytes, maker });
        Some(base)
    }

    /// Gives memory back.
    pub(crate) fn release(&self, base: u64) -> Result<(), FreeError> {
        let mut pieces = self.pieces();
        match pieces.live.remove(&base) {
            Some(chunk) => {
                pieces.used -= chunk.bytes;
                pieces.freed.insert(base, chunk);
                Ok(())
            }
            None if pieces.freed.contains_key(&base) => Err(FreeError::Twice),
            None => Err(FreeError::Unknown),
        }
    }

    /// Whether an access lies in one piece.
    pub(crate) fn holds(&self, address: u64, bytes: u32) -> bool {
        let pieces = self.pieces();
        let before = pieces.live.range(..=address).next_back();
        before.is_some_and(|(base, chunk)| {
            (address - base).saturating_add(u64::from(bytes)) <= chunk.bytes
        })
    }

    /// The piece at or before an address, if that is one of this heap.
    pub(crate) fn near(&self, address: u64) -> Option<Chunk> {
        if address.wrapping_sub(BASE) >= REGION {
            return None;
        }
        let pieces = self.pieces();
        let last = |chunks: &BTreeMap<u64, Chunk>| {
            let found = chunks.range(..=address).next_back();
            found.map(|(_, chunk)| chunk.clone())
        };
        let (live, freed) = (last(&pieces.live), last(&pieces.freed));
        live.into_iter().chain(freed).max_by_key(|chunk| chunk.base)
    }

    /// The piece that an address was in until it was given back.
    pub(crate) fn released(&self, address: u64) -> Option<Released> {
        let pieces = self.pieces();
        let (base, chunk) = pieces.freed.range(..=address).next_back()?;
        (address - base < chunk.bytes).then(|| Released {
            base: *base,
            bytes: chunk.bytes,
            name: chunk.maker.name().into(),
        })
    }

    /// Pieces that `kernel` has not given back and to which nothing points: no
    /// eight bytes of `memory`, nor of another piece.
    pub(crate) fn lost(&self, kernel: &str, memory: &[Arc<Allocation>]) -> Vec<Chunk> {
        let pieces = self.pieces();
        let mut lost = pieces.live.clone();
        lost.retain(|_, chunk| chunk.maker.kernel == kernel);
        if lost.is_empty() {
            return Vec::new();
        }
        let mut forget = |holder: Option<u64>, word: u64| {
            let found = lost.range(..=word).next_back();
            let found = found.filter(|(base, chunk)| {
                word - **base < chunk.bytes.max(1) && Some(**base) != holder
            });
            if let Some((&base, _)) = found {
                lost.remove(&base);
            }
        };
        for allocation in memory {
            for at in 0..allocation.bytes() / 8 {
                forget(None, allocation.cells().load(at * 8));
            }
        }
        for chunk in pieces.live.values() {
            for at in 0..chunk.bytes / 8 {
                let at = chunk.base - BASE + at * 8;
                forget(Some(chunk.base), self.memory.cells().load(at));
            }
        }
        lost.into_values().collect()
    }

    /// Begins anew, if nothing is in use and half of the addresses are gone:
    /// they may be used again then.
    pub(crate) fn reset(&self) {
        let mut pieces = self.pieces();
        if pieces.live.is_empty() && pieces.next > REGION / 2 {
            self.memory.forget(pieces.next.min(REGION));
            *pieces = Pieces::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker() -> Maker {
        Maker {
            kernel: "k".to_owned(),
            line: 7,
            source: None,
            block: [0; 3],
            thread: [0; 3],
        }
    }

    #[test]
    fn pieces_there_and_back() {
        let heap = KernelHeap::new();
        let a = heap.allocate(24, 100, maker()).unwrap();
        let b = heap.allocate(50, 100, maker()).unwrap();
        assert!(a.is_multiple_of(16) && b.is_multiple_of(16) && b - a >= 24 + GAP);
        assert_eq!(heap.allocate(40, 100, maker()), Some(0));
        assert!(heap.holds(a + 20, 4) && !heap.holds(a + 21, 4) && !heap.holds(a - 1, 1));
        assert_eq!(heap.release(a), Ok(()));
        assert!(!heap.holds(a, 4));
        assert_eq!(heap.release(a), Err(FreeError::Twice));
        assert_eq!(heap.release(b + 16), Err(FreeError::Unknown));
        assert_eq!(
            &*heap.released(a + 23).unwrap().name,
            "malloc at line 7 of the PTX"
        );
        assert!(heap.released(a + 24).is_none());
        assert!(heap.allocate(40, 100, maker()).unwrap() > b);
        assert_eq!(heap.near(b + 60).unwrap().base, b);
        assert_eq!(heap.allocate(REGION, REGION * 2, maker()), None);
    }

    #[test]
    fn what_nothing_points_to_is_lost() {
        let heap = KernelHeap::new();
        let [a, b, c] = [0; 3].map(|_| heap.allocate(16, 100, maker()).unwrap());
        let memory = Arc::new(Allocation::at(512, 16, "m", false));
        memory.write(8, &(a + 8).to_le_bytes());
        heap.memory().write(a - BASE, &b.to_le_bytes());
        heap.memory().write(c - BASE, &c.to_le_bytes());
        let lost = heap.lost("k", &[memory]);
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].base, c);
        assert!(heap.lost("another", &[]).is_empty());
    }

    #[test]
    fn a_heap_in_use_is_not_begun_anew() {
        let heap = KernelHeap::new();
        let a = heap.allocate(REGION / 2 + 1, REGION, maker()).unwrap();
        heap.memory().write(a - BASE, &[1; 16]);
        heap.reset();
        assert!(heap.holds(a, 16));
        heap.release(a).unwrap();
        heap.reset();
        assert_eq!(heap.allocate(16, 100, maker()), Some(a));
        assert_eq!(heap.memory().unwritten(0, 16), Some(0));
        heap.release(a).unwrap();
        heap.reset();
        assert_ne!(heap.allocate(16, 100, maker()), Some(a));
    }
}
