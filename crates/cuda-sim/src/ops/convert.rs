//! Conversions: PTX ISA 9.0, section 9.7.9.21.

#![expect(clippy::cast_lossless, reason = "one macro for integers of all widths")]
#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::{Alu, Class, Modifiers, Rounding, alu};
use super::float::{canonical, flushed, saturated, saturated_double};
use super::narrow::{Brain, Half, Narrow, odd_single};
use super::round::single;
use crate::exec::kernel::{Kernel, kernel};
use crate::exec::rows::Kind;
use crate::ptx::Type;

const FLUSH: u32 = 1;
const SATURATE: u32 = 2;
const RELU: u32 = 4;
/// A [`Rounding`]'s number.
const ROUNDING: u32 = 3;
/// To an integer: a number's value stays, its fraction goes.
const TO_INTEGER: u32 = 1 << 5;

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    if opcode != "cvt" {
        return None;
    }
    let from = modifiers.ty()?;
    let to = modifiers.ty()?;
    let mut imm = 0;
    for (name, bit) in [("ftz", FLUSH), ("sat", SATURATE), ("relu", RELU)] {
        if modifiers.flag(name) {
            imm |= bit;
        }
    }
    let integral = modifiers.one_of(&[
        ("rni", Rounding::Nearest),
        ("rzi", Rounding::Zero),
        ("rmi", Rounding::Down),
        ("rpi", Rounding::Up),
    ]);
    let rounding = modifiers.rounding();
    if let Some(rounding) = integral.or(rounding) {
        imm |= (rounding as u32) << ROUNDING;
    }
    if integral.is_some() {
        imm |= TO_INTEGER;
    }
    let mut alu = convert(to, from, imm, modifiers)?;
    alu.imm |= imm;
    Some(alu.class(Class::Convert))
}

fn rounding(imm: u32) -> Rounding {
    Rounding::of_bits(imm >> ROUNDING)
}

fn is_integer(ty: Type) -> bool {
    matches!(
        ty,
        Type::S8 | Type::U8 | Type::S16 | Type::U16 | Type::S32 | Type::U32 | Type::S64 | Type::U64
    )
}

fn convert(to: Type, from: Type, imm: u32, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let relu = imm & RELU != 0;
    let saturate = imm & SATURATE != 0;
    match (to, from) {
        (Type::F16x2, Type::F32) => return two::<Half>(imm, modifiers),
        (Type::Bf16x2, Type::F32) => return two::<Brain>(imm, modifiers),
        _ => {}
    }
    if relu && !matches!((to, from), (Type::F16 | Type::Bf16, Type::F32)) {
        return None;
    }
    match (is_integer(to), is_integer(from)) {
        (true, true) if saturate => saturating(to, from),
        (true, true) => integers(to, from),
        // To an integer a number is always cut off at its ends.
        (true, false) if imm & TO_INTEGER != 0 => to_integer(to, from),
        (false, true) if !saturate || to == Type::F32 => from_integer(to, from),
        (false, false) => floats(to, from, imm),
        _ => None,
    }
}

/// A function of lanes from each type to each.
macro_rules! table {
    ($to:expr, $from:expr, |$x:ident: $Wide:ty, $To:ident| $body:expr) => {
        table!(@rows $to, $from, $x, $Wide, $To, $body;
            S8 i8, U8 u8, S16 i16, U16 u16, S32 i32, U32 u32, S64 i64, U64 u64)
    };
    (@rows $to:expr, $from:expr, $x:ident, $Wide:ty, $To:ident, $body:expr;
        $($name:ident $ty:ty),*) => {
        match $from {
            $(Type::$name => table!(@row $to, $ty, $x, $Wide, $To, $body),)*
            _ => return None,
        }
    };
    (@row $to:expr, $From:ty, $x:ident, $Wide:ty, $To:ident, $body:expr) => {
        match $to {
            Type::S8 => table!(@one $From, i8, $x, $Wide, $To, $body),
            Type::U8 => table!(@one $From, u8, $x, $Wide, $To, $body),
            Type::S16 => table!(@one $From, i16, $x, $Wide, $To, $body),
            Type::U16 => table!(@one $From, u16, $x, $Wide, $To, $body),
            Type::S32 => table!(@one $From, i32, $x, $Wide, $To, $body),
            Type::U32 => table!(@one $From, u32, $x, $Wide, $To, $body),
            Type::S64 => table!(@one $From, i64, $x, $Wide, $To, $body),
            Type::U64 => table!(@one $From, u64, $x, $Wide, $To, $body),
            _ => return None,
        }
    };
    (@one $From:ty, $D:ty, $x:ident, $Wide:ty, $To:ident, $body:expr) => {
        alu!((value: $From) -> $D {
            type $To = $D;
            let $x = value as $Wide;
            $body
        })
    };
}

