//! A block's memory, with who touched it last.

use super::rows::LANES;
use crate::memory::{Cells, Layout};

/// A thread at a time: its number, and how many barriers its warp has passed
/// (its own warp's clock), and how often its lanes have met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stamp {
    /// Number in the block and one; 0 is nobody.
    thread: u16,
    /// Bytes of the word, one bit each.
    bytes: u8,
    atomic: bool,
    clock: u32,
    met: u32,
}

/// What is known about four bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    /// Who wrote last, and who changed it atomically.
    writer: Stamp,
    changer: Stamp,
    /// Two different threads suffice: whoever writes is at most one of them.
    readers: [Stamp; 2],
    written: u8,
    /// Bytes that belong to no variable.
    outside: u8,
}

/// What a warp knows of the others.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Of each warp: accesses with a lower number came before.
    seen: Vec<u32>,
    /// How often the lanes of this warp have met.
    pub(crate) met: u32,
}

impl Clock {
    pub(crate) fn new(warps: usize) -> Self {
        Self {
            seen: vec![0; warps],
            met: 0,
        }
    }

    /// What is known of a warp: its accesses with a lower number came before.
    pub(crate) fn of(&self, warp: usize) -> u32 {
        self.seen[warp]
    }

    /// All of these warps have met at a barrier.
    pub(crate) fn join(clocks: &mut [&mut Self], numbers: &[usize]) {
        for (clock, &own) in clocks.iter_mut().zip(numbers) {
            clock.seen[own] += 1;
            clock.met += 1;
        }
        let Some(first) = clocks.first() else {
            return;
        };
        let mut all = first.seen.clone();
        for clock in clocks.iter() {
            for (most, seen) in all.iter_mut().zip(&clock.seen) {
                *most = (*most).max(*seen);
            }
        }
        for clock in clocks.iter_mut() {
            clock.seen.clone_from(&all);
        }
    }
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

/// A race: what the other thread did, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Race {
    pub(crate) before: &'static str,
    pub(crate) other: u32,
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

/// Shared memory of one block.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cells: Cells,
    words: Vec<Word>,
}

impl Shared {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut words = vec![Word::default(); layout.end.div_ceil(4) as usize];
        for (start, end) in layout.gaps() {
            for at in start..end {
                words[(at / 4) as usize].outside |= 1 << (at % 4);
            }
        }
        Self {
            cells: Cells::new(u64::from(layout.end)),
            words,
        }
    }

    /// Notes an access, and says what is wrong with it.
    #[inline]
    pub(crate) fn touch(
        &mut self,
        at: u64,
        bytes: u32,
        way: Way,
        thread: u32,
        clock: &Clock,
    ) -> Fault {
        let mut fault = Fault::default();
        let end = at + u64::from(bytes);
        let mut at = at;
        while at < end {
            let first = at % 4;
            let count = (4 - first).min(end - at);
            let mask = ((1_u8 << count) - 1) << first;
            let found = self.touch_word((at / 4) as usize, mask, way, thread, clock);
            fault.race = fault.race.or(found.race);
            fault.unwritten |= found.unwritten;
            fault.outside |= found.outside;
            at += count;
        }
        fault
    }

    #[inline]
    fn touch_word(
        &mut self,
        word: usize,
        bytes: u8,
        way: Way,
        thread: u32,
        clock: &Clock,
    ) -> Fault {
        let word = &mut self.words[word];
        let warp = thread as usize / LANES;
        let now = Stamp {
            thread: thread as u16 + 1,
            bytes,
            atomic: way == Way::Atomic,
            clock: clock.seen[warp],
            met: clock.met,
        };
        let conflicts = |stamp: &Stamp| {
            if stamp.thread == 0 || stamp.thread == now.thread || stamp.bytes & bytes == 0 {
                return false;
            }
            let other = usize::from(stamp.thread - 1) / LANES;
            let ordered = if other == warp {
                stamp.met < clock.met
            } else {
                stamp.clock < clock.seen[other]
            };
            !(ordered || stamp.atomic && now.atomic)
        };
        let race_with = |stamp: &Stamp, before| Race {
            before,
            other: u32::from(stamp.thread - 1),
        };
        let mut race = None;
        if conflicts(&word.writer) {
            race = Some(race_with(&word.writer, "wrote"));
        } else if conflicts(&word.changer) {
            race = Some(race_with(&word.changer, "changed"));
        }
        let outside = word.outside & bytes != 0;
        let unwritten = way != Way::Write && word.written & bytes != bytes;
        match way {
            Way::Read => {
                if word.readers[0].thread != now.thread {
                    word.readers[1] = word.readers[0];
                }
                word.readers[0] = now;
            }
            Way::Write | Way::Atomic => {
                for reader in &word.readers {
                    if race.is_none() && conflicts(reader) {
                        race = Some(race_with(reader, "read"));
                    }
                }
                if way == Way::Write {
                    word.writer = now;
                } else {
                    word.changer = now;
                }
                word.written |= bytes;
            }
        }
        Fault {
            race,
            unwritten,
            outside,
        }
    }
}
