//! Comparisons and selections: PTX ISA 9.0, section 9.7.6 and 9.7.7.

#![expect(
    clippy::double_comparisons,
    reason = "what is no number is neither less nor more, and yet not the same"
)]
#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::{Alu, Class, Modifiers, alu};
use super::float::flushed;
use super::narrow::{Brain, Half, Narrow};
use crate::exec::alike::highest_bits;
use crate::exec::kernel::{Kernel, kernel};
use crate::exec::rows::{Kind, LANES, Lane, Registers, Row32, Slots};
use crate::ptx::Type;

/// How a comparison's result meets the predicate that it is given.
const COMBINE: u32 = 3;
/// The comparison's number.
const WHICH: u32 = 4;

/// Comparisons; those from `equ` on hold where one side is no number.
const COMPARISONS: [(&str, u32); 18] = [
    ("eq", 0),
    ("ne", 1),
    ("lt", 2),
    ("le", 3),
    ("gt", 4),
    ("ge", 5),
    ("lo", 2),
    ("ls", 3),
    ("hi", 4),
    ("hs", 5),
    ("equ", 6),
    ("neu", 7),
    ("ltu", 8),
    ("leu", 9),
    ("gtu", 10),
    ("geu", 11),
    ("num", 12),
    ("nan", 13),
];

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    match opcode {
        "setp" => setp(modifiers),
        "set" => set(modifiers),
        "selp" => selp(modifiers.ty()?),
        "slct" => slct(modifiers),
        "testp" => testp(modifiers),
        _ => None,
    }
}

/// Which lanes a test of two numbers holds in.
#[inline(always)]
fn test<T>(a: &impl Fn(usize) -> T, b: &impl Fn(usize) -> T, f: impl Fn(&T, &T) -> bool) -> u32 {
    let mut held = [0; LANES];
    for (lane, held) in held.iter_mut().enumerate() {
        *held = if f(&a(lane), &b(lane)) { u32::MAX } else { 0 };
    }
    highest_bits(&held)
}

/// A test with the operator of a comparison.
macro_rules! test {
    ($a:ident, $b:ident, |$x:ident, $y:ident| $f:expr) => {
        test(
            &$a,
            &$b,
            #[inline(always)]
            |$x, $y| $f,
        )
    };
}

/// Which lanes a comparison holds in. `ne` of what is no number does not:
/// only the unordered form does.
#[inline(always)]
fn ordered<T: PartialOrd>(which: u32, a: impl Fn(usize) -> T, b: impl Fn(usize) -> T) -> u32 {
    match which & 15 {
        0 => test!(a, b, |a, b| a == b),
        1 => test!(a, b, |a, b| a < b || a > b),
        2 => test!(a, b, |a, b| a < b),
        3 => test!(a, b, |a, b| a <= b),
        4 => test!(a, b, |a, b| a > b),
        5 => test!(a, b, |a, b| a >= b),
        6 => !test!(a, b, |a, b| a < b || a > b),
        7 => !test!(a, b, |a, b| a == b),
        8 => !test!(a, b, |a, b| a >= b),
        9 => !test!(a, b, |a, b| a > b),
        10 => !test!(a, b, |a, b| a <= b),
        11 => !test!(a, b, |a, b| a < b),
        12 => test!(a, b, |a, b| a.partial_cmp(b).is_some()),
        _ => !test!(a, b, |a, b| a.partial_cmp(b).is_some()),
    }
}

/// `ordered` of an instruction's operands, each taken for what `f` makes of it.
#[inline(always)]
fn compared<A: Lane + PartialOrd>(registers: &Registers, s: &Slots, f: impl Fn(A) -> A) -> u32 {
    let a = A::row(registers, s.s[0]);
    let b = A::row(registers, s.s[1]);
    ordered(
        s.imm >> WHICH,
        #[inline(always)]
        |lane| f(A::read(a[lane])),
        #[inline(always)]
        |lane| f(A::read(b[lane])),
    )
}

/// With the third operand, a predicate: and, or, exclusive or.
#[inline(always)]
fn combined(registers: &Registers, s: &Slots, held: u32) -> u32 {
    match s.imm & COMBINE {
        0 => held,
        1 => held & registers.predicates[s.s[2] as usize],
        2 => held | registers.predicates[s.s[2] as usize],
        _ => held ^ registers.predicates[s.s[2] as usize],
    }
}

