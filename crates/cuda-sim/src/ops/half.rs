//! Arithmetic on halves and bfloat16, one or two in a register: PTX ISA 9.0,
//! section 9.7.4 and 9.7.5.
//!
//! Worked out in single where that changes nothing, or in double and rounded
//! to odd, so that the one rounding that counts is the last.

#![expect(
    clippy::float_cmp,
    reason = "instructions compare exactly, and so does what undoes a rounding"
)]
#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::{Alu, Class, Modifiers, Rounding, alu};
use super::approximate;
use super::narrow::{Brain, Half, Narrow, odd_single};
use super::round::odd_sum;
use crate::exec::kernel::{Kernel, kernel};
use crate::exec::rows::Kind;
use crate::ptx::Type;

const FLUSH: u32 = 1;
const SATURATE: u32 = 2;
const RELU: u32 = 4;
const STRICT: u32 = 8;

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    let mut tried = modifiers.clone();
    let ty = tried.ty()?;
    let two = matches!(ty, Type::F16x2 | Type::Bf16x2);
    let found = match ty {
        Type::F16 | Type::F16x2 => operation::<Half>(opcode, &mut tried, two, Formats::HALF),
        Type::Bf16 | Type::Bf16x2 => operation::<Brain>(opcode, &mut tried, two, Formats::BRAIN),
        _ => None,
    }?;
    *modifiers = tried;
    Some(found)
}

/// The kernels of one format, by operation, for one and for two in a register.
#[derive(Clone, Copy)]
struct Formats {
    unary: fn(&str) -> Option<[Kernel; 2]>,
    binary: fn(&str) -> Option<[Kernel; 2]>,
    fused: fn() -> [Kernel; 2],
}

impl Formats {
    const HALF: Self = Self {
        unary: half_unary,
        binary: half_binary,
        fused: half_fused,
    };
    const BRAIN: Self = Self {
        unary: brain_unary,
        binary: brain_binary,
        fused: brain_fused,
    };
}

fn operation<N: Narrow>(
    opcode: &str,
    modifiers: &mut Modifiers<'_>,
    two: bool,
    formats: Formats,
) -> Option<Alu> {
    if matches!(opcode, "ex2" | "tanh") && !modifiers.flag("approx") {
        return None;
    }
    if modifiers.rounding().unwrap_or(Rounding::Nearest) != Rounding::Nearest {
        return None;
    }
    let mut alu = alu!((a: u32) -> u32 { a });
    for (name, bit) in [
        ("ftz", FLUSH),
        ("sat", SATURATE),
        ("relu", RELU),
        ("NaN", STRICT),
    ] {
        if modifiers.flag(name) {
            alu.imm |= bit;
        }
    }
    let (kernels, operands, flops) = match opcode {
        "fma" => ((formats.fused)(), 3, 2),
        "add" | "sub" | "mul" | "min" | "max" => ((formats.binary)(opcode)?, 2, 1),
        _ => ((formats.unary)(opcode)?, 1, 1),
    };
    alu.kernel = kernels[usize::from(two)];
    alu.s = vec![Kind::Word; operands];
    let flops = if matches!(opcode, "neg" | "abs" | "min" | "max") {
        0
    } else {
        flops
    };
    Some(alu.flops(Class::F16, flops << u32::from(two)))
}

/// Applies to the lower half, or to both.
#[inline(always)]
fn halves<const TWO: bool>(f: impl Fn(u32) -> u16) -> u32 {
    let low = u32::from(f(0));
    if TWO {
        low | u32::from(f(16)) << 16
    } else {
        low
    }
}

#[inline(always)]
fn at(word: u32, shift: u32) -> u16 {
    (word >> shift) as u16
}

/// What is denormal becomes zero where that is asked for.
#[inline(always)]
fn before<N: Narrow>(bits: u16, imm: u32) -> u16 {
    if imm & FLUSH != 0 && bits & N::EXPONENT == 0 {
        bits & 0x8000
    } else {
        bits
    }
}

#[inline(always)]
fn after<N: Narrow>(bits: u16, imm: u32) -> u16 {
    let bits = before::<N>(bits, imm);
    let value = N::wide(bits);
    if imm & SATURATE != 0 {
        // What is no number becomes 0.
        if value.is_nan() || value <= 0.0 {
            0
        } else if value > 1.0 {
            N::ONE
        } else {
            bits
        }
    } else if value.is_nan() {
        N::NAN
    } else if imm & RELU != 0 && value <= 0.0 {
        0
    } else {
        bits
    }
}

#[inline(always)]
fn binary<N: Narrow>(a: u16, b: u16, imm: u32, f: impl Fn(f32, f32) -> u16) -> u16 {
    let (a, b) = (before::<N>(a, imm), before::<N>(b, imm));
    after::<N>(f(N::wide(a), N::wide(b)), imm)
}

