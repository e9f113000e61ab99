//! How many blocks a processor has room for at once.
//!
//! Limits are those of the table "Technical specifications per compute
//! capability" of the CUDA C++ programming guide 13.0; registers are handed out
//! to warps in units of 256, each quarter of a processor having a quarter of
//! them, and shared memory in units of 128 bytes, with 1 KiB of each block for
//! the system (the same, "Shared memory" of compute capability 8.x and 9.x, and
//! the constants of NVIDIA's occupancy calculator).

use crate::exec::rows::LANES;

/// Registers that a warp gets are a multiple of this.
const REGISTER_UNIT: u32 = 256;
/// Parts of a processor that have registers of their own.
const QUARTERS: u32 = 4;
/// Most registers of a thread.
const MOST_REGISTERS: u32 = 255;
/// Shared memory of a block is a multiple of this.
const SHARED_UNIT: u32 = 128;
/// Shared memory that the system keeps for itself, of each block.
const SHARED_RESERVED: u32 = 1024;
const WARP: u32 = LANES as u32;

/// What a processor (a streaming multiprocessor) has for blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    /// Threads.
    pub threads: u32,
    /// Blocks.
    pub blocks: u32,
    /// Registers of 32 bits.
    pub registers: u32,
    /// Bytes of shared memory.
    pub shared_bytes: u32,
}

impl Processor {
    /// Compute capability 8.0.
    pub const SM_80: Self = Self {
        threads: 2048,
        blocks: 32,
        registers: 1 << 16,
        shared_bytes: 164 << 10,
    };
    /// Compute capability 9.0.
    pub const SM_90: Self = Self {
        shared_bytes: 228 << 10,
        ..Self::SM_80
    };
    /// Compute capability 10.0.
    pub const SM_100: Self = Self::SM_90;

    /// How many blocks with these needs it has room for.
    pub fn occupancy(&self, needs: Needs) -> Occupancy {
        let warps = needs.threads.div_ceil(WARP).max(1);
        let registers = if needs.registers == 0 {
            u32::MAX
        } else if needs.registers > MOST_REGISTERS {
            0
        } else {
            let of_a_warp = (needs.registers * WARP).next_multiple_of(REGISTER_UNIT);
            let of_a_quarter = self.registers / QUARTERS / of_a_warp;
            // A block's warps lie evenly on the quarters.
            let whole = warps.next_multiple_of(QUARTERS) * of_a_warp;
            if whole > self.registers {
                0
            } else {
                of_a_quarter * QUARTERS / warps
            }
        };
        let shared = needs
            .shared_bytes
            .checked_add(SHARED_RESERVED)
            .and_then(|bytes| bytes.checked_next_multiple_of(SHARED_UNIT))
            .map_or(0, |bytes| self.shared_bytes / bytes);
        Occupancy {
            warps_of_a_block: warps,
            most_warps: self.threads / WARP,
            limits: [
                (Resource::Warps, self.threads / WARP / warps),
                (Resource::Blocks, self.blocks),
                (Resource::Registers, registers),
                (Resource::SharedMemory, shared),
            ],
        }
    }
}

/// What a block needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Threads.
    pub threads: u32,
    /// Registers of each thread, as the assembler's log says; 0 if unknown,
    /// which limits nothing.
    pub registers: u32,
    /// Bytes of shared memory, its own and those that the launch brings.
    pub shared_bytes: u32,
}

/// What there may be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Warps, and so threads.
    Warps,
    /// Blocks.
    Blocks,
    /// Registers.
    Registers,
    /// Shared memory.
    SharedMemory,
}

/// How many blocks there are on a processor at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    warps_of_a_block: u32,
    most_warps: u32,
    limits: [(Resource, u32); 4],
}

impl Occupancy {
    /// Blocks; 0 if not even one fits.
    pub fn blocks(&self) -> u32 {
        let limits = self.limits.iter().map(|(_, blocks)| *blocks);
        limits.min().unwrap_or_default()
    }

    /// Their warps.
    pub fn warps(&self) -> u32 {
        self.blocks() * self.warps_of_a_block
    }

    /// Warps by those that there could be.
    pub fn share(&self) -> f64 {
        f64::from(self.warps()) / f64::from(self.most_warps)
    }

    /// Blocks that a resource alone would allow.
    pub fn limit(&self, resource: Resource) -> u32 {
        let mut limits = self.limits.iter();
        let found = limits.find(|(limited, _)| *limited == resource);
        found.map_or(u32::MAX, |(_, blocks)| *blocks)
    }

    /// Of what there is too little for one block more.
    pub fn limited_by(&self) -> Vec<Resource> {
        let least = self.blocks();
        let limits = self.limits.iter();
        let limiting = limits.filter(|(_, blocks)| *blocks == least);
        limiting.map(|(resource, _)| *resource).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{A100, B200, H100};
    use super::*;

    /// GPU, threads, registers, bytes of shared memory; then blocks, and what
    /// warps, blocks, registers and shared memory each allow. Answers of
    /// `cudaOccMaxActiveBlocksPerMultiprocessor` in `cuda_occupancy.h` of CUDA
    /// 13.0 (NVIDIA's occupancy calculator) for devices with the attributes of
    /// these GPUs, the largest share of the cache for shared memory.
    const CALCULATED: &str = include_str!("occupancy.txt");

    #[test]
    fn as_the_occupancy_calculator_says() {
        let mut count = 0;
        for line in CALCULATED.lines() {
            let (name, numbers) = line.split_once(' ').unwrap();
            let preset = [A100, H100, B200]
                .into_iter()
                .find(|preset| preset.name.eq_ignore_ascii_case(name))
                .unwrap();
            let numbers: Vec<u32> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
            let &[threads, registers, shared_bytes, blocks, ref limits @ ..] = &numbers[..] else {
                panic!("{line}");
            };
            let occupancy = preset.processor.occupancy(Needs {
                threads,
                registers,
                shared_bytes,
            });
            assert_eq!(occupancy.blocks(), blocks, "{line}");
            let own = occupancy.limits.map(|(_, blocks)| blocks);
            assert_eq!(&own[..], limits, "{line}");
            count += 1;
        }
        assert_eq!(count, 180);
    }

    #[test]
    fn what_limits() {
        let needs = |threads, registers, shared_bytes| Needs {
            threads,
            registers,
            shared_bytes,
        };
        let of = |needs| Processor::SM_80.occupancy(needs);
        let half = of(needs(256, 64, 0));
        assert_eq!(half.limited_by(), [Resource::Registers]);
        assert_eq!((half.warps(), half.share()), (32, 0.5));
        let both = of(needs(1024, 32, 0));
        assert_eq!(both.limited_by(), [Resource::Warps, Resource::Registers]);
        assert_eq!(of(needs(32, 16, 0)).limited_by(), [Resource::Blocks]);
        let shared = of(needs(128, 32, 100 << 10));
        assert_eq!(shared.limited_by(), [Resource::SharedMemory]);
        assert_eq!(shared.blocks(), 1);
        assert_eq!(of(needs(128, 256, 0)).blocks(), 0);
        assert_eq!(of(needs(128, 0, u32::MAX)).blocks(), 0);
        assert_eq!(of(needs(128, 0, 0)).blocks(), 16);
    }
}