#[inline(always)]
fn conclude(registers: &mut Registers, s: &Slots, mask: u32, held: u32) {
    let first = combined(registers, s, held);
    let second = combined(registers, s, !held);
    registers.set_predicate(s.d, mask, first);
    registers.set_predicate(s.e, mask, second);
}

#[inline(always)]
fn same<A>(a: A) -> A {
    a
}

macro_rules! comparing {
    ($ty:ty) => {
        kernel!(|r, s, m| {
            let held = compared::<$ty>(r, s, same);
            conclude(r, s, m, held);
        })
    };
}

/// Two of 16 bits in a register: one predicate each.
#[inline(always)]
fn pair<N: Narrow>(registers: &mut Registers, s: &Slots, mask: u32) {
    let (first, second) = halves::<N>(registers, s);
    let first = combined(registers, s, first);
    let second = combined(registers, s, second);
    registers.set_predicate(s.d, mask, first);
    registers.set_predicate(s.e, mask, second);
}

/// `ordered` of the halves that lie so many bits up.
#[inline(always)]
fn half<N: Narrow>(a: &Row32, b: &Row32, imm: u32, shift: u32) -> u32 {
    ordered(
        imm >> WHICH,
        #[inline(always)]
        |lane| N::wide((a[lane] >> shift) as u16),
        #[inline(always)]
        |lane| N::wide((b[lane] >> shift) as u16),
    )
}

#[inline(always)]
fn halves<N: Narrow>(registers: &Registers, s: &Slots) -> (u32, u32) {
    let a = u32::row(registers, s.s[0]);
    let b = u32::row(registers, s.s[1]);
    (half::<N>(a, b, s.imm, 0), half::<N>(a, b, s.imm, 16))
}

#[inline(always)]
fn single<N: Narrow>(registers: &mut Registers, s: &Slots, mask: u32) {
    let (held, _) = halves::<N>(registers, s);
    conclude(registers, s, mask, held);
}

/// The comparison's kernel, where its operands lie, and whether they are two
/// in a register.
fn comparison(ty: Type, flush: bool) -> Option<(Kernel, Kind, bool)> {
    Some(match ty {
        Type::S16 => (comparing!(i16), Kind::Word, false),
        Type::U16 | Type::B16 => (comparing!(u16), Kind::Word, false),
        Type::S32 => (comparing!(i32), Kind::Word, false),
        Type::U32 | Type::B32 => (comparing!(u32), Kind::Word, false),
        Type::S64 => (comparing!(i64), Kind::Long, false),
        Type::U64 | Type::B64 => (comparing!(u64), Kind::Long, false),
        Type::F32 if flush => (
            kernel!(|r, s, m| {
                let held = compared::<f32>(r, s, flushed);
                conclude(r, s, m, held);
            }),
            Kind::Word,
            false,
        ),
        Type::F32 => (comparing!(f32), Kind::Word, false),
        Type::F64 => (comparing!(f64), Kind::Long, false),
        Type::F16 => (
            kernel!(|r, s, m| single::<Half>(r, s, m)),
            Kind::Word,
            false,
        ),
        Type::Bf16 => (
            kernel!(|r, s, m| single::<Brain>(r, s, m)),
            Kind::Word,
            false,
        ),
        Type::F16x2 => (kernel!(|r, s, m| pair::<Half>(r, s, m)), Kind::Word, true),
        Type::Bf16x2 => (kernel!(|r, s, m| pair::<Brain>(r, s, m)), Kind::Word, true),
        _ => return None,
    })
}

fn base() -> Alu {
    alu!((a: u32, b: u32) -> u32 { a ^ b })
}

fn class(ty: Type) -> Class {
    match ty {
        Type::F32 => Class::F32,
        Type::F64 => Class::F64,
        Type::F16 | Type::F16x2 | Type::Bf16 | Type::Bf16x2 => Class::F16,
        _ => Class::Integer,
    }
}

fn combination(modifiers: &mut Modifiers<'_>) -> Option<u32> {
    modifiers.one_of(&[("and", 1), ("or", 2), ("xor", 3)])
}

/// Flushing that means something: of halves it would need the format's own.
fn flushes(modifiers: &mut Modifiers<'_>, ty: Type) -> Option<bool> {
    let flush = modifiers.flag("ftz");
    (!flush || ty == Type::F32).then_some(flush)
}

