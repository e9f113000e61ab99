//! What a block takes of this machine: memory, and the work of setting it up.

use super::rows::LANES;
use super::shared::Shared;
use super::step::Code;
use crate::memory::Layout;

/// Most blocks that run side by side, whatever is asked for.
const MOST_WORKERS: u64 = 256;
/// Bytes that cost as much as an instruction of a warp.
const BYTES_OF_A_STEP: u64 = 512;

/// What each block of a launch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Blocks that run side by side.
    pub(crate) workers: usize,
    /// Bytes of one when it starts.
    pub(crate) block: u64,
    /// Bytes of what functions that were called add to each warp of it.
    pub(crate) calls: u64,
}

/// What setting up so many bytes costs, in instructions of a warp.
pub(crate) fn steps(bytes: u64) -> u64 {
    bytes / BYTES_OF_A_STEP
}

impl Room {
    /// Of a kernel in blocks of so many threads, with so much shared memory
    /// and local memory of each thread, where all blocks that run at once may
    /// take `memory` bytes and `workers` are asked for; the error is how many
    /// bytes one block needs.
    pub(crate) fn new(
        code: &Code,
        (threads, shared, local): (u32, &Layout, u32),
        workers: u64,
        memory: u64,
    ) -> Result<Self, u64> {
        let warps = u64::from(threads.div_ceil(LANES as u32));
        let local = u64::from(local) * LANES as u64;
        let block = warps * (code.template.bytes() + local) + Shared::room(shared);
        let fitting = memory / block.max(1);
        if fitting == 0 {
            return Err(block);
        }
        let workers = workers.clamp(1, MOST_WORKERS).min(fitting);
        Ok(Self {
            workers: workers as usize,
            block,
            calls: (memory / workers - block) / warps.max(1),
        })
    }
}