fn integers(to: Type, from: Type) -> Option<Alu> {
    Some(table!(to, from, |x: i64, To| x as To))
}

fn saturating(to: Type, from: Type) -> Option<Alu> {
    Some(table!(to, from, |x: i128, To| {
        x.clamp(i128::from(To::MIN), i128::from(To::MAX)) as To
    }))
}

/// Without its fraction.
#[inline(always)]
fn whole(value: f64, imm: u32) -> f64 {
    match rounding(imm) {
        Rounding::Nearest => value.round_ties_even(),
        Rounding::Zero => value.trunc(),
        Rounding::Down => value.floor(),
        Rounding::Up => value.ceil(),
    }
}

/// PTX ISA 9.0, 9.7.9.21: beyond its ends an integer stays at them, and what
/// is no number becomes 0, or the lowest number where either side has 64 bits.
macro_rules! cut {
    ($A:ty, $read:expr, $D:ty, $long:expr) => {{
        let mut alu = alu!((a: $A) -> $D { let _ = a; <$D>::default() });
        alu.kernel = kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(s, m, #[inline(always)] |a: $A| -> $D {
                let read: fn($A, u32) -> f64 = $read;
                let value = read(a, imm);
                if value.is_nan() {
                    if $long { 1 << (<$D>::BITS - 1) } else { 0 }
                } else {
                    whole(value, imm) as $D
                }
            });
        });
        alu
    }};
}

macro_rules! cuts {
    ($to:expr, $A:ty, $read:expr, $long:expr) => {
        match $to {
            Type::S8 => cut!($A, $read, i8, $long),
            Type::U8 => cut!($A, $read, u8, $long),
            Type::S16 => cut!($A, $read, i16, $long),
            Type::U16 => cut!($A, $read, u16, $long),
            Type::S32 => cut!($A, $read, i32, $long),
            Type::U32 => cut!($A, $read, u32, $long),
            Type::S64 => cut!($A, $read, i64, true),
            Type::U64 => cut!($A, $read, u64, true),
            _ => return None,
        }
    };
}

fn to_integer(to: Type, from: Type) -> Option<Alu> {
    Some(match from {
        Type::F32 => cuts!(
            to,
            f32,
            |a, imm| f64::from(if imm & FLUSH != 0 { flushed(a) } else { a }),
            false
        ),
        Type::F64 => cuts!(to, f64, |a, _| a, true),
        Type::F16 => cuts!(to, u16, |a, _| f64::from(Half::wide(a)), false),
        Type::Bf16 => cuts!(to, u16, |a, _| f64::from(Brain::wide(a)), false),
        _ => return None,
    })
}

/// An integer as a double that no later rounding takes for another one.
#[inline(always)]
fn odd(value: i128) -> f64 {
    let near = value as f64;
    let back = near as i128;
    if back == value {
        return near;
    }
    let toward_zero = if back.abs() > value.abs() {
        f64::from_bits(near.to_bits() - 1)
    } else {
        near
    };
    f64::from_bits(toward_zero.to_bits() | 1)
}

#[inline(always)]
fn near_double(value: i128, imm: u32) -> f64 {
    let near = value as f64;
    let back = near as i128;
    let up = match rounding(imm) {
        Rounding::Nearest => return near,
        Rounding::Up => true,
        Rounding::Down => false,
        Rounding::Zero => value < 0,
    };
    if up && back < value {
        near.next_up()
    } else if !up && back > value {
        near.next_down()
    } else {
        near
    }
}

macro_rules! numbers {
    ($to:expr, $A:ty) => {
        match $to {
            Type::F32 => {
                let mut alu = alu!((a: $A) -> f32 { a as f32 });
                alu.kernel = kernel!(|r, s, m| {
                    let imm = s.imm;
                    if rounding(imm) == Rounding::Nearest {
                        r.map1(s, m, #[inline(always)] |a: $A| -> f32 {
                            let value = a as f32;
                            if imm & SATURATE != 0 { saturated(value) } else { value }
                        });
                    } else {
                        r.map1(s, m, #[inline(always)] |a: $A| -> f32 {
                            let value = single(odd(i128::from(a)), rounding(imm));
                            if imm & SATURATE != 0 { saturated(value) } else { value }
                        });
                    }
                });
                alu
            }
            Type::F64 => {
                let mut alu = alu!((a: $A) -> f64 { a as f64 });
                alu.kernel = kernel!(|r, s, m| {
                    let imm = s.imm;
                    if rounding(imm) == Rounding::Nearest {
                        r.map1(s, m, #[inline(always)] |a: $A| -> f64 { a as f64 });
                    } else {
                        r.map1(s, m, #[inline(always)] |a: $A| -> f64 { near_double(i128::from(a), imm) });
                    }
                });
                alu
            }
            Type::F16 => narrow!($A, Half),
            Type::Bf16 => narrow!($A, Brain),
            _ => return None,
        }
    };
}

