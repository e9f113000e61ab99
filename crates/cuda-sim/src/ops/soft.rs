//! Doubles rounded in the directions that the host does not offer, worked out
//! in integers of 128 bits.
//!
//! What is not finite, and what is exact, the host answers; the sign of an
//! exact zero follows IEEE 754-2019, section 6.3. No function here rounds to
//! the nearest: that is the host's own way.

use super::alu::Rounding;

/// Bits of a double's mantissa.
const PRECISION: i32 = 53;
/// Exponent of the smallest denormal.
const LOWEST: i32 = -1074;
/// Exponent of the last bit of the largest double.
const HIGHEST: i32 = 971;

/// A number that is neither zero nor infinite: `mantissa`, whose highest bit
/// is the 53rd, times 2^`exponent`.
#[derive(Clone, Copy)]
struct Parts {
    negative: bool,
    mantissa: u128,
    exponent: i32,
}

impl Parts {
    fn of(value: f64) -> Self {
        let bits = value.to_bits();
        let field = (bits >> 52 & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = if field == 0 {
            let shift = fraction.leading_zeros() - 11;
            (fraction << shift, LOWEST - shift as i32)
        } else {
            (fraction | 1 << 52, field - 1075)
        };
        Self {
            negative: value.is_sign_negative(),
            mantissa: u128::from(mantissa),
            exponent,
        }
    }
}

fn is_ordinary(value: f64) -> bool {
    value.is_finite() && value != 0.0
}

/// An exact sum that is zero, of terms with these signs.
fn signed_zero(plain: f64, signs: [bool; 2], rounding: Rounding) -> f64 {
    if plain == 0.0 && signs[0] != signs[1] && rounding == Rounding::Down {
        -0.0
    } else {
        plain
    }
}

/// Shifted to the right, and whether that loses anything.
fn shifted(value: u128, by: i32) -> (u128, bool) {
    if by >= 128 {
        (0, value != 0)
    } else {
        (value >> by, value & ((1 << by) - 1) != 0)
    }
}

/// `magnitude`·2^`exponent`, and where `more`, something beyond that is less
/// than 2^`exponent`: then the magnitude has more bits than a double.
fn rounded(negative: bool, magnitude: u128, exponent: i32, more: bool, rounding: Rounding) -> f64 {
    let away = match rounding {
        Rounding::Up => !negative,
        Rounding::Down => negative,
        Rounding::Zero | Rounding::Nearest => false,
    };
    let length = 128 - magnitude.leading_zeros() as i32;
    // The exponent of the last bit that the result can have.
    let last = (exponent + length - PRECISION).max(LOWEST);
    let (kept, lost) = if last <= exponent {
        (magnitude << (exponent - last), false)
    } else {
        shifted(magnitude, last - exponent)
    };
    let kept = kept as u64 + u64::from((lost || more) && away);
    let bits = if last > HIGHEST {
        if away {
            f64::INFINITY.to_bits()
        } else {
            f64::MAX.to_bits()
        }
    } else {
        // The mantissa's highest bit is one more in the exponent's field, and
        // so is what an increment carries.
        (((last - LOWEST) as u64) << 52) + kept
    };
    f64::from_bits(bits | u64::from(negative) << 63)
}

/// The sum of two signed magnitudes with a common exponent. Where `more`, the
/// smaller of both is a little larger than it says.
fn combined(terms: [(bool, u128); 2], exponent: i32, more: bool, rounding: Rounding) -> f64 {
    let [(a_negative, a), (b_negative, b)] = terms;
    let (negative, large, small) = if a >= b {
        (a_negative, a, b)
    } else {
        (b_negative, b, a)
    };
    if a_negative == b_negative {
        return rounded(negative, large + small, exponent, more, rounding);
    }
    let difference = large - small - u128::from(more);
    if difference == 0 && !more {
        return signed_zero(0.0, [false, true], rounding);
    }
    rounded(negative, difference, exponent, more, rounding)
}

/// Bits that the larger term of a sum gets behind its last one.
const ROOM: i32 = 70;

/// `a + b`.
pub(super) fn sum(a: f64, b: f64, rounding: Rounding) -> f64 {
    if !is_ordinary(a) || !is_ordinary(b) {
        let signs = [a.is_sign_negative(), b.is_sign_negative()];
        return signed_zero(a + b, signs, rounding);
    }
    let (a, b) = (Parts::of(a), Parts::of(b));
    let (large, small) = if a.exponent >= b.exponent {
        (a, b)
    } else {
        (b, a)
    };
    let (aligned, more) = shifted(small.mantissa << ROOM, large.exponent - small.exponent);
    combined(
        [
            (large.negative, large.mantissa << ROOM),
            (small.negative, aligned),
        ],
        large.exponent - ROOM,
        more,
        rounding,
    )
}

/// `a · b`.
pub(super) fn product(a: f64, b: f64, rounding: Rounding) -> f64 {
    if !is_ordinary(a) || !is_ordinary(b) {
        return a * b;
    }
    let (a, b) = (Parts::of(a), Parts::of(b));
    rounded(
        a.negative != b.negative,
        a.mantissa * b.mantissa,
        a.exponent + b.exponent,
        false,
        rounding,
    )
}

/// `a · b + c`, rounded once.
pub(super) fn fused(a: f64, b: f64, c: f64, rounding: Rounding) -> f64 {
    if !is_ordinary(a) || !is_ordinary(b) || !c.is_finite() {
        let signs = [
            a.is_sign_negative() != b.is_sign_negative(),
            c.is_sign_negative(),
        ];
        return signed_zero(a.mul_add(b, c), signs, rounding);
    }
    if c == 0.0 {
        return product(a, b, rounding);
    }
    let (a, b, c) = (Parts::of(a), Parts::of(b), Parts::of(c));
    let exponent = a.exponent + b.exponent;
    let product = a.mantissa * b.mantissa;
    let apart = c.exponent - exponent;
    // The one with the larger exponent is shifted to the left as far as 128
    // bits allow; the other one to the right by what is left, which is then
    // far below the last bit that counts.
    let (product, addend, exponent, more) = if apart >= 0 {
        let up = apart.min(72);
        let (product, more) = shifted(product, apart - up);
        (product, c.mantissa << up, c.exponent - up, more)
    } else {
        let up = (-apart).min(20);
        let (addend, more) = shifted(c.mantissa, -apart - up);
        (product << up, addend, exponent - up, more)
    };
    combined(
        [(a.negative != b.negative, product), (c.negative, addend)],
        exponent,
        more,
        rounding,
    )
}

/// `a / b`.
pub(super) fn quotient(a: f64, b: f64, rounding: Rounding) -> f64 {
    if !is_ordinary(a) || !is_ordinary(b) {
        return a / b;
    }
    let (a, b) = (Parts::of(a), Parts::of(b));
    let dividend = a.mantissa << 74;
    rounded(
        a.negative != b.negative,
        dividend / b.mantissa,
        a.exponent - 74 - b.exponent,
        !dividend.is_multiple_of(b.mantissa),
        rounding,
    )
}

/// The square root.
pub(super) fn root(a: f64, rounding: Rounding) -> f64 {
    if !is_ordinary(a) || a < 0.0 {
        return a.sqrt();
    }
    let a = Parts::of(a);
    let up = 72 + (a.exponent & 1);
    let square = a.mantissa << up;
    let root = square.isqrt();
    let more = root * root != square;
    rounded(false, root, (a.exponent - up) / 2, more, rounding)
}
