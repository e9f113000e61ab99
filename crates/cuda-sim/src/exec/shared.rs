//! A block's memory, with who touched it last.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::clock::{Clock, Stamp};
use super::copy::Copies;
use super::kernel::for_processor;
use super::rows::LANES;
use crate::memory::{Cells, Layout};

/// Bits of a word's bytes that belong to a variable.
const INSIDE: u8 = 0xf0;
/// And of those that somebody has written.
const WRITTEN: u8 = 0x0f;

/// How an access is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Read,
    Write,
    Atomic,
}

impl Way {
    pub(crate) fn now(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Atomic => "changes",
        }
    }
}

/// A race: what the other thread did, and its number in its block; `None` if
/// all that is known is that there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Race {
    pub(crate) before: &'static str,
    pub(crate) other: Option<u32>,
}

/// What is wrong with an access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) race: Option<Race>,
    /// It reads what nobody has written.
    pub(crate) unwritten: bool,
    /// It is partly beyond the end of a variable.
    pub(crate) outside: bool,
}

impl Fault {
    fn is_any(&self) -> bool {
        self.race.is_some() || self.unwritten || self.outside
    }

    fn join(&mut self, other: &Self) {
        self.race = self.race.or(other.race);
        self.unwritten |= other.unwritten;
        self.outside |= other.outside;
    }
}

/// Shared memory of one block.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cells: Cells,
    /// Of each word: who wrote last, and who changed it atomically.
    writers: Vec<Stamp>,
    changers: Vec<Stamp>,
    /// Two different threads suffice: whoever writes is at most one of them.
    readers: [Vec<Stamp>; 2],
    /// Of each word: which bytes belong to a variable, as bits 4 to 7, and
    /// which of them somebody has written, as bits 0 to 3.
    bytes: Vec<u8>,
    fresh: Vec<u8>,
    /// What lies between variables.
    gaps: Vec<(u32, u32)>,
    /// What is on its way here.
    pub(crate) copies: Copies,
}

