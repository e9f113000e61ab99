//! Who touched global memory last in a launch.
//!
//! Two accesses to the same bytes, one of which is an ordinary write, race
//! unless something orders them. Within a block that is a barrier. Between
//! blocks, and within one without a barrier, it is a fence: a block that has
//! passed one and then changes something atomically has *published* all that
//! it wrote before, and who does an atomic or a volatile access after that has
//! seen it. Whose flag that was is not asked: some races stay unseen, but a
//! program that keeps to the rules has none.
//!
//! Of each piece of memory the last writer is known and one reader, with a
//! note that there were more. A piece is as long as the narrowest access to
//! its segment so far.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::clock::Clock;
use super::plain::{self, Plain, Stamp};
use super::published::{Published, Seen};
use super::rows::LANES;
use super::shared::Race;
use super::survey::Form;

/// Bytes of memory that are looked after under one lock.
const SEGMENT: u64 = 4096;
/// A longer access is one to several pieces.
const LONGEST_PIECE: u32 = 16;
/// Blocks with a higher number are not looked after.
const MOST_BLOCKS: u32 = (1 << 28) - 1;
/// Nor is a block after so many barriers.
const MOST_TICKS: u32 = u16::MAX as u32;

/// Of one allocation.
#[derive(Debug)]
pub(crate) struct Trace {
    segments: Vec<Mutex<Segment>>,
}

/// Nothing is known of a segment that nobody has touched.
#[derive(Debug, Default)]
struct Segment {
    /// Number of the launch that touched it last.
    launch: u64,
    /// Logarithm of the bytes of a piece.
    shift: u32,
    /// Of each piece, who wrote last.
    writers: Vec<Stamp>,
    /// And one who read.
    readers: Vec<Stamp>,
}

impl Segment {
    /// Makes pieces of at most so many bytes; the answer is the logarithm of
    /// how many they have.
    #[inline]
    fn split(&mut self, bytes: u32, launch: u64) -> u32 {
        if self.launch != launch {
            self.launch = launch;
            self.writers.fill(Stamp::default());
            self.readers.fill(Stamp::default());
        }
        let shift = bytes.min(LONGEST_PIECE).trailing_zeros();
        if self.writers.is_empty() || shift < self.shift {
            self.split_further(shift);
        }
        self.shift
    }

    #[cold]
    fn split_further(&mut self, shift: u32) {
        let of = 1 << (self.shift - shift.min(self.shift));
        for stamps in [&mut self.writers, &mut self.readers] {
            *stamps = if stamps.is_empty() {
                vec![Stamp::default(); SEGMENT as usize >> shift]
            } else {
                let stamps = stamps.iter();
                stamps
                    .flat_map(|stamp| std::iter::repeat_n(*stamp, of))
                    .collect()
            };
        }
        self.shift = shift;
    }
}

/// Who accesses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'c> {
    /// Number of the block in the grid.
    pub(crate) block: u32,
    /// Number of the warp in the block.
    pub(crate) warp: u32,
    pub(crate) clock: &'c Clock,
    pub(crate) seen: Seen,
    pub(crate) write: bool,
    /// Atomic or volatile.
    pub(crate) strong: bool,
}

/// What is asked about each piece of an access, worked out once.
struct Question<'q> {
    who: &'q Who<'q>,
    published: &'q Published,
    plain: Plain,
}

impl<'q> Question<'q> {
    /// `None` if this block is not looked after.
    fn new(who: &'q Who<'q>, published: &'q Published) -> Option<Self> {
        let tick = who.clock.age();
        if who.block >= MOST_BLOCKS || tick >= MOST_TICKS {
            return None;
        }
        let past = u64::from(who.block + 1) << Stamp::BLOCK;
        let thread = who.warp * LANES as u32;
        let first = past
            | u64::from(tick) << Stamp::TICK
            | u64::from(thread) << Stamp::THREAD
            | u64::from(who.seen.epoch.min(0xff)) << Stamp::EPOCH;
        Some(Self {
            who,
            published,
            plain: Plain {
                first: Stamp(first),
                past,
                span: u64::from(who.clock.age_of_all()) << Stamp::TICK,
                even: who.clock.is_even(),
                unpublished: who.seen.until == 0,
            },
        })
    }

    /// Whether nothing orders an access by another thread before one now.
    fn conflict(&self, stamp: Stamp) -> bool {
        let clock = self.who.clock;
        let ordered = stamp.block() == self.who.block
            && stamp.tick() < clock.age_of(stamp.thread() as usize / LANES);
        !ordered
            && !self
                .published
                .had(stamp.block(), stamp.epoch(), self.who.seen.until)
    }

    #[inline(always)]
    fn races(&self, stamp: Stamp, now: Stamp) -> bool {
        !self.plain.is_behind(stamp, now) && self.conflict(stamp)
    }

    /// Notes an access to a piece.
    #[inline]
    fn touch(&self, segment: &mut Segment, piece: usize, now: Stamp) -> Option<(u32, Race)> {
        let writer = &mut segment.writers[piece];
        let reader = &mut segment.readers[piece];
        if self.who.write {
            return self.write(writer, *reader, now);
        }
        // Reads and changes of whole words do each other no harm: a loop of
        // compare-and-swap starts with a read.
        let race = !writer.is(Stamp::STRONG) && self.races(*writer, now);
        if *reader != now {
            *reader = self.read(*reader, now);
        }
        race.then(|| race_with(*writer, "wrote"))
    }

