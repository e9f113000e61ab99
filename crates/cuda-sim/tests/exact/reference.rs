//! Exact references: LLVM's arbitrary-precision floats as `rustc_apfloat`
//! has them, which share nothing with the code under test.

use rustc_apfloat::ieee::{BFloat, Double, Half, Single};
use rustc_apfloat::{Float, FloatConvert, Round};

/// Bits of a format's exponent and mantissa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) exponent: u32,
    pub(crate) mantissa: u32,
}

impl Format {
    pub(crate) const HALF: Self = Self {
        exponent: 5,
        mantissa: 10,
    };
    pub(crate) const BRAIN: Self = Self {
        exponent: 8,
        mantissa: 7,
    };
    pub(crate) const SINGLE: Self = Self {
        exponent: 8,
        mantissa: 23,
    };
    pub(crate) const DOUBLE: Self = Self {
        exponent: 11,
        mantissa: 52,
    };
}

/// A format with what PTX calls it and answers for what is no number.
pub(crate) trait Known:
    Float + FloatConvert<Single> + FloatConvert<Double> + FloatConvert<Half> + FloatConvert<BFloat>
{
    const NAME: &'static str;
    const FORMAT: Format;
    const NO_NUMBER: u64;
}

impl Known for Half {
    const NAME: &'static str = "f16";
    const FORMAT: Format = Format::HALF;
    const NO_NUMBER: u64 = 0x7fff;
}
impl Known for BFloat {
    const NAME: &'static str = "bf16";
    const FORMAT: Format = Format::BRAIN;
    const NO_NUMBER: u64 = 0x7fff;
}
impl Known for Single {
    const NAME: &'static str = "f32";
    const FORMAT: Format = Format::SINGLE;
    const NO_NUMBER: u64 = 0x7fff_ffff;
}
impl Known for Double {
    const NAME: &'static str = "f64";
    const FORMAT: Format = Format::DOUBLE;
    const NO_NUMBER: u64 = 0x7ff8_0000_0000_0000;
}

/// PTX's roundings.
pub(crate) const ROUNDINGS: [(&str, Round); 4] = [
    ("rn", Round::NearestTiesToEven),
    ("rz", Round::TowardZero),
    ("rm", Round::TowardNegative),
    ("rp", Round::TowardPositive),
];

/// `.ftz`, `.sat` and `.relu`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) flush: bool,
    pub(crate) saturate: bool,
    pub(crate) relu: bool,
}

impl Extras {
    pub(crate) fn name(self) -> String {
        let mut name = String::new();
        for (there, modifier) in [
            (self.flush, ".ftz"),
            (self.saturate, ".sat"),
            (self.relu, ".relu"),
        ] {
            if there {
                name.push_str(modifier);
            }
        }
        name
    }

    fn flushed<F: Float>(self, value: F) -> F {
        if self.flush && value.is_denormal() {
            F::ZERO.copy_sign(value)
        } else {
            value
        }
    }

    pub(crate) fn before<F: Known>(self, bits: u64) -> F {
        self.flushed(F::from_bits(u128::from(bits)))
    }

    pub(crate) fn after<F: Known>(self, value: F) -> u64 {
        let value = self.flushed(value);
        let one = F::from_u128(1).value;
        let value = if self.saturate {
            if value.is_nan() || value <= F::ZERO {
                F::ZERO
            } else if value > one {
                one
            } else {
                value
            }
        } else if self.relu && value <= F::ZERO {
            F::ZERO
        } else {
            value
        };
        if value.is_nan() {
            F::NO_NUMBER
        } else {
            value.to_bits() as u64
        }
    }
}

/// The square root, from an integer's.
pub(crate) fn root<F: Known>(value: F, round: Round) -> F {
    if value.is_nan() || value.is_zero() {
        return value;
    }
    if value.is_negative() {
        return F::NAN;
    }
    if value.is_infinite() {
        return value;
    }
    let Format { mantissa, exponent } = F::FORMAT;
    let bits = value.to_bits() as u64;
    let field = (bits >> mantissa) as i32;
    let fraction = u128::from(bits & ((1 << mantissa) - 1));
    let bias = (1_i32 << (exponent - 1)) - 1 + mantissa as i32;
    let (significand, power) = if field == 0 {
        (fraction, 1 - bias)
    } else {
        (fraction | 1 << mantissa, field - bias)
    };
    let room = significand.leading_zeros() as i32 - 3;
    let up = room - (power - room).rem_euclid(2);
    let square = significand << up;
    let root = square.isqrt();
    let sticky = u128::from(root * root != square);
    let exact = F::from_u128_r(root << 1 | sticky, round).value;
    exact.scalbn_r((power - up) / 2 - 1, round)
}

/// Whether two doubles are the same, all that are no numbers alike: PTX leaves
/// open which of them a double becomes.
pub(crate) fn same_double(got: u64, expected: u64) -> bool {
    got == expected || f64::from_bits(got).is_nan() && f64::from_bits(expected).is_nan()
}
