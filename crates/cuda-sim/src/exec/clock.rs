//! When a thread touched memory, and what it knows of the others of its block.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::rows::LANES;

/// A thread at a time: `tick` in the upper half, then the thread's number and
/// one, of 16 bits, and the bytes of the word, one bit each. Nobody is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// Its number in the block.
    pub(crate) fn thread(self) -> Option<u32> {
        ((self.0 >> 16 & 0xffff) as u32).checked_sub(1)
    }

    #[inline(always)]
    pub(crate) fn bytes(self) -> u8 {
        self.0 as u8
    }

    /// Whether its tick is lower.
    #[inline(always)]
    pub(crate) fn is_before(self, other: Self) -> bool {
        self.0 < other.0
    }

    /// Of a thread so many behind.
    #[inline(always)]
    pub(crate) fn of_later_thread(self, count: usize) -> Self {
        Self(self.0 + ((count as u64) << 16))
    }

    fn tick(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline(always)]
    pub(crate) fn is_of_thread_of(self, other: Self) -> bool {
        (self.0 ^ other.0) & 0xffff_0000 == 0
    }
}

/// What a warp knows of the others.
///
/// Its own tick goes on whenever its lanes meet. What it did at a lower tick
/// than others know of it came before what they do now.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Of each warp: accesses at a lower tick came before.
    seen: Vec<u32>,
    /// The number of the own warp.
    own: usize,
    /// What any warp did at a lower tick came before.
    floor: u32,
    /// The tick at which the block began.
    start: u32,
    /// Whether of all other warps just the floor is known.
    even: bool,
}

impl Clock {
    /// Of a warp in a block of so many.
    pub(crate) fn new(warps: usize, own: usize) -> Self {
        Self {
            seen: vec![1; warps],
            own,
            floor: 1,
            start: 1,
            even: true,
        }
    }

    /// Lanes of the warp have met.
    pub(crate) fn meet(&mut self) {
        self.seen[self.own] += 1;
    }

    /// The own tick.
    pub(crate) fn tick(&self) -> u32 {
        self.seen[self.own]
    }

    /// As `tick`, since the block began.
    pub(crate) fn age(&self) -> u32 {
        self.tick() - self.start
    }

    /// As `age`: what another warp did before came before.
    pub(crate) fn age_of(&self, warp: usize) -> u32 {
        self.seen[warp] - self.start
    }

    /// As `age_of`, of any warp.
    pub(crate) fn age_of_all(&self) -> u32 {
        self.floor - self.start
    }

    /// A new block begins: all that was came before.
    pub(crate) fn renew(&mut self, tick: u32) {
        self.all_met(tick);
        self.start = tick;
    }

    /// An access by a thread of the own warp to bytes of a word.
    #[inline(always)]
    pub(crate) fn stamp(&self, thread: u32, bytes: u8) -> Stamp {
        let tick = u64::from(self.seen[self.own]);
        Stamp(tick << 32 | u64::from(thread + 1) << 16 | u64::from(bytes))
    }

    /// All stamps before this one surely lie in the past.
    #[inline(always)]
    pub(crate) fn past(&self) -> Stamp {
        Stamp(u64::from(self.floor) << 32)
    }

    /// Whether an access surely came before, or was the same thread's: most
    /// were.
    #[inline(always)]
    pub(crate) fn is_behind(&self, stamp: Stamp, now: Stamp) -> bool {
        stamp.is_before(self.past()) || stamp.is_of_thread_of(now)
    }

    /// Whether nothing orders an earlier access by another thread before one
    /// now, and they have bytes in common.
    pub(crate) fn conflict(&self, stamp: Stamp, now: Stamp) -> bool {
        let Some(thread) = stamp.thread() else {
            return false;
        };
        let warp = thread as usize / LANES;
        stamp.0 & now.0 & 0xff != 0 && stamp.tick() >= self.seen[warp]
    }

    /// All warps of the block have met: what any did at a lower tick than this
    /// came before.
    pub(crate) fn all_met(&mut self, tick: u32) {
        self.seen.fill(tick);
        self.floor = tick;
        self.even = true;
    }

    /// Whether of all other warps just that is known.
    pub(crate) fn is_even(&self) -> bool {
        self.even
    }

    /// All of these warps have met at a barrier.
    pub(crate) fn join(clocks: &mut [&mut Self]) {
        for clock in clocks.iter_mut() {
            clock.meet();
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
            clock.even = false;
        }
    }
}