fn setp(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let ty = modifiers.ty()?;
    let which = modifiers.one_of(&COMPARISONS)?;
    let combine = combination(modifiers);
    let flush = flushes(modifiers, ty)?;
    let (kernel, kind, _) = comparison(ty, flush)?;
    let mut alu = base()
        .class(class(ty))
        .imm(which << WHICH | combine.unwrap_or(0));
    alu.kernel = kernel;
    alu.single = ty == Type::F32;
    alu.d = Kind::Predicate;
    // Of one half there is no second result.
    alu.e = (!matches!(ty, Type::F16 | Type::Bf16)).then_some(Kind::Predicate);
    alu.s = vec![kind; 2];
    if combine.is_some() {
        alu.s.push(Kind::Predicate);
    }
    Some(alu)
}

/// The first number in `words` where lanes hold, else 0.
macro_rules! setting {
    ($ty:ty, $f:expr, $yes:expr) => {
        kernel!(|r, s, m| {
            let held = compared::<$ty>(r, s, $f);
            let held = combined(r, s, held);
            let yes: fn(u32) -> u32 = $yes;
            let yes = yes(s.imm);
            r.write(
                s.d,
                m,
                |lane| if held >> lane & 1 == 1 { yes } else { 0_u32 },
            );
        })
    };
}

/// What `set` answers for yes: its bits start at 8 of `Slots::imm`.
fn set(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    #[inline(always)]
    fn yes(imm: u32) -> u32 {
        match imm >> 8 & 7 {
            0 => u32::MAX,
            1 => 1.0_f32.to_bits(),
            2 => 0xffff,
            3 => u32::from(Half::ONE),
            _ => u32::from(Brain::ONE),
        }
    }
    let of = modifiers.ty()?;
    let to = modifiers.ty()?;
    let which = modifiers.one_of(&COMPARISONS)?;
    let combine = combination(modifiers);
    let flush = flushes(modifiers, of)?;
    let answer = match to {
        Type::U32 | Type::S32 => 0,
        Type::F32 => 1,
        Type::U16 | Type::S16 => 2,
        Type::F16 | Type::F16x2 => 3,
        Type::Bf16 | Type::Bf16x2 => 4,
        _ => return None,
    };
    let kernel = match of {
        Type::S16 => setting!(i16, same, yes),
        Type::U16 | Type::B16 => setting!(u16, same, yes),
        Type::S32 => setting!(i32, same, yes),
        Type::U32 | Type::B32 => setting!(u32, same, yes),
        Type::S64 => setting!(i64, same, yes),
        Type::U64 | Type::B64 => setting!(u64, same, yes),
        Type::F32 if flush => setting!(f32, flushed, yes),
        Type::F32 => setting!(f32, same, yes),
        Type::F64 => setting!(f64, same, yes),
        Type::F16 | Type::F16x2 => kernel!(|r, s, m| {
            let (low, high) = halves::<Half>(r, s);
            put(r, s, m, [low, high], yes(s.imm));
        }),
        Type::Bf16 | Type::Bf16x2 => kernel!(|r, s, m| {
            let (low, high) = halves::<Brain>(r, s);
            put(r, s, m, [low, high], yes(s.imm));
        }),
        _ => return None,
    };
    let two = matches!(of, Type::F16x2 | Type::Bf16x2);
    if two
        && (combine.is_some() || !matches!(to, Type::F16x2 | Type::Bf16x2 | Type::U32 | Type::S32))
    {
        return None;
    }
    let mut alu = base().class(class(of));
    alu.imm = which << WHICH | combine.unwrap_or(0) | answer << 8 | u32::from(two) << 11;
    alu.kernel = kernel;
    alu.single = of == Type::F32;
    let kind = if of.bytes() == 8 {
        Kind::Long
    } else {
        Kind::Word
    };
    alu.s = vec![kind; 2];
    if combine.is_some() {
        alu.s.push(Kind::Predicate);
    }
    Some(alu)
}

#[inline(always)]
fn put(registers: &mut Registers, s: &Slots, mask: u32, held: [u32; 2], yes: u32) {
    let two = s.imm >> 11 & 1 == 1;
    let low = combined(registers, s, held[0]);
    // Of two in a register, each half of the answer is as wide as it is.
    let narrow = if two { yes & 0xffff } else { yes };
    registers.write(s.d, mask, |lane| {
        let bit = |held: u32| if held >> lane & 1 == 1 { narrow } else { 0 };
        if two {
            bit(low) | bit(held[1]) << 16
        } else {
            bit(low)
        }
    });
}

