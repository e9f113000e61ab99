//! Between memory and the registers of a warp.
//!
//! Memory is read and written as atomics, one by one. Where all lanes'
//! elements lie one behind the other they go through a buffer, from and to
//! which vector code sorts them.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;

use super::check::Touch;
use super::kernel::for_processor;
use super::lane::{extended, get, lanes, put};
use super::rows::{ALL, Kind, LANES, Registers, Row32};
use super::step::{Access, Register};
use super::survey::Form;
use crate::memory::{Cell, Cells};

/// Words of each lane in a buffer.
const MOST_WORDS: usize = 4;

/// The words of all lanes as they lie in memory.
type Words = [u32; LANES * MOST_WORDS];

/// Whether an access is one of words that lie one behind the other.
fn is_row_of_words(access: &Access, form: Form) -> bool {
    let is_word = |value: &Option<Register>| value.is_none_or(|value| value.kind == Kind::Word);
    form == Form::Row
        && access.bytes == 4
        && matches!(access.values.len(), 1 | 2 | 4)
        && access.values.iter().all(is_word)
}

/// Where lanes access memory: their addresses, who does, and how those lie to
/// each other.
#[derive(Clone, Copy)]
pub(super) struct Places<'t> {
    pub(super) addresses: &'t [u64; LANES],
    pub(super) active: u32,
    pub(super) form: Form,
}

impl<'t> From<&Touch<'t>> for Places<'t> {
    fn from(touch: &Touch<'t>) -> Self {
        Self {
            addresses: touch.addresses,
            active: touch.active,
            form: touch.survey.form,
        }
    }
}

for_processor!(
    /// Reads into the registers of an access, from memory that starts at an
    /// address.
    pub(super) fn fill(
        registers: &mut Registers,
        places: Places<'_>,
        access: &Access,
        memory: (&Cells, u64),
    ) {
        filled(registers, places, access, memory);
    }
);

for_processor!(
    /// As `fill`, the other way.
    pub(super) fn spill(
        registers: &Registers,
        places: Places<'_>,
        access: &Access,
        memory: (&Cells, u64),
    ) {
        spilled(registers, places, access, memory);
    }
);

/// `fill`, as part of a function for a processor.
#[inline(always)]
pub(super) fn filled(
    registers: &mut Registers,
    places: Places<'_>,
    access: &Access,
    (cells, base): (&Cells, u64),
) {
    let Places {
        addresses,
        active,
        form,
    } = places;
    let first = addresses[active.trailing_zeros() as usize & 31].wrapping_sub(base);
    if is_row_of_words(access, form) {
        if let [Some(value)] = access.values[..] {
            read_words(cells, first, &mut registers.words[value.slot as usize]);
            return;
        }
        let per_lane = access.values.len();
        let mut words = [0; LANES * MOST_WORDS];
        read_words(cells, first, &mut words[..LANES * per_lane]);
        for (value, offset) in access.elements() {
            let row = &mut registers.words[value.slot as usize];
            take(row, &words, offset as usize / 4, per_lane);
        }
        return;
    }
    for (value, offset) in access.elements() {
        match (form, access.bytes, value.kind) {
            (Form::Same, bytes, kind) if kind != Kind::Predicate => {
                let bits = read_cells(cells, first + offset, bytes);
                let bits = extended(bits, bytes, access.signed);
                if kind == Kind::Word {
                    registers.write(value.slot, active, |_| bits as u32);
                } else {
                    registers.write(value.slot, active, |_| bits);
                }
            }
            (_, 4, Kind::Word) => {
                let row = &mut registers.words[value.slot as usize];
                gather(row, cells, addresses, active, offset.wrapping_sub(base));
            }
            (_, bytes, _) => {
                for lane in lanes(active) {
                    let bits = read_cells(cells, addresses[lane as usize] - base + offset, bytes);
                    put(registers, value, lane, extended(bits, bytes, access.signed));
                }
            }
        }
    }
}

