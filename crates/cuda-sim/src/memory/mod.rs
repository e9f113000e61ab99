//! Device memory.

mod cells;
mod heap;
mod kernel_heap;
mod layout;

pub(crate) use cells::{Cell, Cells};
pub(crate) use heap::Released;
pub use heap::{Allocation, Heap, HeapError};
pub(crate) use kernel_heap::{Chunk, FreeError, KernelHeap, Maker};
pub(crate) use layout::{Layout, Piece};

/// Where generic addresses of shared memory start.
pub(crate) const SHARED: u64 = 0x7f00_0000_0000;
/// Where generic addresses of local memory start.
pub(crate) const LOCAL: u64 = 0x7e00_0000_0000;
/// How far either reaches.
pub(crate) const WINDOW: u64 = 1 << 32;
/// Where the blocks of a cooperative launch meet.
pub(crate) const WORKSPACE: u64 = 0x7c00_0000_0000;
/// Where kernels' arguments lie.
pub(crate) const ARGUMENTS: u64 = 0x7d00_0000_0000;
