//! Functions that GPUs approximate: PTX ISA 9.0, section 9.7.3.13 to 21.
//!
//! Each is worked out in double with a relative error of 10⁻¹¹ or less and
//! rounded to single once, so it is at most half a unit in the last place,
//! and a millionth of one, from the exact value: within what the ISA
//! promises for hardware, but not the hardware's own bits. Series and
//! reductions are the textbook ones (Muller, "Elementary Functions", 2016,
//! chapters 5 and 11), without branches so that they run on all lanes at once.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use std::f64::consts::{FRAC_PI_2, LN_2, LOG2_E, SQRT_2};

use super::alu::{Alu, Class, Modifiers, alu};
use super::float::{canonical, flushed, saturated};
use crate::exec::kernel::kernel;

pub(super) fn find(opcode: &str, modifiers: &mut Modifiers<'_>) -> Option<Alu> {
    if matches!(opcode, "ex2" | "lg2" | "sin" | "cos" | "tanh" | "rsqrt")
        && !modifiers.flag("approx")
    {
        return None;
    }
    let flush = modifiers.flag("ftz");
    let saturate = modifiers.flag("sat");
    let mut alu = match opcode {
        "div" => alu!((a: f32, b: f32) -> f32 { a / b }),
        _ => alu!((a: f32) -> f32 { a }),
    };
    alu.imm = u32::from(flush) | u32::from(saturate) << 1;
    alu.kernel = match opcode {
        "ex2" => kernel!(|r, s, m| r.map1(
            s,
            m,
            #[inline(always)]
            |a: f32| mode(s.imm, a, |a| exp2(f64::from(a)))
        )),
        "lg2" => kernel!(|r, s, m| r.map1(
            s,
            m,
            #[inline(always)]
            |a: f32| mode(s.imm, a, |a| log2(f64::from(a)))
        )),
        "sin" => {
            kernel!(|r, s, m| r.map1(
                s,
                m,
                #[inline(always)]
                |a: f32| mode(s.imm, a, |a| { sine(f64::from(a), 0) })
            ))
        }
        "cos" => {
            kernel!(|r, s, m| r.map1(
                s,
                m,
                #[inline(always)]
                |a: f32| mode(s.imm, a, |a| { sine(f64::from(a), 1) })
            ))
        }
        "tanh" => kernel!(|r, s, m| r.map1(
            s,
            m,
            #[inline(always)]
            |a: f32| mode(s.imm, a, |a| tanh(f64::from(a)))
        )),
        "rsqrt" => kernel!(|r, s, m| r.map1(
            s,
            m,
            #[inline(always)]
            |a: f32| mode(s.imm, a, |a| { 1.0 / f64::from(a).sqrt() })
        )),
        "rcp" => kernel!(|r, s, m| r.map1(
            s,
            m,
            #[inline(always)]
            |a: f32| mode(s.imm, a, |a| 1.0 / f64::from(a))
        )),
        "sqrt" => kernel!(|r, s, m| r.map1(
            s,
            m,
            #[inline(always)]
            |a: f32| mode(s.imm, a, |a| f64::from(a).sqrt())
        )),
        "div" => kernel!(|r, s, m| r.map2(
            s,
            m,
            #[inline(always)]
            |a: f32, b: f32| {
                let b = if s.imm & 1 == 1 { flushed(b) } else { b };
                mode(s.imm, a, |a| quotient(a, b))
            }
        )),
        _ => return None,
    };
    Some(alu.flops(Class::Special, 1))
}

/// Flushing and saturation around a function.
#[inline(always)]
fn mode(imm: u32, a: f32, f: impl Fn(f32) -> f64) -> f32 {
    let a = if imm & 1 == 1 { flushed(a) } else { a };
    let value = f(a) as f32;
    let value = if imm & 1 == 1 { flushed(value) } else { value };
    if imm & 2 == 2 {
        saturated(value)
    } else {
        canonical(value)
    }
}

