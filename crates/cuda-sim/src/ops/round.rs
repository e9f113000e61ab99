//! Rounding that the host does not offer.
//!
//! A single's sum, product, quotient or root is worked out in double, whose
//! own error is found exactly, and *rounded to odd*: truncated, with the last
//! bit set if anything was lost. From a number with two bits more than a
//! single has, rounding to odd first changes no later rounding (Boldo and
//! Melquiond, 2008, "Emulation of FMA and correctly rounded sums", theorem 4).

#![expect(
    clippy::float_cmp,
    reason = "instructions compare exactly, and so does what undoes a rounding"
)]
#![expect(
    clippy::needless_bitwise_bool,
    reason = "without branches a loop is vector code"
)]
#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::Rounding;

/// A double's neighbour toward zero, or itself, so that its last bit is odd
/// where `lost`, what the exact value has beyond it, is not nothing.
#[inline(always)]
pub(super) fn to_odd(value: f64, lost: f64) -> f64 {
    let bits = value.to_bits();
    // What is no number is neither.
    let inexact = (lost > 0.0) | (lost < 0.0);
    let moves = inexact & value.is_finite() & (bits & 1 == 0);
    // An even value that was rounded away from zero goes back by one; one
    // that was rounded toward zero goes on by one. Both are odd.
    let beyond = (value > 0.0) == (lost > 0.0);
    let moved = if beyond {
        bits.wrapping_add(1)
    } else {
        bits.wrapping_sub(1)
    };
    let smallest = 1 | u64::from(lost < 0.0) << 63;
    let odd = if value == 0.0 { smallest } else { moved };
    f64::from_bits(if moves { odd } else { bits })
}

/// `a + b` rounded to odd (Knuth's two-sum for the error).
#[inline(always)]
pub(super) fn odd_sum(a: f64, b: f64) -> f64 {
    let sum = a + b;
    let part = sum - a;
    let lost = (a - (sum - part)) + (b - part);
    to_odd(sum, lost)
}

/// A quotient of singles rounded to odd.
#[inline(always)]
pub(super) fn odd_quotient(a: f64, b: f64) -> f64 {
    let quotient = a / b;
    let rest = (-quotient).mul_add(b, a);
    to_odd(quotient, if b > 0.0 { rest } else { -rest })
}

/// A root of a single rounded to odd.
#[inline(always)]
pub(super) fn odd_root(a: f64) -> f64 {
    let root = a.sqrt();
    to_odd(root, (-root).mul_add(root, a))
}

/// The single next to a number that has more bits.
#[inline(always)]
pub(super) fn single(value: f64, rounding: Rounding) -> f32 {
    let near = value as f32;
    if rounding == Rounding::Nearest || value.is_nan() {
        return near;
    }
    let wide = f64::from(near);
    let up = match rounding {
        Rounding::Up => true,
        Rounding::Down => false,
        // Toward zero is down for what is above it.
        _ => value < 0.0,
    };
    if up && wide < value {
        near.next_up()
    } else if !up && wide > value {
        near.next_down()
    } else {
        near
    }
}

/// The sum of two numbers of which one is the other's negative is +0, but -0
/// when rounding down: IEEE 754-2019, section 6.3.
#[inline(always)]
pub(super) fn zero_of_sum(sum: f32, a: f64, b: f64, rounding: Rounding) -> f32 {
    let opposite = a == -b && (a != 0.0 || a.is_sign_negative() != b.is_sign_negative());
    if sum == 0.0 && opposite && rounding == Rounding::Down {
        -0.0
    } else {
        sum
    }
}
