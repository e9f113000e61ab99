//! Device memory.

mod allocation;
mod cells;
mod heap;
mod kernel_heap;
mod layout;

pub use allocation::Allocation;
pub(crate) use cells::{Cell, Cells};
pub(crate) use heap::Released;
pub use heap::{Heap, HeapError, Snapshot};
pub(crate) use kernel_heap::{Chunk, FreeError, KernelHeap, Maker};
pub(crate) use layout::{Layout, Piece};

// All of these lie where no program of this machine has memory (user space ends
// at 2^47), because memory that a kernel shares with the host has the host's
// own addresses.

/// Where generic addresses of shared memory start.
pub(crate) const SHARED: u64 = 0xff00_0000_0000;
/// Where generic addresses of local memory start.
pub(crate) const LOCAL: u64 = 0xfe00_0000_0000;
/// How far either reaches.
pub(crate) const WINDOW: u64 = 1 << 32;
/// Where the blocks of a cooperative launch meet.
pub(crate) const WORKSPACE: u64 = 0xfc00_0000_0000;
/// Where kernels' arguments lie.
pub(crate) const ARGUMENTS: u64 = 0xfd00_0000_0000;