impl Shared {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut fresh = vec![INSIDE; layout.end.div_ceil(4) as usize];
        for (start, end) in layout.gaps() {
            for at in start..end {
                fresh[(at / 4) as usize] &= !(0x10 << (at % 4));
            }
        }
        let nobody = vec![Stamp::default(); fresh.len()];
        Self {
            cells: Cells::new(u64::from(layout.end)),
            writers: nobody.clone(),
            changers: nobody.clone(),
            readers: [nobody.clone(), nobody],
            bytes: fresh.clone(),
            fresh,
            gaps: layout.gaps(),
            copies: Copies::default(),
        }
    }

    /// Bytes of this machine that it takes.
    pub(crate) fn room(layout: &Layout) -> u64 {
        // A word's own four, stamps of two who wrote and of two who read, and
        // two bytes of what was written.
        let word = 4 + 4 * size_of::<Stamp>() + 2;
        u64::from(layout.end.div_ceil(4)) * word as u64
    }

    /// As nobody has touched it, for another block, whose clocks go on from
    /// where they are: then all stamps lie in the past.
    pub(crate) fn renew(&mut self) {
        // What a block finds there must not depend on who was here before.
        self.cells.clear();
        self.bytes.copy_from_slice(&self.fresh);
        self.copies = Copies::default();
    }

    /// What is between variables.
    pub(crate) fn gaps(&self) -> &[(u32, u32)] {
        &self.gaps
    }

    /// Whether there is nothing between variables from here to there.
    pub(crate) fn is_solid(&self, from: u64, to: u64) -> bool {
        let apart = |(start, end): &(u32, u32)| to <= u64::from(*start) || u64::from(*end) <= from;
        self.gaps.iter().all(apart)
    }

    /// Whether bytes belong to variables, without a note of the access.
    pub(crate) fn is_inside(&self, at: u64, bytes: u32) -> bool {
        pieces(at, bytes).all(|(word, mask)| self.bytes[word] >> 4 & mask == mask)
    }

    /// Whether somebody has written a byte.
    pub(crate) fn is_written(&self, at: u64) -> bool {
        self.bytes[(at / 4) as usize] >> (at % 4) & 1 == 1
    }

    /// Notes an access of a thread, and says what is wrong with it.
    #[inline]
    pub(crate) fn touch(
        &mut self,
        at: u64,
        bytes: u32,
        way: Way,
        thread: u32,
        clock: &Clock,
    ) -> Option<Fault> {
        let word = (at / 4) as usize;
        let now = clock.stamp(thread, 15);
        let whole = bytes >= 4
            && (word..word + bytes as usize / 4).all(|word| self.quick(word, way, now, clock));
        if whole {
            return None;
        }
        self.touch_slowly(at, bytes, way, thread, clock)
    }

    /// As `touch`, of a word of which it is plain that nothing is wrong;
    /// whether that is so.
    #[inline(always)]
    fn quick(&mut self, word: usize, way: Way, now: Stamp, clock: &Clock) -> bool {
        let state = &mut self.bytes[word];
        let [first, second] = &mut self.readers;
        let (first, second) = (&mut first[word], &mut second[word]);
        let (writer, changer) = (&mut self.writers[word], &mut self.changers[word]);
        let needed = if way == Way::Write { INSIDE } else { u8::MAX };
        let behind = |stamp: &Stamp| clock.is_behind(*stamp, now);
        if *state & needed != needed || !behind(writer) {
            return false;
        }
        if way == Way::Read {
            if !behind(changer) {
                return false;
            }
            if !behind(first) {
                *second = *first;
            }
            *first = now;
            return true;
        }
        if !behind(first) || !behind(second) {
            return false;
        }
        if way == Way::Atomic {
            *changer = now;
        } else if behind(changer) {
            *writer = now;
            *state |= WRITTEN;
        } else {
            return false;
        }
        true
    }

    /// As `touch` by all lanes of a warp, of words one behind the other, so
    /// many of each, if it is plain that nothing is wrong with any; whether
    /// that is so.
    pub(crate) fn touch_row(
        &mut self,
        at: u64,
        bytes: u32,
        way: Way,
        thread: u32,
        clock: &Clock,
    ) -> bool {
        let start = (at / 4) as usize;
        let words = start..start + bytes as usize / 4 * LANES;
        let [first, second] = &mut self.readers;
        let row = Row {
            writers: &mut self.writers[words.clone()],
            changers: &self.changers[words.clone()],
            readers: [&mut first[words.clone()], &mut second[words.clone()]],
            bytes: &mut self.bytes[words],
        };
        let now = (clock.stamp(thread, 15), (bytes / 4).trailing_zeros());
        match way {
            Way::Read => read_row(row, clock.past(), now),
            Way::Write => write_row(row, clock.past(), now),
            Way::Atomic => false,
        }
    }

    #[cold]
    fn touch_slowly(
        &mut self,
        at: u64,
        bytes: u32,
        way: Way,
        thread: u32,
        clock: &Clock,
    ) -> Option<Fault> {
        let mut fault = Fault::default();
        for (word, mask) in pieces(at, bytes) {
            let now = clock.stamp(thread, mask);
            fault.join(&self.touch_word(word, way, now, clock));
        }
        fault.is_any().then_some(fault)
    }

    fn touch_word(&mut self, word: usize, way: Way, now: Stamp, clock: &Clock) -> Fault {
        let state = &mut self.bytes[word];
        let [first, second] = &mut self.readers;
        let (first, second) = (&mut first[word], &mut second[word]);
        let (writer, changer) = (&mut self.writers[word], &mut self.changers[word]);
        let mask = now.bytes();
        let mut fault = Fault {
            race: None,
            unwritten: way != Way::Write && *state & mask != mask,
            outside: *state >> 4 & mask != mask,
        };
        let race = |stamp: &Stamp| !clock.is_behind(*stamp, now) && clock.conflict(*stamp, now);
        if race(writer) {
            fault.race = Some(race_with(*writer, "wrote"));
        } else if way != Way::Atomic && race(changer) {
            fault.race = Some(race_with(*changer, "changed"));
        }
        if way == Way::Read {
            if !first.is_of_thread_of(now) {
                *second = *first;
            }
            *first = now;
            return fault;
        }
        for reader in [first, second] {
            if fault.race.is_none() && race(reader) {
                fault.race = Some(race_with(*reader, "read"));
            }
        }
        if way == Way::Write {
            *writer = now;
        } else {
            *changer = now;
        }
        *state |= mask;
        fault
    }
}

