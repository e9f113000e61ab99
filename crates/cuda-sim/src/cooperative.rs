//! Launches whose blocks may wait for each other.

use std::sync::Arc;

use crate::device::{LaunchError, Limits, Shape};
use crate::exec::rows::LANES;
use crate::exec::step::Code;
use crate::memory::{Allocation, WORKSPACE};
use crate::model::Needs;

/// What `cooperative_groups.h` of CUDA 13.0 expects of the driver: its own
/// length, then the barrier, both in 32 bits.
pub(crate) fn workspace() -> Arc<Allocation> {
    let memory = Allocation::at(WORKSPACE, 8, "the grid's workspace", false);
    let length: u64 = 8;
    memory.write(0, &length.to_le_bytes());
    Arc::new(memory)
}

/// Whether all blocks of a launch can be there at once: on the device, and in
/// the memory of this machine.
pub(crate) fn check(
    code: &Code,
    shape: Shape,
    local: u32,
    limits: Limits,
) -> Result<(), LaunchError> {
    let blocks: u64 = shape.grid.iter().map(|&count| u64::from(count)).product();
    let threads = shape.block.iter().product();
    let shared_bytes = code.shared.packed + shape.dynamic_shared;
    let occupancy = limits.processor.occupancy(Needs {
        threads,
        registers: limits.registers,
        shared_bytes,
    });
    let most = u64::from(occupancy.blocks()) * u64::from(limits.processors);
    if blocks > most {
        return Err(LaunchError::NotResident { blocks, most });
    }
    let warp = code.template.bytes() + u64::from(local) * LANES as u64;
    let block = warp * u64::from(threads.div_ceil(LANES as u32)) + u64::from(shared_bytes) * 16;
    if blocks * block > limits.memory {
        return Err(LaunchError::TooLarge {
            what: "what the blocks of a cooperative launch take of this machine's memory, in bytes,",
            value: blocks * block,
            most: limits.memory,
        });
    }
    Ok(())
}
