//! Launches that a GPU would refuse.

use thiserror::Error;

use super::{MAX_THREADS, Shape};
use crate::exec::step::Code;

/// A launch that a GPU would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// The module has no such kernel.
    #[error("no kernel `{0}` in the module")]
    Unknown(String),
    /// Sizes that can't be.
    #[error("{what} is {value}, at most {most} is possible")]
    TooLarge {
        /// What of.
        what: &'static str,
        /// How large it is.
        value: u64,
        /// How large it may be.
        most: u64,
    },
    /// A size of 0.
    #[error("{0} has a size of 0")]
    Empty(&'static str),
    /// `.reqntid`.
    #[error("the kernel needs blocks of {needed:?} threads, these are of {given:?}")]
    NotRequired {
        /// What the kernel says.
        needed: [u32; 3],
        /// What the launch says.
        given: [u32; 3],
    },
    /// More blocks of a cooperative launch than there can be at once.
    #[error("{blocks} blocks in a cooperative launch, {most} at most are on the device at once")]
    NotResident {
        /// Blocks of the grid.
        blocks: u64,
        /// How many there may be.
        most: u64,
    },
    /// Arguments of the wrong length.
    #[error("the kernel takes {needed} bytes of arguments, {given} were given")]
    Arguments {
        /// What the kernel takes.
        needed: usize,
        /// What it was given.
        given: usize,
    },
}

/// Whether a launch is one.
pub(super) fn check(code: &Code, shape: Shape, arguments: usize) -> Result<(), LaunchError> {
    // CUDA C++ programming guide, table of technical specifications.
    const MOST_GRID: [u32; 3] = [i32::MAX as u32, 65535, 65535];
    const MOST_BLOCK: [u32; 3] = [1024, 1024, 64];
    let too_large = |what, value: u64, most: u64| {
        if value > most {
            Err(LaunchError::TooLarge { what, value, most })
        } else {
            Ok(())
        }
    };
    if shape.grid.contains(&0) {
        return Err(LaunchError::Empty("the grid"));
    }
    if shape.block.contains(&0) {
        return Err(LaunchError::Empty("the block"));
    }
    for at in 0..3 {
        too_large(
            "the grid",
            u64::from(shape.grid[at]),
            u64::from(MOST_GRID[at]),
        )?;
        too_large(
            "the block",
            u64::from(shape.block[at]),
            u64::from(MOST_BLOCK[at]),
        )?;
    }
    let threads: u64 = shape.block.iter().map(|&size| u64::from(size)).product();
    let most = code.max_threads.unwrap_or(MAX_THREADS).min(MAX_THREADS);
    too_large("the number of threads of a block", threads, u64::from(most))?;
    let blocks = shape.grid.iter().map(|&size| u64::from(size)).product();
    too_large("the number of blocks", blocks, u64::from(u32::MAX) - 1)?;
    let shared = u64::from(code.shared.packed) + u64::from(shape.dynamic_shared);
    too_large("a block's shared memory", shared, 227 * 1024)?;
    if let Some(needed) = code.required
        && needed != shape.block
    {
        return Err(LaunchError::NotRequired {
            needed,
            given: shape.block,
        });
    }
    let needed = code.param_bytes as usize;
    if arguments != needed {
        return Err(LaunchError::Arguments {
            needed,
            given: arguments,
        });
    }
    Ok(())
}
