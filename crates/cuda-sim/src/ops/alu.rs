//! How a family describes an instruction.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use crate::exec::kernel::Kernel;
use crate::exec::rows::Kind;
use crate::ptx::Type;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Integers, logic, addresses.
    Integer,
    /// Singles.
    F32,
    /// Doubles.
    F64,
    /// Halves and bfloat16.
    F16,
    /// Approximated functions.
    Special,
    /// From one type to another.
    Convert,
    /// Moves, selections.
    Move,
    /// Branches, calls, barriers.
    Control,
    /// Loads and stores.
    Memory,
    /// Atomics.
    Atomic,
    /// Between the lanes of a warp.
    Warp,
    /// On tensor cores.
    Tensor,
}

impl Class {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Tensor as usize + 1;
}

/// An instruction that works on registers alone.
#[derive(Clone, Debug)]
pub(crate) struct Alu {
    pub(crate) kernel: Kernel,
    /// Where the result goes.
    pub(crate) d: Kind,
    /// Where a second one goes, which need not be asked for.
    pub(crate) e: Option<Kind>,
    /// Where operands come from.
    pub(crate) s: Vec<Kind>,
    /// Whether a double among the operands is a single's constant.
    pub(crate) single: bool,
    /// Becomes `Slots::imm`.
    pub(crate) imm: u32,
    pub(crate) class: Class,
    /// Floating-point operations of one lane.
    pub(crate) flops: u32,
}

impl Alu {
    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    pub(crate) fn flops(mut self, class: Class, flops: u32) -> Self {
        self.class = class;
        self.flops = flops;
        self
    }

    pub(crate) fn imm(mut self, imm: u32) -> Self {
        self.imm = imm;
        self
    }
}

/// An [`Alu`] from a function of lanes:
/// `alu!((a: u32, b: u32) -> u32 { a.wrapping_add(b) })`.
macro_rules! alu {
    (($a:ident: $A:ty) -> $D:ty { $($f:tt)* }) => {
        $crate::ops::alu::alu!(@ $D, [$A], |r, s, m| r.map1(s, m, #[inline(always)] |$a: $A| -> $D { $($f)* }))
    };
    (($a:ident: $A:ty, $b:ident: $B:ty) -> $D:ty { $($f:tt)* }) => {
        $crate::ops::alu::alu!(@ $D, [$A, $B], |r, s, m| r.map2(s, m, #[inline(always)] |$a: $A, $b: $B| -> $D { $($f)* }))
    };
    (($a:ident: $A:ty, $b:ident: $B:ty, $c:ident: $C:ty) -> $D:ty { $($f:tt)* }) => {
        $crate::ops::alu::alu!(@ $D, [$A, $B, $C], |r, s, m| {
            r.map3(s, m, #[inline(always)] |$a: $A, $b: $B, $c: $C| -> $D { $($f)* })
        })
    };
    (@ $D:ty, [$($S:ty),*], |$r:ident, $s:ident, $m:ident| $body:expr) => {
        $crate::ops::alu::Alu {
            kernel: $crate::exec::kernel::kernel!(|$r, $s, $m| $body),
            d: <$D as $crate::exec::rows::Lane>::KIND,
            e: None,
            s: vec![$(<$S as $crate::exec::rows::Lane>::KIND),*],
            single: false,
            imm: 0,
            class: $crate::ops::alu::Class::Integer,
            flops: 0,
        }
    };
}
pub(crate) use alu;

/// How a result is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the nearest, ties to even.
    Nearest,
    /// Toward zero.
    Zero,
    /// Toward minus infinity.
    Down,
    /// Toward plus infinity.
    Up,
}

impl Rounding {
    /// By its number, in the lowest two bits.
    #[inline(always)]
    pub(crate) fn of_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Nearest,
            1 => Self::Zero,
            2 => Self::Down,
            _ => Self::Up,
        }
    }
}

/// The modifiers of an instruction; each is taken off by whoever heeds it.
#[derive(Clone, Debug)]
pub(crate) struct Modifiers<'a> {
    left: Vec<&'a str>,
}

impl<'a> Modifiers<'a> {
    pub(crate) fn new(modifiers: &[&'a str]) -> Self {
        Self {
            left: modifiers.to_vec(),
        }
    }

    /// Whether it is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let at = self.left.iter().position(|left| *left == name);
        if let Some(at) = at {
            self.left.remove(at);
        }
        at.is_some()
    }

    /// The first of these that is there.
    pub(crate) fn one_of<T: Copy>(&mut self, names: &[(&str, T)]) -> Option<T> {
        names
            .iter()
            .find(|(name, _)| self.flag(name))
            .map(|(_, value)| *value)
    }

    /// The last type.
    pub(crate) fn ty(&mut self) -> Option<Type> {
        let at = self
            .left
            .iter()
            .rposition(|name| Type::of_name(name).is_some())?;
        Type::of_name(self.left.remove(at))
    }

    /// The first modifier.
    pub(crate) fn first(&mut self) -> Option<&'a str> {
        (!self.left.is_empty()).then(|| self.left.remove(0))
    }

    pub(crate) fn rounding(&mut self) -> Option<Rounding> {
        self.one_of(&[
            ("rn", Rounding::Nearest),
            ("rz", Rounding::Zero),
            ("rm", Rounding::Down),
            ("rp", Rounding::Up),
        ])
    }

    /// Whether all were heeded.
    pub(crate) fn all_taken(&self) -> bool {
        self.left.is_empty()
    }
}