    /// Who is noted to have read, after one who did so now.
    #[inline]
    fn read(&self, reader: Stamp, now: Stamp) -> Stamp {
        if self.plain.is_behind(reader, now) {
            return if reader.is_same_but_for_notes(now) {
                reader
            } else {
                now
            };
        }
        if reader.is(Stamp::SEVERAL) {
            return reader;
        }
        if !self.conflict(reader) {
            return now;
        }
        // One of another block is kept: of those of this one the next barrier
        // takes care.
        let own = reader.block() == self.who.block;
        if own { now } else { reader }.with(Stamp::SEVERAL)
    }

    #[inline]
    fn write(&self, last: &mut Stamp, reader: Stamp, now: Stamp) -> Option<(u32, Race)> {
        let writer = *last;
        if self.who.strong {
            let plain = writer.0 != 0 && !writer.is(Stamp::STRONG);
            let race = plain && self.races(writer, now);
            // An ordinary write of the own block says more to others.
            if !plain || !race && writer.block() != self.who.block {
                *last = now.with(Stamp::STRONG);
            }
            return race.then(|| race_with(writer, "wrote"));
        }
        *last = now;
        if self.races(writer, now) {
            let strong = writer.is(Stamp::STRONG);
            return Some(race_with(writer, if strong { "changed" } else { "wrote" }));
        }
        if self.races(reader, now) {
            return Some(race_with(reader, "read"));
        }
        // The one that is known is this thread itself; the other is not.
        let again = reader.is(Stamp::SEVERAL) && reader.is_same_but_for_notes(now);
        again.then_some((
            self.who.block,
            Race {
                before: "read",
                other: None,
            },
        ))
    }

    /// As `touch`, of pieces one behind the other, so many of each lane from a
    /// first one on, if it is plain that nothing is wrong with any; whether
    /// that is so.
    #[inline]
    fn touch_row(
        &self,
        segment: &mut Segment,
        pieces: std::ops::Range<usize>,
        lane: u32,
        per_lane: u32,
    ) -> bool {
        let row = (self.plain.now(lane), per_lane.trailing_zeros());
        let writers = &mut segment.writers[pieces.clone()];
        let readers = &mut segment.readers[pieces];
        match (self.who.write, self.who.strong) {
            (true, false) => plain::write_row(writers, readers, &self.plain, row),
            (false, _) => plain::read_row(writers, readers, &self.plain, row),
            _ => false,
        }
    }

    /// As `touch`, of one piece, if that is plain.
    #[inline]
    fn touch_plainly(&self, segment: &mut Segment, piece: usize, now: Stamp) -> bool {
        let (writer, reader) = (segment.writers[piece], segment.readers[piece]);
        let (ok, after) = match (self.who.write, self.who.strong) {
            (true, false) => (self.plain.may_write(writer, reader, now), reader),
            (false, _) => {
                let (after, plain) = self.plain.read(reader, now);
                (plain && self.plain.may_read(writer, now), after)
            }
            _ => (false, reader),
        };
        if ok {
            segment.readers[piece] = after;
            if self.who.write {
                segment.writers[piece] = now;
            }
        }
        ok
    }
}

fn race_with(stamp: Stamp, before: &'static str) -> (u32, Race) {
    let other = Some(stamp.thread());
    (stamp.block(), Race { before, other })
}

impl Trace {
    pub(crate) fn new(bytes: u64) -> Self {
        let count = bytes.div_ceil(SEGMENT);
        Self {
            segments: (0..count).map(|_| Mutex::default()).collect(),
        }
    }

    /// Notes accesses of lanes to memory that starts at `base`. `found` is told
    /// of races: which lane, and with which thread of which block.
    #[expect(
        clippy::too_many_arguments,
        reason = "an access and all that is known of it"
    )]
    pub(crate) fn touch(
        &self,
        (addresses, base): (&[u64; LANES], u64),
        active: u32,
        form: Form,
        bytes: u32,
        who: &Who<'_>,
        launch: &Launched,
        mut found: impl FnMut(u32, (u32, Race)),
    ) {
        let Some(question) = Question::new(who, &launch.published) else {
            return;
        };
        let mut left = active;
        while left != 0 {
            // An access is as wide as it is aligned: it lies in one segment.
            let first = left.trailing_zeros();
            let number = (addresses[first as usize] - base) / SEGMENT;
            let segment = &self.segments[number as usize];
            let mut segment = segment.lock().unwrap_or_else(PoisonError::into_inner);
            let shift = segment.split(bytes, launch.number);
            let start = base + number * SEGMENT;
            if form == Form::Row {
                let at = addresses[first as usize] - start;
                let room = ((SEGMENT - at) / u64::from(bytes)).min(LANES as u64 - u64::from(first));
                let pieces = at as usize >> shift..(at + room * u64::from(bytes)) as usize >> shift;
                if question.touch_row(&mut segment, pieces, first, bytes >> shift) {
                    let lanes = u32::MAX >> (LANES as u64 - room);
                    left &= !(lanes << first);
                    continue;
                }
            }
            while left != 0 {
                let lane = left.trailing_zeros();
                let at = addresses[lane as usize].wrapping_sub(start);
                if at >= SEGMENT {
                    break;
                }
                left &= left - 1;
                let now = question.plain.now(lane);
                let first = at as usize >> shift;
                let end = (at as usize + bytes as usize) >> shift;
                let mut race = None;
                for piece in first..end {
                    if !question.touch_plainly(&mut segment, piece, now) {
                        race = race.or(question.touch(&mut segment, piece, now));
                    }
                }
                if let Some(race) = race {
                    found(lane, race);
                }
            }
        }
    }
}

/// What is known of a launch as a whole.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) published: Published,
    /// Another one for each launch.
    number: u64,
}

impl Launched {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            published: Published::default(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }
}
