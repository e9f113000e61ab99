//! CUDA's library of mathematics, within the errors that the CUDA programming
//! guide states (section "Mathematical Functions Appendix"; a unit in the last
//! place is two roundings), relative to the values of the whole range.

use std::f64::consts::{LN_10, PI};

use crate::case::{Case, blocks, case, doubles, singles};
use crate::reference::{
    each, erf, erfc, inverse, ln_gamma, normal_cdf, scaled, wider,
};

/// Units in the last place, and the function of both arguments.
type Function = (f64, fn(f64, f64) -> f64);

const ANGLES: [Function; 10] = [
    (2.0, |a, _| a.sin()),
    (2.0, |a, _| a.cos()),
    (4.0, |_, b| b.tan()),
    (2.0, |_, b| b.asin()),
    (2.0, |_, b| b.acos()),
    (2.0, |a, _| a.atan()),
    (3.0, |a, b| a.atan2(b)),
    (1.0, |_, b| (PI * b).sin()),
    (4.0, |a, _| a.sin() + a.cos()),
    (3.0, |a, b| a.hypot(b)),
];

const POWERS: [Function; 16] = [
    (2.0, |_, b| b.exp()),
    (2.0, |_, b| b.exp2()),
    (2.0, |_, b| (b * LN_10).exp()),
    (1.0, |_, b| b.exp_m1()),
    (1.0, |a, _| a.abs().ln()),
    (1.0, |a, _| a.abs().log2()),
    (2.0, |a, _| a.abs().log10()),
    (1.0, |_, b| b.abs().ln_1p()),
    (4.0, |a, b| a.abs().powf(b)),
    (1.0, |a, _| a.cbrt()),
    (3.0, |_, b| b.sinh()),
    (2.0, |_, b| b.cosh()),
    (3.0, |a, _| a.asinh()),
    // The argument is rounded once more.
    (5.0, |a, _| (1.0 + a.abs()).acosh()),
    (3.0, |_, b| b.atanh()),
    (2.0, |a, _| 1.0 / a.abs().sqrt()),
];

const SPECIAL: [Function; 7] = [
    (2.0, |_, b| erf(b)),
    (4.0, |_, b| erfc(f64::from(3.0 * b as f32))),
    (2.0, |_, b| inverse(erf, b)),
    (5.0, |_, b| normal_cdf(b)),
    (5.0, |_, b| inverse(normal_cdf, f64::from(0.49_f32.mul_add(b as f32, 0.5)))),
    (5.0, |_, b| normal_cdf(-2.0 * b.abs())),
    (6.0, |a, _| ln_gamma(a.abs())),
];

const ROUNDING: [Function; 14] = [
    (0.0, |a, _| a.floor()),
    (0.0, |a, _| a.ceil()),
    (0.0, |a, _| a.trunc()),
    (0.0, |a, _| a.round()),
    (0.0, |a, _| a.round_ties_even()),
    (0.0, |a, b| a % b),
    (0.0, remainder),
    (0.5, |a, b| (a - b).max(0.0)),
    (0.0, |a, b| a.copysign(b)),
    (0.0, |_, b| 32.0 * b),
    (0.5, |a, _| {
        let (fraction, exponent) = parts(a);
        fraction + exponent
    }),
    (0.5, |a, _| a.fract() + 2.0 * a.trunc()),
    (0.0, |a, _| parts(a).1 - 1.0),
    (0.0, |a, b| {
        let b = b as f32;
        f64::from(if f64::from(b) < a { b.next_up() } else { b.next_down() })
    }),
];

const ANGLES_DOUBLE: [Function; 5] = [
    (2.0, |a, _| a.sin()),
    (2.0, |a, _| a.cos()),
    (2.0, |_, b| b.asin()),
    (2.0, |a, b| a.atan2(b)),
    (2.0, |_, b| b.tanh()),
];

/// The reference itself errs by a unit.
const POWERS_DOUBLE: [Function; 8] = [
    (2.0, |_, b| b.exp()),
    (2.0, |_, b| b.exp_m1()),
    (2.0, |a, _| a.abs().ln()),
    (2.0, |_, b| b.abs().ln_1p()),
    (3.0, |a, b| a.abs().powf(b)),
    (2.0, |a, _| a.cbrt()),
    (0.0, |a, _| a.abs().sqrt()),
    (0.0, |a, b| a / b),
];

/// The references are series, which lose some digits.
const SPECIAL_DOUBLE: [Function; 6] = [
    (16.0, |_, b| erf(b)),
    (16.0, |_, b| erfc(3.0 * b)),
    (16.0, |a, _| ln_gamma(a.abs())),
    (0.0, |a, b| a % b),
    (0.0, |a, _| a.round_ties_even()),
    (0.0, |a, b| a.mul_add(b, -a * b)),
];

/// IEC 60559's: the quotient is rounded to nearest.
fn remainder(a: f64, b: f64) -> f64 {
    let quotient = (a / b).round_ties_even();
    a - quotient * b
}

/// A fraction from [½, 1) and the power of two.
fn parts(a: f64) -> (f64, f64) {
    let exponent = f64::from((a.to_bits() >> 52 & 0x7ff) as u32) - 1022.0;
    (a / exponent.exp2(), exponent)
}

const N: usize = 333;

fn single(kernel: &'static str, functions: &[Function]) -> Vec<Case> {
    let (x, y) = (scaled(1, N, 9.0), scaled(2, N, 0.999));
    // Some that need the long reduction of angles.
    let mut x = x;
    for (at, far) in [1e6, -3.5e7, 12345.678, 2e10].into_iter().enumerate() {
        x[at] = far;
    }
    let large = kernel == "angles_single";
    let x = if large { x } else { scaled(1, N, 9.0) };
    of_kernel(kernel, functions, &wider(&x), &wider(&y), |case| case.read(&x).read(&y), singles)
}

fn double(kernel: &'static str, functions: &[Function]) -> Vec<Case> {
    let third = |x: Vec<f32>| each(N, |i| f64::from(x[i]) / 3.0);
    let mut x = third(scaled(3, N, 27.0));
    if kernel == "angles_double" {
        x[0] = 1e15 / 3.0;
        x[1] = -4e6 / 3.0;
    }
    let y = third(scaled(4, N, 2.997));
    of_kernel(kernel, functions, &x, &y, |case| case.read(&x).read(&y), doubles)
}

fn of_kernel(
    kernel: &'static str,
    functions: &[Function],
    x: &[f64],
    y: &[f64],
    inputs: impl Fn(Case) -> Case,
    want: fn(Vec<f64>, f64, &'static str) -> crate::case::Want,
) -> Vec<Case> {
    let numbered = functions.iter().enumerate();
    numbered
        .map(|(which, (units, f))| {
            let values = each(N, |i| f(x[i], y[i]));
            inputs(case(kernel, blocks(N, 128), 128))
                .writes(want(values, 2.0 * units, "CUDA's stated error"))
                .ints(&[N, which])
        })
        .collect()
}

pub(crate) fn cases() -> Vec<Case> {
    [
        single("angles_single", &ANGLES),
        single("powers_single", &POWERS),
        single("special_single", &SPECIAL),
        single("rounding_single", &ROUNDING),
        double("angles_double", &ANGLES_DOUBLE),
        double("powers_double", &POWERS_DOUBLE),
        double("special_double", &SPECIAL_DOUBLE),
    ]
    .concat()
}