/// The first where the third, a predicate, holds.
#[inline(always)]
fn select<L: Lane>(registers: &mut Registers, s: &Slots, mask: u32) {
    let held = registers.predicates[s.s[2] as usize];
    let (a, b) = (*L::row(registers, s.s[0]), *L::row(registers, s.s[1]));
    registers.write(s.d, mask, |lane| {
        L::read(if held >> lane & 1 == 1 {
            a[lane]
        } else {
            b[lane]
        })
    });
}

fn selp(ty: Type) -> Option<Alu> {
    let mut alu = match ty.bytes() {
        2 | 4 => alu!((a: u32, b: u32) -> u32 { a ^ b }),
        8 => alu!((a: u64, b: u64) -> u64 { a ^ b }),
        _ => return None,
    };
    alu.kernel = if alu.d == Kind::Long {
        kernel!(|r, s, m| select::<u64>(r, s, m))
    } else {
        kernel!(|r, s, m| select::<u32>(r, s, m))
    };
    alu.single = ty == Type::F32;
    alu.s.push(Kind::Predicate);
    Some(alu.class(Class::Move))
}

/// The first where the third is not negative.
fn slct(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let by = modifiers.ty()?;
    let ty = modifiers.ty()?;
    let flush = modifiers.flag("ftz");
    if flush && by != Type::F32 {
        return None;
    }
    let alu = match (by, ty.bytes()) {
        (Type::S32, 2 | 4) => {
            alu!((a: u32, b: u32, c: i32) -> u32 { if c >= 0 { a } else { b } })
        }
        (Type::S32, 8) => alu!((a: u64, b: u64, c: i32) -> u64 { if c >= 0 { a } else { b } }),
        // A negative zero is not negative.
        (Type::F32, 2 | 4) if flush => {
            alu!((a: u32, b: u32, c: f32) -> u32 { if flushed(c) >= 0.0 { a } else { b } })
        }
        (Type::F32, 2 | 4) => {
            alu!((a: u32, b: u32, c: f32) -> u32 { if c >= 0.0 { a } else { b } })
        }
        (Type::F32, 8) if !flush => {
            alu!((a: u64, b: u64, c: f32) -> u64 { if c >= 0.0 { a } else { b } })
        }
        _ => return None,
    };
    Some(alu.class(Class::Move))
}

fn testp(modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    const KINDS: [(&str, u32); 6] = [
        ("finite", 0),
        ("infinite", 1),
        ("number", 2),
        ("notanumber", 3),
        ("normal", 4),
        ("subnormal", 5),
    ];
    #[inline(always)]
    fn is(which: u32, category: std::num::FpCategory) -> bool {
        use std::num::FpCategory::{Infinite, Nan, Normal, Subnormal};
        match which {
            0 => !matches!(category, Infinite | Nan),
            1 => category == Infinite,
            2 => category != Nan,
            3 => category == Nan,
            4 => category == Normal,
            _ => category == Subnormal,
        }
    }
    let ty = modifiers.ty()?;
    let which = modifiers.one_of(&KINDS)?;
    let mut alu = match ty {
        Type::F32 => {
            let mut alu = alu!((a: f32) -> f32 { a });
            alu.kernel = kernel!(|r, s, m| {
                let row = *f32::row(r, s.s[0]);
                let held = (0..32).fold(0, |held, lane| {
                    held | u32::from(is(s.imm, f32::from_bits(row[lane]).classify())) << lane
                });
                r.set_predicate(s.d, m, held);
            });
            alu
        }
        Type::F64 => {
            let mut alu = alu!((a: f64) -> f64 { a });
            alu.kernel = kernel!(|r, s, m| {
                let row = *f64::row(r, s.s[0]);
                let held = (0..32).fold(0, |held, lane| {
                    held | u32::from(is(s.imm, f64::from_bits(row[lane]).classify())) << lane
                });
                r.set_predicate(s.d, m, held);
            });
            alu
        }
        _ => return None,
    };
    alu.d = Kind::Predicate;
    Some(alu.class(class(ty)).imm(which))
}
