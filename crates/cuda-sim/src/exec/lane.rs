//! One lane of a register, and of local memory.

use super::rows::{Kind, LANES, Registers};
use super::step::Register;
use crate::memory::Cells;

/// The lanes that are set.
pub(super) fn lanes(mask: u32) -> impl Iterator<Item = u32> {
    let mut left = mask;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let lane = left.trailing_zeros();
        left &= left - 1;
        Some(lane)
    })
}

pub(super) fn extended(bits: u64, bytes: u32, signed: bool) -> u64 {
    if !signed || bytes == 8 {
        return bits;
    }
    let unused = 64 - bytes * 8;
    ((bits << unused).cast_signed() >> unused).cast_unsigned()
}

/// One lane of a register.
pub(super) fn put(registers: &mut Registers, register: Register, lane: u32, bits: u64) {
    match register.kind {
        Kind::Long => registers.longs[register.slot as usize][lane as usize] = bits,
        Kind::Word => registers.words[register.slot as usize][lane as usize] = bits as u32,
        Kind::Predicate => {
            let row = &mut registers.predicates[register.slot as usize];
            *row = *row & !(1 << lane) | u32::from(bits != 0) << lane;
        }
    }
}

/// All lanes of a register.
pub(super) fn whole_row(registers: &Registers, register: Register) -> [u64; LANES] {
    match register.kind {
        Kind::Long => registers.longs[register.slot as usize],
        Kind::Word => registers.words[register.slot as usize].map(u64::from),
        Kind::Predicate => {
            let row = registers.predicates[register.slot as usize];
            std::array::from_fn(|lane| u64::from(row >> lane & 1))
        }
    }
}

/// One lane of a register.
pub(super) fn get(registers: &Registers, register: Register, lane: u32) -> u64 {
    match register.kind {
        Kind::Long => registers.longs[register.slot as usize][lane as usize],
        Kind::Word => u64::from(registers.words[register.slot as usize][lane as usize]),
        Kind::Predicate => u64::from(registers.predicates[register.slot as usize] >> lane & 1),
    }
}

/// Where a local address lies in a warp's memory.
fn local_at(lane: u32, address: u64) -> u64 {
    (address / 4 * LANES as u64 + u64::from(lane)) * 4 + address % 4
}

/// Reads a lane's local memory.
pub(super) fn read_local(cells: &Cells, lane: u32, at: u64, bytes: u32) -> u64 {
    match bytes {
        1 => u64::from(cells.load::<u8>(local_at(lane, at))),
        2 => u64::from(cells.load::<u16>(local_at(lane, at))),
        4 => u64::from(cells.load::<u32>(local_at(lane, at))),
        _ => {
            let low: u32 = cells.load(local_at(lane, at));
            let high: u32 = cells.load(local_at(lane, at + 4));
            u64::from(high) << 32 | u64::from(low)
        }
    }
}

/// Writes a lane's local memory.
pub(super) fn write_local(cells: &Cells, lane: u32, at: u64, bytes: u32, bits: u64) {
    match bytes {
        1 => cells.store(local_at(lane, at), bits as u8),
        2 => cells.store(local_at(lane, at), bits as u16),
        4 => cells.store(local_at(lane, at), bits as u32),
        _ => {
            cells.store(local_at(lane, at), bits as u32);
            cells.store(local_at(lane, at + 4), (bits >> 32) as u32);
        }
    }
}
