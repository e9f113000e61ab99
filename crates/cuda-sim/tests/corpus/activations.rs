//! Activations. A single's `expf`, `tanhf` and `erff` err by up to two units in
//! the last place (CUDA programming guide, table of mathematical functions),
//! which are four roundings.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::case::{Case, blocks, case, singles};
use crate::reference::{SIZES, each, erf, normal_cdf, scaled, wider};

const WHY: &str = "a function and some operations";

fn softplus(x: f64) -> f64 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

/// Kernels of one function: its name, other arguments, the function.
type Plain = (&'static str, Option<f32>, fn(f64) -> f64);

const PLAIN: [Plain; 8] = [
    ("gelu_erf", None, |x| 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2))),
    ("gelu_tanh", None, |x| {
        0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())
    }),
    ("elu", Some(0.75), |x| if x > 0.0 { x } else { 0.75 * x.exp_m1() }),
    ("mish", None, |x| x * softplus(x).tanh()),
    ("softplus", Some(2.5), |x| softplus(2.5 * x) / 2.5),
    ("selu", None, |x| {
        let (scale, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
        scale * if x > 0.0 { x } else { alpha * x.exp_m1() }
    }),
    ("hard_swish", None, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
    ("log_sigmoid", None, |x| x.min(0.0) - (-x.abs()).exp().ln_1p()),
];

fn of_size(n: usize) -> Vec<Case> {
    // A single one lies where all of them are far from zero.
    let x = scaled(n as u64, n, if n == 1 { 2.0 } else { 9.0 });
    let up = scaled(n as u64 + 7, n, 1.0);
    let (a, u) = (wider(&x), wider(&up));
    let mut cases: Vec<Case> = PLAIN
        .iter()
        .map(|(kernel, arg, f)| {
            let case = case(kernel, 2, 160)
                .read(&x)
                .writes(singles(a.iter().map(|x| f(*x)).collect(), 12.0, WHY))
                .int(n);
            arg.iter().fold(case, |case, arg| case.value(*arg))
        })
        .collect();
    if n >= 31 {
        // Of one number it may be the same.
        let at = PLAIN.iter().position(|(name, ..)| *name == "hard_swish");
        let hard_swish = cases.remove(at.unwrap());
        cases.push(hard_swish.mutant("hard_swish__no_upper_bound"));
    }
    let tanh = each(n, |i| a[i].tanh());
    let down = each(n, |i| u[i] * (1.0 - tanh[i] * tanh[i]));
    cases.push(
        case("tanh_and_gradient", blocks(n, 128), 128)
            .read(&x)
            .read(&up)
            .writes(singles(tanh, 4.0, "tanhf"))
            .writes(singles(down, 16.0, "1 less a square that is nearly 1"))
            .int(n),
    );
    let gradient = |x: f64| normal_cdf(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
    cases.push(
        case("gelu_gradient", blocks(n, 128), 128)
            .read(&x)
            .read(&up)
            .writes(singles(
                each(n, |i| u[i] * gradient(a[i])),
                16.0,
                "normcdff and expf of a rounded square",
            ))
            .int(n),
    );
    cases
}

fn gated(rows: usize, cols: usize) -> Case {
    let x = scaled(3, rows * 2 * cols, 4.0);
    let a = wider(&x);
    let values = each(rows * cols, |i| {
        let at = i / cols * 2 * cols + i % cols;
        a[at] / (1.0 + (-a[at]).exp()) * a[at + cols]
    });
    case("swiglu", rows, 64)
        .read(&x)
        .writes(singles(values, 12.0, WHY))
        .ints(&[rows, cols])
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SIZES.iter().flat_map(|n| of_size(*n)).collect();
    cases.push(gated(3, 37));
    cases.push(gated(2, 129));
    let x = scaled(4, 4 * 61, 6.0);
    let silu = x.iter().map(|x| f64::from(*x) / (1.0 + (-f64::from(*x)).exp()));
    cases.push(
        case("silu_fast", 1, 64)
            .read(&x)
            .writes(singles(
                silu.collect(),
                32.0,
                "the exponent's rounding grows with the argument",
            ))
            .int(61),
    );
    let (channels, inner) = (5, 13);
    let (x, slope) = (scaled(5, 3 * channels * inner, 1.0), scaled(6, channels, 0.5));
    let n = x.len();
    let values = each(n, |i| {
        let x = f64::from(x[i]);
        x * if x >= 0.0 { 1.0 } else { f64::from(slope[i / inner % channels]) }
    });
    cases.push(
        case("prelu_channels", blocks(n, 32), 32)
            .read(&x)
            .read(&slope)
            .writes(singles(values, 1.0, "one rounding"))
            .ints(&[n, channels, inner]),
    );
    cases
}
