//! Kernels with `--use_fast_math`: the programming guide states the errors of
//! what it takes instead of functions as absolute ones or in units.

use crate::case::{Case, case, exactly, singles};
use crate::reference::{each, scaled, softmax, wider};

pub(crate) fn cases() -> Vec<Case> {
    let x = scaled(1, 333, 3.0);
    let values = wider(&x).into_iter().map(|v| {
        v.exp() / (1.0 + v * v)
            + v.sin() * v.cos()
            + (v.abs() + 1.0).ln()
            + v.abs().sqrt()
            + v.tanh()
            + (v.abs() + 0.5).powf(1.5)
    });
    let functions = case("fast_functions", 3, 128)
        .read(&x)
        .writes(singles(values.collect(), 64.0, "approximations"))
        .int(333);
    // Half of each is below the normal numbers, some are so themselves.
    let tiny = each(64, |i| f32::MIN_POSITIVE * (0.4 + i as f32 / 32.0));
    let flushed = |x: f32| if x.is_subnormal() { 0.0 } else { x };
    let sums = each(64, |i| {
        let x = flushed(tiny[i]);
        // A product and a sum in one: only what comes out is flushed.
        flushed(x * 1.5)
    });
    let flush = case("flushed_to_zero", 1, 64)
        .read(&tiny)
        .writes(exactly(&sums))
        .int(64);
    let (rows, cols) = (3, 100);
    let x = scaled(2, rows * cols, 5.0);
    let values = wider(&x).chunks(cols).flat_map(softmax).collect();
    let softmax = case("fast_softmax", rows, 32)
        .read(&x)
        .writes(singles(values, 128.0, "ex2 of a rounded product"))
        .int(cols);
    vec![functions, flush, softmax]
}
