//! How many blocks fit on a multiprocessor.
//!
//! Threads, blocks and shared memory are counted; registers are not, as PTX
//! has none of a GPU's: a kernel that needs many has fewer blocks there.

use cuda_sim::MAX_THREADS;
use cuda_sim::model::Needs;

use super::Machine;
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::FunctionId;

/// Threads that are scheduled together.
const WARP: u32 = 32;
/// Shared memory is handed out in pieces of this: CUDA occupancy calculator,
/// compute capability 8.0 and later.
const SHARED_PIECE: u32 = 128;

impl Machine {
    /// Blocks of so many threads, with so many bytes of dynamic shared
    /// memory, that fit on a multiprocessor.
    pub fn occupancy(
        &self,
        caller: &Caller,
        id: FunctionId,
        threads: u32,
        dynamic: u32,
    ) -> Result<u32, Error> {
        let function = self.function(caller, id)?;
        if threads == 0 {
            return Err(Error::InvalidValue);
        }
        if threads > function.attributes.max_threads || dynamic > function.most_dynamic {
            return Ok(0);
        }
        let occupancy = self.settings.device.figures.processor.occupancy(Needs {
            threads,
            registers: 0,
            shared_bytes: function.attributes.shared_bytes + dynamic,
        });
        Ok(occupancy.blocks())
    }

    /// Blocks that are worth a look: whole warps, and the greatest; at most
    /// `limit` threads (0 is no limit).
    pub fn occupancy_candidates(
        &self,
        caller: &Caller,
        id: FunctionId,
        limit: u32,
    ) -> Result<Vec<u32>, Error> {
        let most = self.function(caller, id)?.attributes.max_threads;
        let most = if limit == 0 { most } else { most.min(limit) };
        let warps = (1..=MAX_THREADS / WARP).map(|warps| warps * WARP);
        let mut all: Vec<_> = warps.filter(|&threads| threads < most).collect();
        all.push(most);
        Ok(all)
    }

    /// Of blocks with the dynamic shared memory that each needs, the one with
    /// which most threads are on a multiprocessor, and the grid of it that
    /// fills the device: blocks, threads.
    pub fn occupancy_best(
        &self,
        caller: &Caller,
        id: FunctionId,
        candidates: &[(u32, u32)],
    ) -> Result<(u32, u32), Error> {
        let mut best = (0, 0, 0);
        for &(threads, dynamic) in candidates {
            let blocks = self.occupancy(caller, id, threads, dynamic)?;
            if blocks * threads >= best.0 {
                best = (blocks * threads, blocks, threads);
            }
        }
        let (_, blocks, threads) = best;
        Ok((blocks * self.settings.device.figures.processors, threads))
    }

    /// Dynamic shared memory that each of so many blocks could have, if all
    /// are to be on one multiprocessor.
    pub fn occupancy_shared(
        &self,
        caller: &Caller,
        id: FunctionId,
        blocks: u32,
        threads: u32,
    ) -> Result<u64, Error> {
        let function = self.function(caller, id)?;
        let device = self.settings.device;
        let without = self.occupancy(caller, id, threads, 0)?;
        if blocks == 0 || blocks > without {
            return Err(Error::InvalidValue);
        }
        let each = device.figures.processor.shared_bytes / blocks / SHARED_PIECE * SHARED_PIECE;
        let taken = function.attributes.shared_bytes + device.shared_reserved();
        let most = device.shared_per_block();
        let most = most.saturating_sub(function.attributes.shared_bytes);
        Ok(each.saturating_sub(taken).min(most).into())
    }
}
