//! Halves and bfloat16, between their bits and singles.

#![expect(
    clippy::float_cmp,
    reason = "instructions compare exactly, and so does what undoes a rounding"
)]
#![expect(
    clippy::inline_always,
    reason = "compiled for a processor only as part of a function that is"
)]

use super::alu::Rounding;

/// A single that no later rounding to fewer bits takes for another one.
#[inline(always)]
pub(super) fn odd_single(value: f64) -> f32 {
    let near = value as f32;
    let wide = f64::from(near);
    let away = u32::from(wide.abs() > value.abs());
    let odd = near.to_bits().wrapping_sub(away) | 1;
    let exact = wide == value || value.is_nan();
    f32::from_bits(if exact { near.to_bits() } else { odd })
}

/// A format of 16 bits.
pub(super) trait Narrow: Copy {
    /// 1.
    const ONE: u16;
    /// The exponent's bits.
    const EXPONENT: u16;
    /// What is no number.
    const NAN: u16 = 0x7fff;
    /// Exact.
    fn wide(bits: u16) -> f32;
    /// To the nearest, ties to even.
    fn near(value: f32) -> u16;
    /// A product, rounded once.
    fn product(a: f32, b: f32) -> u16;

    /// A sum, rounded once: rounding to a single first changes nothing where
    /// that has twice as many bits and two more, as for both formats (S. A.
    /// Figueroa, "When is double rounding innocuous?", 1995), and what a format
    /// has as denormal numbers are sums that a single has exactly.
    #[inline(always)]
    fn sum(a: f32, b: f32) -> u16 {
        Self::near(a + b)
    }

    /// In any direction.
    #[inline(always)]
    fn rounded(value: f32, rounding: Rounding) -> u16 {
        let near = Self::near(value);
        let wide = Self::wide(near);
        let negative = near & 0x8000 != 0;
        // Whether it is to be moved, and away from zero if so.
        let (moved, away) = match rounding {
            Rounding::Nearest => (false, false),
            Rounding::Zero => (wide.abs() > value.abs(), false),
            Rounding::Down => (wide > value, negative),
            Rounding::Up => (wide < value, !negative),
        };
        match (moved, away) {
            (false, _) => near,
            (true, true) => near + 1,
            (true, false) => near - 1,
        }
    }
}

/// IEEE 754 binary16.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half;

impl Narrow for Half {
    const ONE: u16 = 0x3c00;
    const EXPONENT: u16 = 0x7c00;

    #[inline(always)]
    fn wide(bits: u16) -> f32 {
        let magnitude = u32::from(bits & 0x7fff) << 13;
        let sign = u32::from(bits & 0x8000) << 16;
        let exponent = bits & 0x7c00;
        // The exponent's bias goes from 15 to 127. Denormals are multiples of
        // 2⁻²⁴, as integers: processors are slow with denormal singles.
        let small = f32::from(bits & 0x3ff) * f32::from_bits((127 - 24) << 23);
        let value = match exponent {
            0 => small.to_bits(),
            0x7c00 => magnitude | 0x7f80_0000,
            _ => magnitude + (112 << 23),
        };
        f32::from_bits(value | sign)
    }

    /// A single has a product of two halves exactly.
    #[inline(always)]
    fn product(a: f32, b: f32) -> u16 {
        Self::near(a * b)
    }

    #[inline(always)]
    fn near(value: f32) -> u16 {
        let bits = value.to_bits();
        let sign = (bits >> 16) as u16 & 0x8000;
        let magnitude = bits & 0x7fff_ffff;
        // Adding one half to a number below 2⁻¹⁴ leaves multiples of 2⁻²⁴,
        // rounded, in its lowest bits.
        let small = (f32::from_bits(magnitude) + 0.5)
            .to_bits()
            .wrapping_sub(0x3f00_0000);
        let even = magnitude >> 13 & 1;
        let normal = magnitude
            .wrapping_sub(0x3800_0000)
            .wrapping_add(0xfff + even)
            >> 13;
        let result = if magnitude >= 0x4780_0000 {
            0x7c00
        } else if magnitude < 0x3880_0000 {
            small
        } else {
            normal
        };
        if value.is_nan() {
            Self::NAN
        } else {
            result as u16 | sign
        }
    }
}

/// The upper half of a single.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brain;

impl Narrow for Brain {
    const ONE: u16 = 0x3f80;
    const EXPONENT: u16 = 0x7f80;

    #[inline(always)]
    fn wide(bits: u16) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }

    /// A single has no more range, so that it would round what is denormal.
    #[inline(always)]
    fn product(a: f32, b: f32) -> u16 {
        Self::near(odd_single(f64::from(a) * f64::from(b)))
    }

    #[inline(always)]
    fn near(value: f32) -> u16 {
        let bits = value.to_bits();
        if value.is_nan() {
            Self::NAN
        } else {
            ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_zero<N: Narrow>(value: f32) -> u16 {
        N::rounded(value, Rounding::Zero)
    }

    #[test]
    fn halves_there_and_back() {
        for bits in 0..=u16::MAX {
            let wide = Half::wide(bits);
            if wide.is_nan() {
                assert!(bits & 0x7fff > 0x7c00);
                assert_eq!(Half::near(wide), Half::NAN);
            } else {
                assert_eq!(Half::near(wide), bits, "{wide}");
                assert_eq!(to_zero::<Half>(wide), bits, "{wide}");
            }
        }
    }

    /// IEEE 754-2019, section 4.3: midway cases go to the even neighbour.
    #[test]
    fn halves_are_rounded() {
        for (value, near, cut) in [
            (1.0 + 1.0 / 2048.0, 0x3c00, 0x3c00),
            (1.0 + 3.0 / 2048.0, 0x3c02, 0x3c01),
            (1.0 + 1.1 / 2048.0, 0x3c01, 0x3c00),
            (65519.0, 0x7bff, 0x7bff),
            (65520.0, 0x7c00, 0x7bff),
            (2.0f32.powi(-25), 0x0000, 0x0000),
            (1.5 * 2.0f32.powi(-25), 0x0001, 0x0000),
            (-2.5 * 2.0f32.powi(-24), 0x8002, 0x8002),
        ] {
            assert_eq!(Half::near(value), near, "{value}");
            assert_eq!(to_zero::<Half>(value), cut, "{value}");
        }
    }

    #[test]
    fn bfloat16_is_rounded() {
        assert_eq!(Brain::near(f32::from_bits(0x3f80_8000)), 0x3f80);
        assert_eq!(Brain::near(f32::from_bits(0x3f81_8000)), 0x3f82);
        assert_eq!(Brain::near(f32::MAX), 0x7f80);
        assert_eq!(to_zero::<Brain>(f32::MAX), 0x7f7f);
    }
}
