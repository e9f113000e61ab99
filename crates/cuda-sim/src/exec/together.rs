//! What lanes of a warp do together: PTX ISA 9.0, section 9.7.13.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alike::highest_bits;
use super::kernel::for_processor;
use super::lane::lanes;
use super::rows::{Kind, LANES, Registers, Row32};
use super::step::{Reduce, Register, Shuffle, Vote};

/// Lanes by what they hold in a register: those of a number, and it.
pub(crate) fn parts(
    registers: &Registers,
    slot: u32,
    active: u32,
) -> impl Iterator<Item = (u32, u32)> {
    parts_of(&registers.words[slot as usize], active)
}

for_processor!(
    /// Lanes that hold a number.
    fn holders(row: &Row32, number: u32) -> u32 {
        highest_bits(&row.map(|bits| if bits == number { u32::MAX } else { 0 }))
    }
);

/// Lanes by what they hold.
pub(crate) fn parts_of(row: &Row32, active: u32) -> impl Iterator<Item = (u32, u32)> {
    let mut left = active;
    std::iter::from_fn(move || {
        let first = *row.get(left.trailing_zeros() as usize)?;
        let part = left & holders(row, first);
        left &= !part;
        Some((part, first))
    })
}

for_processor!(
    /// `shfl.sync`; the answer has a bit for each lane that reads from one that
    /// takes no part.
    pub(crate) fn shuffle(
        registers: &mut Registers,
        active: u32,
        how: Shuffle,
        results: [u32; 2],
        operands: [u32; 3],
    ) -> u32 {
        let [d, valid] = results;
        let [value, by, clamp] = operands.map(|slot| registers.words[slot as usize]);
        let (from, inside) = match how {
            Shuffle::Up => sources(&by, &clamp, |lane, b, _, _, most| {
                let from = lane.wrapping_sub(b);
                (from, from.cast_signed() >= most.cast_signed())
            }),
            Shuffle::Down => sources(&by, &clamp, |lane, b, _, _, most| {
                (lane + b, lane + b <= most)
            }),
            Shuffle::Butterfly => sources(&by, &clamp, |lane, b, _, _, most| {
                (lane ^ b, lane ^ b <= most)
            }),
            Shuffle::Index => sources(&by, &clamp, |_, b, least, segment, most| {
                let from = least | b & !segment;
                (from, from <= most)
            }),
        };
        let astray: Row32 = from.map(|from| (!active >> from) << 31);
        let mut taken = value;
        for (taken, from) in taken.iter_mut().zip(&from) {
            *taken = value[(from & 31) as usize];
        }
        registers.write(d, active, |lane| taken[lane]);
        registers.set_predicate(valid, active, highest_bits(&inside));
        highest_bits(&astray) & active
    }
);

/// Where lanes read from, and all ones where that is within their segment: by
/// lane, distance, start of the segment, its mask and its limit.
#[inline(always)]
fn sources(
    by: &Row32,
    clamps: &Row32,
    f: impl Fn(u32, u32, u32, u32, u32) -> (u32, bool),
) -> (Row32, Row32) {
    let mut sources = [0; LANES];
    let mut inside = [0; LANES];
    for lane in 0..LANES {
        let own = lane as u32;
        let segment = clamps[lane] >> 8 & 31;
        let least = own & segment;
        let most = least | clamps[lane] & 31 & !segment;
        let (from, is_inside) = f(own, by[lane] & 31, least, segment, most);
        sources[lane] = if is_inside { from & 31 } else { own };
        inside[lane] = if is_inside { u32::MAX } else { 0 };
    }
    (sources, inside)
}

pub(crate) fn vote(registers: &mut Registers, active: u32, how: Vote, d: Register, held: u32) {
    let held = registers.predicates[held as usize] & active;
    let answer = match how {
        Vote::All => held == active,
        Vote::Any => held != 0,
        Vote::Uniform => held == active || held == 0,
        Vote::Ballot => {
            registers.write(d.slot, active, |_| held);
            return;
        }
    };
    registers.set_predicate(d.slot, active, if answer { u32::MAX } else { 0 });
}

pub(crate) fn matching(
    registers: &mut Registers,
    active: u32,
    all: bool,
    [d, held]: [u32; 2],
    value: Register,
) {
    let of = |lane: u32| match value.kind {
        Kind::Long => registers.longs[value.slot as usize][lane as usize],
        _ => u64::from(registers.words[value.slot as usize][lane as usize]),
    };
    let mut results = [0_u32; LANES];
    let mut uniform = true;
    for lane in lanes(active) {
        let same = lanes(active).filter(|other| of(*other) == of(lane));
        results[lane as usize] = same.fold(0, |mask, other| mask | 1 << other);
        uniform &= results[lane as usize] == active;
    }
    if all {
        let mask = if uniform { active } else { 0 };
        registers.write(d, active, |_| mask);
        registers.set_predicate(held, active, if uniform { u32::MAX } else { 0 });
    } else {
        registers.write(d, active, |lane| results[lane]);
    }
}

pub(crate) fn reduce(registers: &mut Registers, active: u32, how: Reduce, d: u32, value: u32) {
    let values = registers.words[value as usize];
    let signed = |a: u32, b: u32, f: fn(i32, i32) -> i32| {
        f(a.cast_signed(), b.cast_signed()).cast_unsigned()
    };
    let join = |a: u32, b: u32| match how {
        Reduce::Add => a.wrapping_add(b),
        Reduce::MinS32 => signed(a, b, i32::min),
        Reduce::MaxS32 => signed(a, b, i32::max),
        Reduce::MinU32 => a.min(b),
        Reduce::MaxU32 => a.max(b),
        Reduce::And => a & b,
        Reduce::Or => a | b,
        Reduce::Xor => a ^ b,
    };
    let all = lanes(active).map(|lane| values[lane as usize]);
    let result = all.reduce(join).unwrap_or_default();
    registers.write(d, active, |_| result);
}

/// Registers side by side into a wider one.
pub(crate) fn pack(registers: &mut Registers, active: u32, to: Register, parts: &[Register]) {
    let width = match (to.kind, parts.len()) {
        (Kind::Long, 2) => 32,
        _ => 16,
    };
    let ones = u64::MAX >> (64 - width);
    let mut wide = [0_u64; LANES];
    for (at, part) in parts.iter().enumerate() {
        let row = registers.words[part.slot as usize];
        for lane in 0..LANES {
            wide[lane] |= (u64::from(row[lane]) & ones) << (at * width);
        }
    }
    match to.kind {
        Kind::Long => registers.write(to.slot, active, |lane| wide[lane]),
        _ => registers.write(to.slot, active, |lane| wide[lane] as u32),
    }
}

pub(crate) fn unpack(
    registers: &mut Registers,
    active: u32,
    parts: &[Option<Register>],
    from: Register,
) {
    let (wide, bits) = match from.kind {
        Kind::Long => (registers.longs[from.slot as usize], 64),
        _ => (registers.words[from.slot as usize].map(u64::from), 32),
    };
    let width = bits / parts.len();
    let ones = u64::MAX >> (64 - width);
    for (at, part) in parts.iter().enumerate() {
        if let Some(part) = part {
            registers.write(part.slot, active, |lane| {
                (wide[lane] >> (at * width) & ones) as u32
            });
        }
    }
}
