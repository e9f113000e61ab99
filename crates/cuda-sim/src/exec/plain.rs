//! Accesses to global memory of which it is plain that they race with none
//! before: nearly all, so they are looked at many at once.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]
#![expect(
    clippy::needless_bitwise_bool,
    reason = "without branches a loop is vector code"
)]

use super::kernel::for_processor;

/// A thread at a time. From the top: number of the block and one, of 28 bits;
/// its warp's tick, of 16; its number, of 10; how often the block had
/// published, of 8; and two notes. Nobody is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Stamp(pub(super) u64);

impl Stamp {
    pub(super) const BLOCK: u32 = 36;
    pub(super) const TICK: u32 = 20;
    pub(super) const THREAD: u32 = 10;
    pub(super) const EPOCH: u32 = 2;
    /// Of a reader: there was another one, which nothing orders with this one.
    pub(super) const SEVERAL: u64 = 2;
    /// Of a writer: it was atomic or volatile.
    pub(super) const STRONG: u64 = 1;
    /// Bits that say which thread it is, and which warp.
    const WHO: u64 = u64::MAX << Self::BLOCK | 0x3ff << Self::THREAD;
    const WARP: u64 = u64::MAX << Self::BLOCK | 0x3e0 << Self::THREAD;
    /// And when.
    const WHEN: u64 = 0xffff << Self::TICK;

    pub(super) fn block(self) -> u32 {
        (self.0 >> Self::BLOCK) as u32 - 1
    }

    pub(super) fn tick(self) -> u32 {
        (self.0 >> Self::TICK) as u32 & 0xffff
    }

    pub(super) fn thread(self) -> u32 {
        (self.0 >> Self::THREAD) as u32 & 0x3ff
    }

    pub(super) fn epoch(self) -> u32 {
        (self.0 >> Self::EPOCH) as u32 & 0xff
    }

    pub(super) fn is(self, note: u64) -> bool {
        self.0 & note != 0
    }

    pub(super) fn is_same_but_for_notes(self, other: Self) -> bool {
        (self.0 ^ other.0) & !(Self::SEVERAL | Self::STRONG) == 0
    }

    pub(super) fn with(self, note: u64) -> Self {
        Self(self.0 | note)
    }
}

/// What stamps of an access are compared with.
pub(super) struct Plain {
    /// The stamp of lane 0.
    pub(super) first: Stamp,
    /// Stamps of the own block that surely lie in the past: from here on, so many.
    pub(super) past: u64,
    pub(super) span: u64,
    /// Whether what is known of all other warps of the block is that and no more.
    pub(super) even: bool,
    /// Whether nothing that other blocks did is known to be over.
    pub(super) unpublished: bool,
}

impl Plain {
    #[inline(always)]
    pub(super) fn now(&self, lane: u32) -> Stamp {
        Stamp(self.first.0 + (u64::from(lane) << Stamp::THREAD))
    }

    /// Nobody's, or before a barrier of the whole block.
    #[inline(always)]
    fn is_settled(&self, stamp: Stamp) -> bool {
        (stamp.0 == 0) | (stamp.0.wrapping_sub(self.past) < self.span)
    }

    /// Settled, or the same thread's.
    #[inline(always)]
    pub(super) fn is_behind(&self, stamp: Stamp, now: Stamp) -> bool {
        self.is_settled(stamp) | ((stamp.0 ^ now.0) & Stamp::WHO == 0)
    }

    /// Whether it is plain that a read now does not race with the last write.
    #[inline(always)]
    pub(super) fn may_read(&self, writer: Stamp, now: Stamp) -> bool {
        self.is_behind(writer, now) | (writer.0 & Stamp::STRONG != 0)
    }

    /// Whether it is plain that an ordinary write now races with nothing.
    #[inline(always)]
    pub(super) fn may_write(&self, writer: Stamp, reader: Stamp, now: Stamp) -> bool {
        let own = (reader.0 ^ now.0) & Stamp::WHO == 0;
        let alone = own & (reader.0 & Stamp::SEVERAL == 0);
        self.is_behind(writer, now) & (self.is_settled(reader) | alone)
    }

    /// Who is noted to have read after one who does so now, and whether that
    /// is plain. Of two that nothing orders, the later one is noted, but one of
    /// another block stays: of those of this one the next barrier takes care.
    #[inline(always)]
    pub(super) fn read(&self, reader: Stamp, now: Stamp) -> (Stamp, bool) {
        let differs = reader.0 ^ now.0;
        let settled = self.is_settled(reader);
        let own = differs & Stamp::WHO == 0;
        let several = reader.0 & Stamp::SEVERAL != 0;
        let own_block = differs >> Stamp::BLOCK == 0;
        let own_warp = differs & Stamp::WARP == 0;
        let at_once = differs & Stamp::WHEN == 0;
        // Lanes of a warp have met since, or not; warps have not.
        let later = own_warp & !at_once;
        let beside = own_block & self.unpublished & (own_warp | self.even);
        let elsewhere = !own_block & self.unpublished;
        let after = if settled | later | (own & !several) {
            now.0
        } else if several {
            reader.0
        } else if beside {
            now.0 | Stamp::SEVERAL
        } else {
            reader.0 | Stamp::SEVERAL
        };
        let plain = settled | own | several | beside | elsewhere;
        (Stamp(after), plain)
    }
}

/// The stamp of a piece of a row, of which each lane has so many, as a
/// logarithm.
#[inline(always)]
fn of_piece((first, per_lane): (Stamp, u32), piece: usize) -> Stamp {
    Stamp(first.0 + ((piece as u64 >> per_lane) << Stamp::THREAD))
}

for_processor!(
    /// Notes ordinary writes to pieces one behind the other, if all are plain.
    pub(super) fn write_row(
        writers: &mut [Stamp],
        readers: &[Stamp],
        plain: &Plain,
        row: (Stamp, u32),
    ) -> bool {
        let mut all = true;
        for (piece, (writer, reader)) in writers.iter().zip(readers).enumerate() {
            all &= plain.may_write(*writer, *reader, of_piece(row, piece));
        }
        if all {
            for (piece, writer) in writers.iter_mut().enumerate() {
                *writer = of_piece(row, piece);
            }
        }
        all
    }
);

for_processor!(
    /// As `write_row`, of reads.
    pub(super) fn read_row(
        writers: &[Stamp],
        readers: &mut [Stamp],
        plain: &Plain,
        row: (Stamp, u32),
    ) -> bool {
        let mut all = true;
        for (piece, (writer, reader)) in writers.iter().zip(readers.iter()).enumerate() {
            let now = of_piece(row, piece);
            all &= plain.may_read(*writer, now) & plain.read(*reader, now).1;
        }
        if all {
            for (piece, reader) in readers.iter_mut().enumerate() {
                *reader = plain.read(*reader, of_piece(row, piece)).0;
            }
        }
        all
    }
);
