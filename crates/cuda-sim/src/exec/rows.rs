//! Registers of a warp: 32 lanes side by side, so that one instruction is one
//! loop that the compiler turns into vector code.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alike;

/// Lanes of a warp.
pub(crate) const LANES: usize = 32;
/// Every lane.
pub(crate) const ALL: u32 = u32::MAX;

/// One register of at most 32 bits in every lane.
pub(crate) type Row32 = [u32; LANES];
/// One register of 64 bits in every lane.
pub(crate) type Row64 = [u64; LANES];

/// The registers of one function's activation.
#[derive(Debug, Default)]
pub(crate) struct Registers {
    /// Registers of 8, 16 and 32 bits. What is above a narrow one's width has
    /// no meaning: whoever reads takes the width that the instruction names.
    pub(crate) words: Vec<Row32>,
    /// Registers of 64 bits.
    pub(crate) longs: Vec<Row64>,
    /// Predicates: one bit a lane.
    pub(crate) predicates: Vec<u32>,
}

impl Clone for Registers {
    fn clone(&self) -> Self {
        Self {
            words: self.words.clone(),
            longs: self.longs.clone(),
            predicates: self.predicates.clone(),
        }
    }

    /// In the memory that there is.
    fn clone_from(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
        self.longs.clone_from(&other.longs);
        self.predicates.clone_from(&other.predicates);
    }
}

/// How many registers of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) words: u32,
    pub(crate) longs: u32,
    pub(crate) predicates: u32,
}

impl Demand {
    /// Of all kinds together.
    pub(crate) fn all(self) -> u32 {
        self.words + self.longs + self.predicates
    }
}

/// Which registers an instruction works on: results, then operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Result.
    pub(crate) d: u32,
    /// Second result.
    pub(crate) e: u32,
    /// Operands.
    pub(crate) s: [u32; 4],
    /// What the instruction has as a number of its own.
    pub(crate) imm: u32,
    /// Of which kind they are.
    pub(crate) kinds: Kinds,
}

/// Kinds of the registers of an instruction, two bits each: the result, a
/// second one, operands. 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) fn new(d: Kind, e: Option<Kind>, s: &[Kind]) -> Self {
        let bits = |kind| match kind {
            Kind::Word => 1,
            Kind::Long => 2,
            Kind::Predicate => 3,
        };
        let operands = s.iter().enumerate();
        let operands = operands.map(|(at, kind)| bits(*kind) << (4 + 2 * at));
        Self(bits(d) | e.map_or(0, bits) << 2 | operands.sum::<u16>())
    }

    fn of(self, at: usize) -> Option<Kind> {
        match self.0 >> (2 * at) & 3 {
            0 => None,
            1 => Some(Kind::Word),
            2 => Some(Kind::Long),
            _ => Some(Kind::Predicate),
        }
    }
}

impl Slots {
    /// Results with their kinds.
    pub(crate) fn results(&mut self) -> impl Iterator<Item = (Kind, &mut u32)> {
        let kinds = self.kinds;
        let slots = [&mut self.d, &mut self.e].into_iter().enumerate();
        slots.filter_map(move |(at, slot)| Some((kinds.of(at)?, slot)))
    }

    /// Operands with their kinds.
    pub(crate) fn operands(&mut self) -> impl Iterator<Item = (Kind, &mut u32)> {
        let kinds = self.kinds;
        let slots = self.s.iter_mut().enumerate();
        slots.filter_map(move |(at, slot)| Some((kinds.of(2 + at)?, slot)))
    }
}

/// Where a register lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// In [`Registers::words`].
    Word,
    /// In [`Registers::longs`].
    Long,
    /// In [`Registers::predicates`].
    Predicate,
}

/// What a lane holds in a register.
pub(crate) trait Lane: Copy {
    /// Where such registers lie.
    const KIND: Kind;
    /// Bits of a lane.
    type Bits: Copy;
    fn row(registers: &Registers, slot: u32) -> &[Self::Bits; LANES];
    fn row_mut(registers: &mut Registers, slot: u32) -> &mut [Self::Bits; LANES];
    /// Takes over the lanes of a mask.
    fn take(row: &mut [Self::Bits; LANES], new: &[Self::Bits; LANES], mask: u32);
    fn read(bits: Self::Bits) -> Self;
    fn write(self) -> Self::Bits;
}

macro_rules! lane {
    ($ty:ty, $bits:ty, $kind:ident, $file:ident, $take:ident, $read:expr, $write:expr) => {
        impl Lane for $ty {
            const KIND: Kind = Kind::$kind;
            type Bits = $bits;
            #[inline(always)]
            fn row(registers: &Registers, slot: u32) -> &[$bits; LANES] {
                &registers.$file[slot as usize]
            }
            #[inline(always)]
            fn row_mut(registers: &mut Registers, slot: u32) -> &mut [$bits; LANES] {
                &mut registers.$file[slot as usize]
            }
            #[inline(always)]
            fn take(row: &mut [$bits; LANES], new: &[$bits; LANES], mask: u32) {
                alike::$take(row, new, mask);
            }
            #[inline(always)]
            fn read(bits: $bits) -> Self {
                let read: fn($bits) -> Self = $read;
                read(bits)
            }
            #[inline(always)]
            fn write(self) -> $bits {
                let write: fn(Self) -> $bits = $write;
                write(self)
            }
        }
    };
}