macro_rules! narrow {
    ($A:ty, $N:ty) => {{
        let mut alu = alu!((a: $A) -> u16 { a as u16 });
        alu.kernel = kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(s, m, #[inline(always)] |a: $A| -> u16 {
                let value = odd_single(odd(i128::from(a)));
                <$N>::rounded(value, rounding(imm))
            });
        });
        alu
    }};
}

fn from_integer(to: Type, from: Type) -> Option<Alu> {
    Some(match from {
        Type::S8 => numbers!(to, i8),
        Type::U8 => numbers!(to, u8),
        Type::S16 => numbers!(to, i16),
        Type::U16 => numbers!(to, u16),
        Type::S32 => numbers!(to, i32),
        Type::U32 => numbers!(to, u32),
        Type::S64 => numbers!(to, i64),
        Type::U64 => numbers!(to, u64),
        _ => return None,
    })
}

#[inline(always)]
fn finish(value: f32, imm: u32) -> f32 {
    let value = if imm & FLUSH != 0 {
        flushed(value)
    } else {
        value
    };
    if imm & SATURATE != 0 {
        saturated(value)
    } else {
        canonical(value)
    }
}

/// A single in a format of 16 bits, with what `.relu` and `.sat` do.
#[inline(always)]
fn narrowed<N: Narrow>(value: f32, imm: u32) -> u16 {
    let value = if imm & FLUSH != 0 {
        flushed(value)
    } else {
        value
    };
    let value = if imm & SATURATE != 0 {
        saturated(value)
    } else {
        value
    };
    let value = if imm & RELU != 0 && value <= 0.0 {
        0.0
    } else {
        value
    };
    N::rounded(value, rounding(imm))
}

/// From a format of 16 bits to itself.
macro_rules! rounded {
    ($N:ty) => {
        kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: u16| -> u16 {
                    let value = f64::from(<$N>::wide(a));
                    let value = if imm & TO_INTEGER != 0 {
                        whole(value, imm)
                    } else {
                        value
                    };
                    narrowed::<$N>(value as f32, imm & !(3 << ROUNDING))
                },
            );
        })
    };
}

fn floats(to: Type, from: Type, imm: u32) -> Option<Alu> {
    let mut alu = match (to, from) {
        (Type::F32, Type::F32) => alu!((a: f32) -> f32 { a }),
        (Type::F64, Type::F64) => alu!((a: f64) -> f64 { a }),
        (Type::F64, Type::F32) => alu!((a: f32) -> f64 { f64::from(a) }),
        (Type::F32, Type::F64) => alu!((a: f64) -> f32 { a as f32 }),
        (Type::F32, Type::F16) => alu!((a: u16) -> f32 { Half::wide(a) }),
        (Type::F32, Type::Bf16) => alu!((a: u16) -> f32 { Brain::wide(a) }),
        (Type::F64, Type::F16) => return Some(alu!((a: u16) -> f64 { f64::from(Half::wide(a)) })),
        (Type::F64, Type::Bf16) => {
            return Some(alu!((a: u16) -> f64 { f64::from(Brain::wide(a)) }));
        }
        (Type::F16 | Type::Bf16, Type::F32) => alu!((a: f32) -> u16 { a as u16 }),
        (Type::F16 | Type::Bf16, Type::F64) => alu!((a: f64) -> u16 { a as u16 }),
        (Type::F16, Type::F16) => {
            let mut alu = alu!((a: u16) -> u16 { a });
            alu.kernel = rounded!(Half);
            return (imm & (TO_INTEGER | SATURATE) != 0).then_some(alu);
        }
        (Type::Bf16, Type::Bf16) => {
            let mut alu = alu!((a: u16) -> u16 { a });
            alu.kernel = rounded!(Brain);
            return (imm & !(3 << ROUNDING) == TO_INTEGER).then_some(alu);
        }
        _ => return None,
    };
    alu.kernel = kernel_of(to, from)?;
    Some(alu)
}