/// What is known of words one behind the other.
struct Row<'w> {
    writers: &'w mut [Stamp],
    changers: &'w [Stamp],
    readers: [&'w mut [Stamp]; 2],
    bytes: &'w mut [u8],
}

for_processor!(
    fn read_row(row: Row<'_>, past: Stamp, now: (Stamp, u32)) -> bool {
        let whole = row.bytes.iter().fold(u8::MAX, |all, state| all & state);
        if whole != u8::MAX || !all_before(row.writers, past) || !all_before(row.changers, past) {
            return false;
        }
        let [first, second] = row.readers;
        for (word, (first, second)) in first.iter_mut().zip(second).enumerate() {
            *second = if first.is_before(past) {
                *second
            } else {
                *first
            };
            *first = now.0.of_later_thread(word >> now.1);
        }
        true
    }
);

for_processor!(
    fn write_row(row: Row<'_>, past: Stamp, now: (Stamp, u32)) -> bool {
        let inside = row.bytes.iter().fold(u8::MAX, |all, state| all & state);
        let stamps = [
            &*row.writers,
            row.changers,
            &*row.readers[0],
            &*row.readers[1],
        ];
        if inside & INSIDE != INSIDE || !stamps.iter().all(|stamps| all_before(stamps, past)) {
            return false;
        }
        for (word, writer) in row.writers.iter_mut().enumerate() {
            *writer = now.0.of_later_thread(word >> now.1);
        }
        row.bytes.iter_mut().for_each(|state| *state |= WRITTEN);
        true
    }
);

#[inline(always)]
fn all_before(stamps: &[Stamp], past: Stamp) -> bool {
    stamps
        .iter()
        .fold(true, |all, stamp| all & stamp.is_before(past))
}

fn race_with(stamp: Stamp, before: &'static str) -> Race {
    Race {
        before,
        other: stamp.thread(),
    }
}

/// The words that bytes lie in, and which of each they are, one bit each.
fn pieces(at: u64, bytes: u32) -> impl Iterator<Item = (usize, u8)> {
    let end = at + u64::from(bytes);
    let mut at = at;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let first = at % 4;
        let count = (4 - first).min(end - at);
        let mask = ((1_u8 << count) - 1) << first;
        let word = (at / 4) as usize;
        at += count;
        Some((word, mask))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_an_access() {
        let of = |at, bytes| pieces(at, bytes).collect::<Vec<_>>();
        assert_eq!(of(8, 4), [(2, 15)]);
        assert_eq!(of(8, 8), [(2, 15), (3, 15)]);
        assert_eq!(of(6, 2), [(1, 0b1100)]);
        assert_eq!(of(7, 1), [(1, 0b1000)]);
        assert_eq!(of(0, 16).len(), 4);
    }

    #[test]
    fn who_wrote_before_a_barrier_is_no_race() {
        let layout = {
            let mut layout = Layout::default();
            layout.place("s", 64, 4);
            layout
        };
        let mut shared = Shared::new(&layout);
        let mut clocks = [Clock::new(2, 0), Clock::new(2, 1)];
        assert_eq!(shared.touch(8, 4, Way::Write, 3, &clocks[0]), None);
        let seen = shared.touch(8, 4, Way::Read, 33, &clocks[1]).unwrap();
        assert_eq!(seen.race.unwrap().other, Some(3));
        let [a, b] = &mut clocks;
        Clock::join(&mut [a, b]);
        assert_eq!(
            shared.touch(8, 4, Way::Read, LANES as u32, &clocks[1]),
            None
        );
        // Who reads twice is one reader.
        let fault = shared.touch(8, 4, Way::Write, LANES as u32, &clocks[1]);
        assert_eq!(fault, None);
        assert!(
            shared
                .touch(12, 4, Way::Read, 0, &clocks[0])
                .unwrap()
                .unwritten
        );
        assert!(shared.is_inside(60, 4));
    }
}