lane!(
    u8,
    u32,
    Word,
    words,
    take_words,
    |bits| bits as u8,
    u32::from
);
// PTX ISA 9.0, 9.4.1: a signed result is extended by its sign to the width of
// its register.
lane!(
    i8,
    u32,
    Word,
    words,
    take_words,
    |bits| bits as i8,
    |value| { i32::from(value).cast_unsigned() }
);
lane!(
    u16,
    u32,
    Word,
    words,
    take_words,
    |bits| bits as u16,
    u32::from
);
lane!(
    i16,
    u32,
    Word,
    words,
    take_words,
    |bits| bits as i16,
    |value| { i32::from(value).cast_unsigned() }
);
lane!(u32, u32, Word, words, take_words, |bits| bits, |value| {
    value
});
lane!(
    i32,
    u32,
    Word,
    words,
    take_words,
    u32::cast_signed,
    i32::cast_unsigned
);
lane!(
    f32,
    u32,
    Word,
    words,
    take_words,
    f32::from_bits,
    f32::to_bits
);
lane!(u64, u64, Long, longs, take_longs, |bits| bits, |value| {
    value
});
lane!(
    i64,
    u64,
    Long,
    longs,
    take_longs,
    u64::cast_signed,
    i64::cast_unsigned
);
lane!(
    f64,
    u64,
    Long,
    longs,
    take_longs,
    f64::from_bits,
    f64::to_bits
);

impl Registers {
    /// All zero.
    pub(crate) fn new(demand: Demand) -> Self {
        Self {
            words: vec![[0; LANES]; demand.words as usize],
            longs: vec![[0; LANES]; demand.longs as usize],
            predicates: vec![0; demand.predicates as usize],
        }
    }

    /// As those of a template once more, if nothing but what is `unset` there
    /// was written that is read before it is written.
    pub(crate) fn renew(&mut self, template: &Self, unset: &[(Kind, u32)]) {
        for &(kind, slot) in unset {
            match kind {
                Kind::Word => self.words[slot as usize] = template.words[slot as usize],
                Kind::Long => self.longs[slot as usize] = template.longs[slot as usize],
                Kind::Predicate => {}
            }
        }
        self.predicates.clone_from(&template.predicates);
    }

    /// What they take of this machine's memory.
    pub(crate) fn bytes(&self) -> u64 {
        let words = self.words.len() * size_of::<Row32>();
        let longs = self.longs.len() * size_of::<Row64>();
        (words + longs + self.predicates.len() * 4) as u64
    }

    /// How many there are of all kinds together.
    pub(crate) fn all(&self) -> u32 {
        (self.words.len() + self.longs.len() + self.predicates.len()) as u32
    }

    /// Writes the lanes of `mask`.
    #[inline(always)]
    pub(crate) fn write<D: Lane>(&mut self, slot: u32, mask: u32, value: impl Fn(usize) -> D) {
        let row = D::row_mut(self, slot);
        // All lanes, and then a choice: a choice for each becomes a branch.
        let mut new = *row;
        for (lane, bits) in new.iter_mut().enumerate() {
            *bits = value(lane).write();
        }
        if mask == ALL {
            *row = new;
        } else {
            D::take(row, &new, mask);
        }
    }

    /// `d = f(a)`.
    #[inline(always)]
    pub(crate) fn map1<D: Lane, A: Lane>(&mut self, s: &Slots, mask: u32, f: impl Fn(A) -> D) {
        let a = *A::row(self, s.s[0]);
        self.write(
            s.d,
            mask,
            #[inline(always)]
            |lane| f(A::read(a[lane])),
        );
    }

    /// `d = f(a, b)`.
    #[inline(always)]
    pub(crate) fn map2<D: Lane, A: Lane, B: Lane>(
        &mut self,
        s: &Slots,
        mask: u32,
        f: impl Fn(A, B) -> D,
    ) {
        let a = *A::row(self, s.s[0]);
        let b = *B::row(self, s.s[1]);
        self.write(
            s.d,
            mask,
            #[inline(always)]
            |lane| f(A::read(a[lane]), B::read(b[lane])),
        );
    }

    /// `d = f(a, b, c)`.
    #[inline(always)]
    pub(crate) fn map3<D: Lane, A: Lane, B: Lane, C: Lane>(
        &mut self,
        s: &Slots,
        mask: u32,
        f: impl Fn(A, B, C) -> D,
    ) {
        let a = *A::row(self, s.s[0]);
        let b = *B::row(self, s.s[1]);
        let c = *C::row(self, s.s[2]);
        self.write(
            s.d,
            mask,
            #[inline(always)]
            |lane| f(A::read(a[lane]), B::read(b[lane]), C::read(c[lane])),
        );
    }

    /// Sets the predicate in the lanes of `mask`.
    #[inline(always)]
    pub(crate) fn set_predicate(&mut self, slot: u32, mask: u32, held: u32) {
        let bits = &mut self.predicates[slot as usize];
        *bits = *bits & !mask | held & mask;
    }
}
