//! Accesses whose addresses an instruction works out itself.

use super::access::Reach;
use super::launch::Stop;
use super::rows::{Demand, Kind, LANES, Registers};
use super::step::{Access, RESERVED, Register, Target};
use super::warp::Warp;
use crate::ptx::Space;

/// A load or a store of its own registers.
pub(super) struct Worked {
    registers: Registers,
    access: Access,
}

const ADDRESS: Register = Register {
    kind: Kind::Long,
    slot: 0,
};
/// Four bytes and less.
const SHORT: Register = Register {
    kind: Kind::Word,
    slot: 0,
};
const LOW: Register = Register {
    kind: Kind::Long,
    slot: 1,
};
const HIGH: Register = Register {
    kind: Kind::Long,
    slot: 2,
};

impl Worked {
    /// Of 1, 2, 4, 8 or 16 bytes in each lane.
    pub(super) fn new(space: Option<Space>, width: u32) -> Self {
        let values: &[Register] = match width {
            0..=4 => &[SHORT],
            8 => &[LOW],
            _ => &[LOW, HIGH],
        };
        Self {
            registers: Registers::new(Demand {
                words: 1,
                longs: 3,
                predicates: RESERVED,
            }),
            access: Access {
                target: Target {
                    space,
                    base: Some(ADDRESS),
                    offset: 0,
                },
                bytes: width.min(8),
                strong: false,
                signed: false,
                used: u32::MAX,
                values: values.iter().copied().map(Some).collect(),
            },
        }
    }

    /// What lies there, the lower eight bytes first.
    pub(super) fn load(
        &mut self,
        reach: &mut Reach<'_, '_>,
        warp: &Warp,
        active: u32,
        address: impl Fn(usize) -> u64,
    ) -> Result<[[u64; LANES]; 2], Stop> {
        self.registers.longs[0] = std::array::from_fn(address);
        reach.load(warp, &mut self.registers, &self.access, active)?;
        let [_, low, high] = self.registers.longs[..] else {
            return Err(Stop);
        };
        Ok(if self.access.bytes == 8 {
            [low, high]
        } else {
            [self.registers.words[0].map(u64::from), high]
        })
    }

    /// Eight bytes or less.
    pub(super) fn store(
        &mut self,
        reach: &mut Reach<'_, '_>,
        warp: &Warp,
        active: u32,
        address: impl Fn(usize) -> u64,
        value: impl Fn(usize) -> u64,
    ) -> Result<(), Stop> {
        self.registers.longs[0] = std::array::from_fn(address);
        if self.access.bytes == 8 {
            self.registers.longs[1] = std::array::from_fn(value);
        } else {
            self.registers.words[0] = std::array::from_fn(|lane| value(lane) as u32);
        }
        reach.store(warp, &self.registers, &self.access, active)
    }
}