/// PTX ISA 9.0, 9.7.3.8: beyond 2¹²⁶ the divisor's reciprocal is flushed.
#[inline(always)]
fn quotient(a: f32, b: f32) -> f64 {
    let huge = b.abs() > 8.507_059e37 && b.is_finite();
    let reciprocal = if huge {
        0.0_f64.copysign(f64::from(b))
    } else {
        1.0 / f64::from(b)
    };
    f64::from(a) * reciprocal
}

/// `2^x` for singles' range of `x`.
#[inline(always)]
pub(super) fn exp2(x: f64) -> f64 {
    let inside = x.clamp(-160.0, 160.0);
    let whole = inside.round_ties_even();
    let part = (inside - whole) * LN_2;
    let terms = [
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let series = terms.iter().fold(0.0, |sum, term| sum * part + term);
    // The exponent's bits from the integer's, without a conversion: adding
    // 1.5·2⁵² leaves them at the low end.
    let shifted = (whole + 6_755_399_441_055_744.0).to_bits();
    let power = f64::from_bits((shifted.wrapping_add(1023)) << 52);
    let value = series * power;
    if x.is_nan() { x } else { value }
}

/// The logarithm to base 2.
#[inline(always)]
pub(super) fn log2(x: f64) -> f64 {
    let bits = x.to_bits();
    let mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    let large = mantissa > SQRT_2;
    let mantissa = if large { mantissa * 0.5 } else { mantissa };
    // An exponent's bits below 2⁵² as a double: set 2⁵²'s own, subtract it.
    let exponent = f64::from_bits(bits >> 52 & 0x7ff | 0x4330_0000_0000_0000);
    let exponent = exponent - 4_503_599_627_370_496.0 - 1023.0 + if large { 1.0 } else { 0.0 };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let terms = [
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
        1.0,
    ];
    let series = terms.iter().fold(0.0, |sum, term| sum * square + term);
    let value = exponent + 2.0 * LOG2_E * s * series;
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x < 0.0 || x.is_nan() {
        f64::NAN
    } else if x == f64::INFINITY {
        x
    } else {
        value
    }
}

/// The sine `quarters` quarter turns further on.
#[inline(always)]
fn sine(x: f64, quarters: u64) -> f64 {
    // π/2 less its double: Cody and Waite's second part.
    const REST: f64 = 6.123_233_995_736_766e-17;
    let turns = (x * (1.0 / FRAC_PI_2)).round_ties_even();
    let angle = (x - turns * FRAC_PI_2) - turns * REST;
    let square = angle * angle;
    let odd = [
        -1.0 / 39_916_800.0,
        1.0 / 362_880.0,
        -1.0 / 5040.0,
        1.0 / 120.0,
        -1.0 / 6.0,
        1.0,
    ];
    let even = [
        1.0 / 479_001_600.0,
        -1.0 / 3_628_800.0,
        1.0 / 40320.0,
        -1.0 / 720.0,
        1.0 / 24.0,
        -0.5,
        1.0,
    ];
    let sine = angle * odd.iter().fold(0.0, |sum, term| sum * square + term);
    let cosine = even.iter().fold(0.0, |sum, term| sum * square + term);
    let quadrant = (turns + 6_755_399_441_055_744.0)
        .to_bits()
        .wrapping_add(quarters);
    let value = if quadrant & 1 == 1 { cosine } else { sine };
    let value = if quadrant & 2 == 2 { -value } else { value };
    // A minus zero keeps its sign.
    let value = if x == 0.0 && quarters == 0 { x } else { value };
    if x.is_finite() { value } else { f64::NAN }
}

#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let inside = x.clamp(-40.0, 40.0);
    let power = exp2(2.0 * LOG2_E * inside);
    let value = (power - 1.0) / (power + 1.0);
    if x.abs() < 1e-4 {
        // The series' second term is less than a single can show. A factor
        // keeps the sign of a minus zero.
        x * (1.0 - x * x / 3.0)
    } else if x.is_nan() {
        x
    } else {
        value
    }
}

/// A double's upper half.
#[inline(always)]
pub(super) fn upper(value: f64) -> f64 {
    let flushed = if value.abs() < f64::MIN_POSITIVE {
        0.0_f64.copysign(value)
    } else {
        value
    };
    f64::from_bits(flushed.to_bits() & 0xffff_ffff_0000_0000)
}