/// As `filled`, the other way.
#[inline(always)]
pub(super) fn spilled(
    registers: &Registers,
    places: Places<'_>,
    access: &Access,
    (cells, base): (&Cells, u64),
) {
    let Places {
        addresses,
        active,
        form,
    } = places;
    let first = addresses[active.trailing_zeros() as usize & 31].wrapping_sub(base);
    if is_row_of_words(access, form) && access.values.iter().all(Option::is_some) {
        if let [Some(value)] = access.values[..] {
            write_words(cells, first, &registers.words[value.slot as usize]);
            return;
        }
        let per_lane = access.values.len();
        let mut words = [0; LANES * MOST_WORDS];
        for (value, offset) in access.elements() {
            let row = &registers.words[value.slot as usize];
            give(row, &mut words, offset as usize / 4, per_lane);
        }
        write_words(cells, first, &words[..LANES * per_lane]);
        return;
    }
    for (value, offset) in access.elements() {
        match (access.bytes, value.kind) {
            (4, Kind::Word) => {
                let row = &registers.words[value.slot as usize];
                for lane in lanes(active) {
                    cells.store(addresses[lane as usize] - base + offset, row[lane as usize]);
                }
            }
            (bytes, _) => {
                for lane in lanes(active) {
                    let at = addresses[lane as usize] - base + offset;
                    write_cells(cells, at, bytes, get(registers, value, lane));
                }
            }
        }
    }
}

/// Reads a word for each lane.
#[inline(always)]
fn gather(row: &mut Row32, cells: &Cells, addresses: &[u64; LANES], active: u32, offset: u64) {
    let memory = u32::run(cells, 0, (cells.bytes() / 4) as usize);
    let word = |address: u64| memory[(address.wrapping_add(offset) / 4) as usize].load(Relaxed);
    if active == ALL {
        for (bits, address) in row.iter_mut().zip(addresses) {
            *bits = word(*address);
        }
    } else {
        for lane in lanes(active) {
            row[lane as usize] = word(addresses[lane as usize]);
        }
    }
}

/// Reads words from a place on, two at a time where they lie so.
#[inline(always)]
fn read_words(cells: &Cells, at: u64, into: &mut [u32]) {
    let count = into.len();
    if at.is_multiple_of(8) {
        let memory = u64::run(cells, at, count / 2);
        for (pair, cell) in into.chunks_exact_mut(2).zip(memory) {
            let both = cell.load(Relaxed);
            pair[0] = both as u32;
            pair[1] = (both >> 32) as u32;
        }
    } else {
        for (word, cell) in into.iter_mut().zip(u32::run(cells, at, count)) {
            *word = cell.load(Relaxed);
        }
    }
}

#[inline(always)]
fn write_words(cells: &Cells, at: u64, from: &[u32]) {
    if at.is_multiple_of(8) {
        let memory = u64::run(cells, at, from.len() / 2);
        for (pair, cell) in from.chunks_exact(2).zip(memory) {
            cell.store(u64::from(pair[1]) << 32 | u64::from(pair[0]), Relaxed);
        }
    } else {
        for (word, cell) in from.iter().zip(u32::run(cells, at, from.len())) {
            cell.store(*word, Relaxed);
        }
    }
}

/// The element of a number out of so many that each lane has.
#[inline(always)]
fn take(row: &mut Row32, words: &Words, element: usize, per_lane: usize) {
    match per_lane {
        2 => take_of::<2>(row, words, element),
        _ => take_of::<4>(row, words, element),
    }
}

/// As `take`, the other way.
#[inline(always)]
fn give(row: &Row32, words: &mut Words, element: usize, per_lane: usize) {
    match per_lane {
        2 => give_of::<2>(row, words, element),
        _ => give_of::<4>(row, words, element),
    }
}

/// A loop of unknown length stays one, and becomes vector code.
#[inline(always)]
fn take_of<const N: usize>(row: &mut Row32, words: &Words, element: usize) {
    let (groups, _) = words.as_chunks::<N>();
    let lanes = black_box(LANES).min(LANES);
    for (word, group) in row[..lanes].iter_mut().zip(groups) {
        *word = group[element % N];
    }
}

#[inline(always)]
fn give_of<const N: usize>(row: &Row32, words: &mut Words, element: usize) {
    let (groups, _) = words.as_chunks_mut::<N>();
    let lanes = black_box(LANES).min(LANES);
    for (word, group) in row[..lanes].iter().zip(groups) {
        group[element % N] = *word;
    }
}

/// An element.
pub(super) fn read_cells(cells: &Cells, at: u64, bytes: u32) -> u64 {
    match bytes {
        1 => u64::from(cells.load::<u8>(at)),
        2 => u64::from(cells.load::<u16>(at)),
        4 => u64::from(cells.load::<u32>(at)),
        _ => cells.load(at),
    }
}

/// An element.
pub(super) fn write_cells(cells: &Cells, at: u64, bytes: u32, bits: u64) {
    match bytes {
        1 => cells.store(at, bits as u8),
        2 => cells.store(at, bits as u16),
        4 => cells.store(at, bits as u32),
        _ => cells.store(at, bits),
    }
}