/// A function of lanes and of what modifiers there are, once more for none: a
/// loop without conditions is vector code.
macro_rules! mostly_plain {
    (|$imm:ident, $a:ident: $A:ty| -> $D:ty $body:block) => {
        kernel!(|r, s, m| {
            if s.imm == 0 {
                let $imm = 0;
                r.map1(
                    s,
                    m,
                    #[inline(always)]
                    |$a: $A| -> $D { $body },
                );
            } else {
                let $imm = s.imm;
                r.map1(
                    s,
                    m,
                    #[inline(always)]
                    |$a: $A| -> $D { $body },
                );
            }
        })
    };
    (|$imm:ident, $a:ident: $A:ty, $b:ident: $B:ty| -> $D:ty $body:block) => {
        kernel!(|r, s, m| {
            if s.imm == 0 {
                let $imm = 0;
                r.map2(
                    s,
                    m,
                    #[inline(always)]
                    |$a: $A, $b: $B| -> $D { $body },
                );
            } else {
                let $imm = s.imm;
                r.map2(
                    s,
                    m,
                    #[inline(always)]
                    |$a: $A, $b: $B| -> $D { $body },
                );
            }
        })
    };
}

fn kernel_of(to: Type, from: Type) -> Option<Kernel> {
    Some(match (to, from) {
        (Type::F32, Type::F32) => kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: f32| -> f32 {
                    let a = if imm & FLUSH != 0 { flushed(a) } else { a };
                    let value = if imm & TO_INTEGER != 0 {
                        whole(f64::from(a), imm) as f32
                    } else {
                        a
                    };
                    finish(value, imm)
                },
            );
        }),
        (Type::F64, Type::F64) => kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: f64| -> f64 {
                    let value = if imm & TO_INTEGER != 0 {
                        whole(a, imm)
                    } else {
                        a
                    };
                    if imm & SATURATE != 0 {
                        saturated_double(value)
                    } else {
                        value
                    }
                },
            );
        }),
        (Type::F64, Type::F32) => kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: f32| -> f64 {
                    let a = if imm & FLUSH != 0 { flushed(a) } else { a };
                    let value = f64::from(a);
                    if imm & SATURATE != 0 {
                        saturated_double(value)
                    } else {
                        value
                    }
                },
            );
        }),
        (Type::F32, Type::F64) => kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: f64| -> f32 { finish(single(a, rounding(imm)), imm) },
            );
        }),
        (Type::F32, Type::F16) => {
            mostly_plain!(|imm, a: u16| -> f32 { finish(Half::wide(a), imm) })
        }
        (Type::F32, Type::Bf16) => {
            mostly_plain!(|imm, a: u16| -> f32 { finish(Brain::wide(a), imm) })
        }
        (Type::F16, Type::F32) => mostly_plain!(|imm, a: f32| -> u16 { narrowed::<Half>(a, imm) }),
        (Type::Bf16, Type::F32) => {
            mostly_plain!(|imm, a: f32| -> u16 { narrowed::<Brain>(a, imm) })
        }
        (Type::F16, Type::F64) => kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: f64| -> u16 { narrowed::<Half>(odd_single(a), imm) },
            );
        }),
        (Type::Bf16, Type::F64) => kernel!(|r, s, m| {
            let imm = s.imm;
            r.map1(
                s,
                m,
                #[inline(always)]
                |a: f64| -> u16 { narrowed::<Brain>(odd_single(a), imm) },
            );
        }),
        _ => return None,
    })
}

/// `cvt.rn.f16x2.f32 d, a, b`: the first becomes the upper half.
fn two<N: Narrow>(_imm: u32, modifiers: &Modifiers<'_>) -> Option<Alu> {
    if !modifiers.all_taken() {
        return None;
    }
    let mut alu = alu!((a: f32, b: f32) -> u32 { a.to_bits() ^ b.to_bits() });
    alu.kernel = if N::ONE == Half::ONE {
        mostly_plain!(|imm, a: f32, b: f32| -> u32 {
            u32::from(narrowed::<Half>(a, imm)) << 16 | u32::from(narrowed::<Half>(b, imm))
        })
    } else {
        mostly_plain!(|imm, a: f32, b: f32| -> u32 {
            u32::from(narrowed::<Brain>(a, imm)) << 16 | u32::from(narrowed::<Brain>(b, imm))
        })
    };
    alu.s = vec![Kind::Word; 2];
    Some(alu)
}

/// `mov` of one register to another of its width.
pub(super) fn moved(ty: Type) -> Option<Alu> {
    let mut alu = match ty {
        Type::Pred => {
            let mut alu = alu!((a: u32) -> u32 { a });
            alu.kernel = kernel!(|r, s, m| {
                let held = r.predicates[s.s[0] as usize];
                r.set_predicate(s.d, m, held);
            });
            alu.d = Kind::Predicate;
            alu.s = vec![Kind::Predicate];
            alu
        }
        _ if ty.bytes() <= 4 => alu!((a: u32) -> u32 { a }),
        _ if ty.bytes() == 8 => alu!((a: u64) -> u64 { a }),
        _ => return None,
    };
    alu.single = ty == Type::F32;
    Some(alu.class(Class::Move))
}
