//! Who touched global memory last in a launch.
//!
//! Two accesses to the same bytes, one of which is an ordinary write, race
//! unless something orders them. Within a block that is a barrier. Between blocks, and within
//! one without a barrier, it is a fence: a block that has passed one and then
//! changes something atomically has *published* all that it wrote before, and
//! who does an atomic or a volatile access after that has seen it. Whose flag
//! that was is not asked: some races stay unseen, but a program that keeps to
//! the rules has none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::rows::LANES;
use super::shared::{Clock, Race};

/// Bytes of memory that are looked after under one lock.
const SEGMENT: u64 = 1024;
const WORDS: usize = SEGMENT as usize / 4;

/// A thread at a time.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp {
    /// Number of the block and one; 0 is nobody.
    block: u32,
    thread: u16,
    /// Bytes of the word, one bit each.
    bytes: u8,
    /// The warp's own clock, and how often its lanes have met.
    clock: u32,
    met: u32,
    /// How often the block had published.
    epoch: u32,
}

/// What is known about four bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    /// Who wrote last, and who changed it atomically or by a volatile access.
    writer: Stamp,
    changer: Stamp,
    /// Two different threads suffice: whoever writes is at most one of them.
    readers: [Stamp; 2],
}

/// Of one allocation.
#[derive(Debug)]
pub(crate) struct Trace {
    segments: Vec<Mutex<Segment>>,
}

/// Nothing is known of a segment that nobody has touched.
type Segment = Option<Box<[Word]>>;

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

/// What a block has published, and what it has seen of others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    epoch: u32,
    /// The launch's count of publications when it last looked.
    until: u64,
    /// A fence was passed since it published.
    fenced: bool,
}

impl Seen {
    pub(crate) fn fence(&mut self) {
        self.fenced = true;
    }

    /// The block is about to access something atomically.
    pub(crate) fn publish(&mut self, block: u32, published: &Published) {
        if self.fenced {
            self.fenced = false;
            self.epoch += 1;
            published.add(block);
        }
    }

    /// It has done so.
    pub(crate) fn look(&mut self, published: &Published) {
        self.until = published.count.load(Ordering::Acquire);
    }
}

/// When blocks have published.
#[derive(Debug, Default)]
pub(crate) struct Published {
    count: AtomicU64,
    /// Of each block, when it did so first, second, and so on.
    times: Mutex<HashMap<u32, Vec<u64>>>,
}

impl Published {
    fn add(&self, block: u32) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        times.entry(block).or_default().push(now);
    }

    /// Whether what a block did in an epoch was published by then.
    fn had(&self, block: u32, epoch: u32, until: u64) -> bool {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let time = times
            .get(&block)
            .and_then(|times| times.get(epoch as usize));
        time.is_some_and(|time| *time <= until)
    }
}

impl Trace {
    fn new(bytes: u64) -> Self {
        let count = bytes.div_ceil(SEGMENT);
        Self {
            segments: (0..count).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Notes accesses of lanes, each with its place. `found` is told of races:
    /// which lane, and with which thread of which block.
    pub(crate) fn touch(
        &self,
        accesses: impl Iterator<Item = (u32, u64)>,
        bytes: u32,
        who: &Who<'_>,
        published: &Published,
        mut found: impl FnMut(u32, (u32, Race)),
    ) {
        let mut held: Option<(u64, MutexGuard<'_, Segment>)> = None;
        for (lane, at) in accesses {
            // An access is as wide as it is aligned: it lies in one segment.
            let number = at / SEGMENT;
            let (_, segment) = match held.take() {
                Some(held_one) if held_one.0 == number => held.insert(held_one),
                other => {
                    drop(other);
                    let segment = &self.segments[number as usize];
                    let segment = segment.lock().unwrap_or_else(PoisonError::into_inner);
                    held.insert((number, segment))
                }
            };
            let words = segment.get_or_insert_with(|| vec![Word::default(); WORDS].into());
            let end = at + u64::from(bytes);
            let mut at = at;
            let mut race = None;
            while at < end {
                let first = at % 4;
                let count = (4 - first).min(end - at);
                let mask = ((1_u8 << count) - 1) << first;
                let word = &mut words[(at % SEGMENT / 4) as usize];
                race = race.or(word.touch(mask, lane, who, published));
                at += count;
            }
            if let Some(race) = race {
                found(lane, race);
            }
        }
    }
}

impl Word {
    fn touch(
        &mut self,
        bytes: u8,
        lane: u32,
        who: &Who<'_>,
        published: &Published,
    ) -> Option<(u32, Race)> {
        let warp = who.warp as usize;
        let now = Stamp {
            block: who.block + 1,
            thread: (who.warp * LANES as u32 + lane) as u16,
            bytes,
            clock: who.clock.of(warp),
            met: who.clock.met,
            epoch: who.seen.epoch,
        };
        let conflicts = |stamp: &Stamp| {
            let own = stamp.block == now.block && stamp.thread == now.thread;
            if stamp.block == 0 || own || stamp.bytes & bytes == 0 {
                return false;
            }
            let other = usize::from(stamp.thread) / LANES;
            let ordered = stamp.block == now.block
                && if other == warp {
                    stamp.met < now.met
                } else {
                    stamp.clock < who.clock.of(other)
                };
            !ordered && !published.had(stamp.block - 1, stamp.epoch, who.seen.until)
        };
        let race_with = |stamp: &Stamp, before| {
            let other = u32::from(stamp.thread);
            (stamp.block - 1, Race { before, other })
        };
        let mut race = conflicts(&self.writer).then(|| race_with(&self.writer, "wrote"));
        // Reads and changes of whole words do each other no harm: a loop of
        // compare-and-swap starts with a read.
        if who.write && !who.strong {
            if race.is_none() && conflicts(&self.changer) {
                race = Some(race_with(&self.changer, "changed"));
            }
            for reader in &self.readers {
                if race.is_none() && conflicts(reader) {
                    race = Some(race_with(reader, "read"));
                }
            }
        }
        match (who.write, who.strong) {
            (true, true) => self.changer = now,
            (true, false) => self.writer = now,
            (false, _) => {
                let last = self.readers[0];
                if (last.block, last.thread) != (now.block, now.thread) {
                    self.readers[1] = last;
                }
                self.readers[0] = now;
            }
        }
        race
    }
}

/// The traces of a launch's allocations, by their number.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) published: Published,
    traces: Vec<OnceLock<Trace>>,
}

impl Traces {
    pub(crate) fn new(allocations: usize) -> Self {
        Self {
            published: Published::default(),
            traces: (0..allocations).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Of an allocation with so many bytes.
    pub(crate) fn of(&self, number: usize, bytes: u64) -> Option<&Trace> {
        let trace = self.traces.get(number)?;
        Some(trace.get_or_init(|| Trace::new(bytes)))
    }
}
