//! Normal values from uniform bits: the inverse distribution function, tabulated.
//!
//! One bit is the sign, 31 bits are the upper-tail probability: the first 11 of them choose
//! a cell of a table of quantiles, the rest interpolate. The outermost cell (|x| > 3.49) is
//! split in 2¹¹ again, which reaches 5.1, and the last 9 bits reach 6.2 at the very end. The
//! table has 16 KiB and stays in the first-level cache.

#![expect(clippy::excessive_precision, reason = "coefficients as published")]
#![expect(
    clippy::inline_always,
    reason = "loops must inline into a function compiled for AVX2 to vectorise, in every profile"
)]

use std::sync::LazyLock;

const CELLS: usize = 1 << 11;
/// Bits below the first table's index, and below the second's.
const FINE_BITS: u32 = 20;
const FINEST_BITS: u32 = 9;

/// A line: value at the cell's start and slope per unit of the remaining bits.
type Line = [f32; 2];

pub(super) struct Tables {
    body: Box<[Line; CELLS]>,
    tail: Box<[Line; CELLS]>,
}

pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    body: lines(1.0 / CELLS as f64, FINE_BITS),
    tail: lines(1.0 / (CELLS * CELLS) as f64, FINEST_BITS),
});

/// Cells of `width` (in units of the half distribution) from the tail's end inwards.
fn lines(width: f64, bits: u32) -> Box<[Line; CELLS]> {
    // The upper-tail probability of |x| at the inner edge of `cells` cells; the end of the
    // very first is infinite, so it is taken half of a last bit inside.
    let quantile = |cells: usize| {
        let least = 0.5 * width / f64::from(1_u32 << bits);
        -inverse_cdf(0.5 * (cells as f64 * width).max(least))
    };
    let mut table = Box::new([[0.0; 2]; CELLS]);
    for (cell, line) in table.iter_mut().enumerate() {
        let (start, end) = (quantile(cell), quantile(cell + 1));
        *line = [
            start as f32,
            ((end - start) / f64::from(1_u32 << bits)) as f32,
        ];
    }
    table
}

impl Tables {
    /// The standard normal value of 32 uniform bits.
    pub(super) fn value(&self, bits: u32) -> f32 {
        if Self::is_tail(bits) {
            interpolate(&self.tail, FINEST_BITS, bits)
        } else {
            self.body_value(bits)
        }
    }

    /// Whether the value lies in the outermost cell, where [`Self::body_value`] is coarse.
    #[inline(always)]
    pub(super) fn is_tail(bits: u32) -> bool {
        bits & 0x7fff_ffff < 1 << FINE_BITS
    }

    /// The standard normal value of 32 uniform bits outside the tail, without a branch.
    #[inline(always)]
    pub(super) fn body_value(&self, bits: u32) -> f32 {
        interpolate(&self.body, FINE_BITS, bits)
    }
}

/// The value on the line of the cell that the bits choose, with the sign bit as sign.
#[inline(always)]
fn interpolate(table: &[Line; CELLS], fraction_bits: u32, bits: u32) -> f32 {
    let magnitude = bits & 0x7fff_ffff;
    let [start, slope] = table[(magnitude >> fraction_bits) as usize & (CELLS - 1)];
    let value = start + slope * (magnitude & ((1 << fraction_bits) - 1)).cast_signed() as f32;
    f32::from_bits(value.to_bits() | (bits & 0x8000_0000))
}

/// The normal quantile of `p` in (0, 1) with about 16 digits (Wichura, 1988: AS 241, PPND16).
pub(super) fn inverse_cdf(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let r = (-(if q < 0.0 { p } else { 1.0 - p }).ln()).sqrt();
    let magnitude = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE)
    } else {
        ratio(r - 5.0, &FAR)
    };
    magnitude.copysign(q)
}

/// Coefficients of numerator and denominator, constant term first.
type Rational = ([f64; 8], [f64; 8]);

fn ratio(x: f64, (numerator, denominator): &Rational) -> f64 {
    let polynomial =
        |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(numerator) / polynomial(denominator)
}

const CENTRE: Rational = (
    [
        3.387_132_872_796_366_608,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561e3,
    ],
);

const MIDDLE: Rational = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_9,
        5.769_497_221_460_691_405_5,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_7e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_4e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_4,
        6.897_673_349_851_000_045_5e-1,
        1.481_039_764_274_800_745_9e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);

const FAR: Rational = (
    [
        6.657_904_643_501_103_777_2,
        5.463_784_911_164_114_369_9,
        1.784_826_539_917_291_335_8,
        2.965_605_718_285_048_912_3e-1,
        2.653_218_952_657_612_309_3e-2,
        1.242_660_947_388_078_438_6e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_9e-1,
        1.369_298_809_227_358_053_1e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591e-4,
        1.846_318_317_510_054_681_8e-5,
        1.421_511_758_316_445_888_7e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

/// The normal distribution function of `x`, to about 1e-7 (Abramowitz and Stegun 7.1.26).
pub(super) fn cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let polynomial = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let upper = 0.5 * t * polynomial.into_iter().fold(0.0, |sum, c| sum * t + c) * (-z * z).exp();
    if x > 0.0 { 1.0 - upper } else { upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from SciPy 1.16, `scipy.special.ndtri`.
    #[test]
    fn quantiles_agree_with_scipy() {
        let cases = [
            (0.5, 0.0),
            (0.3, -0.524_400_512_708_040_7),
            (0.975, 1.959_963_984_540_054),
            (1e-3, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
            (1e-20, -9.262_340_089_798_408),
        ];
        for (p, quantile) in cases {
            assert!(
                (inverse_cdf(p) - quantile).abs() < 1e-12,
                "{p}: {}",
                inverse_cdf(p)
            );
            assert!((cdf(quantile) - p).abs() < 2e-7, "{p}: {}", cdf(quantile));
        }
    }

    /// Interpolation errs most next to the tables' ends, where the curve bends most: by 0.012
    /// at the first cell inside the tail, by less than 2e-5 from 1.5 standard deviations inwards.
    #[test]
    fn tables_follow_the_curve() {
        for step in 0..100_000_u32 {
            let magnitude = step * 21_474;
            let exact = -inverse_cdf(0.5 * f64::from(magnitude).max(0.5) / f64::from(1_u32 << 31));
            let value = f64::from(TABLES.value(magnitude));
            let limit = if exact > 4.5 {
                0.3
            } else if exact > 1.5 {
                0.02
            } else {
                2e-5
            };
            assert!(
                (value - exact).abs() < limit,
                "{magnitude:#x}: {value} for {exact}"
            );
        }
        assert!(TABLES.value(0) > 6.0 && TABLES.value(0x8000_0000) < -6.0);
    }
}
