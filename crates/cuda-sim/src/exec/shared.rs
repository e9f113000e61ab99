//! A block's memory, with who touched it last.

use super::clock::{Clock, Stamp};
use crate::memory::{Cells, Layout};

/// What is known about four bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    /// Who wrote last, and who changed it atomically.
    writer: Stamp,
    changer: Stamp,
    /// Two different threads suffice: whoever writes is at most one of them.
    readers: [Stamp; 2],
}

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
    words: Vec<Word>,
    /// Of each word: which bytes belong to a variable, as bits 4 to 7, and
    /// which of them somebody has written, as bits 0 to 3.
    bytes: Vec<u8>,
    fresh: Vec<u8>,
    /// What lies between variables.
    gaps: Vec<(u32, u32)>,
}

impl Shared {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut fresh = vec![0xf0_u8; layout.end.div_ceil(4) as usize];
        for (start, end) in layout.gaps() {
            for at in start..end {
                fresh[(at / 4) as usize] &= !(0x10 << (at % 4));
            }
        }
        Self {
            cells: Cells::new(u64::from(layout.end)),
            words: vec![Word::default(); fresh.len()],
            bytes: fresh.clone(),
            fresh,
            gaps: layout.gaps(),
        }
    }

    /// As nobody has touched it, for another block, whose clocks go on from
    /// where they are: then all stamps lie in the past.
    pub(crate) fn renew(&mut self) {
        self.bytes.copy_from_slice(&self.fresh);
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
        let word = &mut self.words[word];
        let needed = if way == Way::Write { 0xf0 } else { 0xff };
        let behind = |stamp| clock.is_behind(stamp, now);
        if *state & needed != needed || !behind(word.writer) {
            return false;
        }
        if way == Way::Read {
            if !behind(word.changer) {
                return false;
            }
            let last = word.readers[0];
            if !behind(last) {
                word.readers[1] = last;
            }
            word.readers[0] = now;
            return true;
        }
        if !behind(word.readers[0]) || !behind(word.readers[1]) {
            return false;
        }
        if way == Way::Atomic {
            word.changer = now;
        } else if behind(word.changer) {
            word.writer = now;
            *state |= 0xf;
        } else {
            return false;
        }
        true
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
        let word = &mut self.words[word];
        let mask = now.bytes();
        let mut fault = Fault {
            race: None,
            unwritten: way != Way::Write && *state & mask != mask,
            outside: *state >> 4 & mask != mask,
        };
        if !clock.is_behind(word.writer, now) && clock.conflict(word.writer, now) {
            fault.race = Some(race_with(word.writer, "wrote"));
        } else if way != Way::Atomic
            && !clock.is_behind(word.changer, now)
            && clock.conflict(word.changer, now)
        {
            fault.race = Some(race_with(word.changer, "changed"));
        }
        if way == Way::Read {
            if !word.readers[0].is_of_thread_of(now) {
                word.readers[1] = word.readers[0];
            }
            word.readers[0] = now;
            return fault;
        }
        for reader in word.readers {
            if fault.race.is_none() && !clock.is_behind(reader, now) && clock.conflict(reader, now)
            {
                fault.race = Some(race_with(reader, "read"));
            }
        }
        if way == Way::Write {
            word.writer = now;
        } else {
            word.changer = now;
        }
        *state |= mask;
        fault
    }
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
    use crate::exec::rows::LANES;

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
            layout.place(64, 4);
            layout
        };
        let mut shared = Shared::new(&layout);
        let mut clocks = [Clock::new(2, 1), Clock::new(2, 1)];
        assert_eq!(shared.touch(8, 4, Way::Write, 3, &clocks[0]), None);
        let seen = shared.touch(8, 4, Way::Read, 33, &clocks[1]).unwrap();
        assert_eq!(seen.race.unwrap().other, Some(3));
        let [a, b] = &mut clocks;
        Clock::join(&mut [a, b], &[0, 1]);
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