#[inline(always)]
fn fused<N: Narrow>(a: u16, b: u16, c: u16, imm: u32) -> u16 {
    let [a, b, c] = [a, b, c].map(|bits| f64::from(N::wide(before::<N>(bits, imm))));
    after::<N>(N::near(odd_single(odd_sum(a * b, c))), imm)
}

#[inline(always)]
fn extremum<N: Narrow>(a: u16, b: u16, imm: u32, most: bool) -> u16 {
    let (a, b) = (before::<N>(a, imm), before::<N>(b, imm));
    let (x, y) = (N::wide(a), N::wide(b));
    let negative = if most {
        y.is_sign_negative()
    } else {
        x.is_sign_negative()
    };
    let first = if most {
        x > y || x == y && negative
    } else {
        x < y || x == y && negative
    };
    if x.is_nan() && y.is_nan() || imm & STRICT != 0 && (x.is_nan() || y.is_nan()) {
        N::NAN
    } else if y.is_nan() || first && !x.is_nan() {
        a
    } else {
        b
    }
}

#[inline(always)]
fn unary<N: Narrow>(a: u16, imm: u32, f: impl Fn(f64) -> f64) -> u16 {
    let value = f(f64::from(N::wide(before::<N>(a, imm))));
    after::<N>(N::near(odd_single(value)), imm)
}

/// Both widths of an operation on a format, each once more without modifiers:
/// a loop without conditions is vector code.
macro_rules! both {
    ($map:ident, ($($x:ident),+), |$imm:ident, $($h:ident),+| $body:expr) => {
        [
            both!(@kernel $map, ($($x),+), false, |$imm, $($h),+| $body),
            both!(@kernel $map, ($($x),+), true, |$imm, $($h),+| $body),
        ]
    };
    (@kernel $map:ident, ($($x:ident),+), $two:literal, |$imm:ident, $($h:ident),+| $body:expr) => {
        kernel!(|r, s, m| {
            if s.imm == 0 {
                let $imm = 0;
                both!(@map r, s, m, $map, ($($x),+), $two, ($($h),+), $body);
            } else {
                let $imm = s.imm;
                both!(@map r, s, m, $map, ($($x),+), $two, ($($h),+), $body);
            }
        })
    };
    (@map $r:ident, $s:ident, $m:ident, $map:ident, ($($x:ident),+), $two:literal,
        ($($h:ident),+), $body:expr) => {
        $r.$map($s, $m, #[inline(always)] |$($x: u32),+| -> u32 {
            halves::<$two>(#[inline(always)] |shift| {
                $(let $h = at($x, shift);)+
                $body
            })
        });
    };
}

macro_rules! format {
    ($N:ty, $unary:ident, $binary:ident, $fused:ident) => {
        fn $unary(opcode: &str) -> Option<[Kernel; 2]> {
            Some(match opcode {
                "neg" => both!(map1, (a), |imm, x| before::<$N>(x, imm) ^ 0x8000),
                "abs" => both!(map1, (a), |imm, x| before::<$N>(x, imm) & 0x7fff),
                "ex2" => both!(map1, (a), |imm, x| unary::<$N>(x, imm, approximate::exp2)),
                "tanh" => both!(map1, (a), |imm, x| unary::<$N>(x, imm, approximate::tanh)),
                _ => return None,
            })
        }

        fn $binary(opcode: &str) -> Option<[Kernel; 2]> {
            Some(match opcode {
                "add" => both!(map2, (a, b), |imm, x, y| binary::<$N>(x, y, imm, <$N>::sum)),
                "sub" => {
                    both!(map2, (a, b), |imm, x, y| binary::<$N>(x, y, imm, |a, b| {
                        <$N>::sum(a, -b)
                    }))
                }
                "mul" => both!(map2, (a, b), |imm, x, y| binary::<$N>(
                    x,
                    y,
                    imm,
                    <$N>::product
                )),
                "min" => both!(map2, (a, b), |imm, x, y| extremum::<$N>(x, y, imm, false)),
                "max" => both!(map2, (a, b), |imm, x, y| extremum::<$N>(x, y, imm, true)),
                _ => return None,
            })
        }

        fn $fused() -> [Kernel; 2] {
            both!(map3, (a, b, c), |imm, x, y, z| fused::<$N>(x, y, z, imm))
        }
    };
}

format!(Half, half_unary, half_binary, half_fused);
format!(Brain, brain_unary, brain_binary, brain_fused);

/// `a + b` of two halves each, for atomics.
pub(crate) fn add_halves(a: u32, b: u32) -> u32 {
    halves::<true>(
        #[inline(always)]
        |shift| binary::<Half>(at(a, shift), at(b, shift), 0, Half::sum),
    )
}

/// `a + b` of two bfloat16 each.
pub(crate) fn add_brains(a: u32, b: u32) -> u32 {
    halves::<true>(
        #[inline(always)]
        |shift| binary::<Brain>(at(a, shift), at(b, shift), 0, Brain::sum),
    )
}
