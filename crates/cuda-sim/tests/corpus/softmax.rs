//! Softmax and its relations. An argument of `expf` that was rounded after a
//! subtraction has an absolute error of a rounding of its size, which becomes a
//! relative one of the result.

use crate::case::{Case, case, halves, singles};
use crate::reference::{each, in_half, log_sum_exp, scaled, softmax, sum, wider};

const WHY: &str = "a difference of up to ten, expf, a sum, a quotient";

/// Of rows.
fn by_row(x: &[f64], cols: usize, f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    x.chunks(cols).flat_map(f).collect()
}

fn short(rows: usize, cols: usize) -> Vec<Case> {
    // Large values, of which `expf` alone overflows.
    let x: Vec<f32> = scaled(cols as u64, rows * cols, 5.0)
        .iter()
        .map(|x| x + 90.0)
        .collect();
    let values = by_row(&wider(&x), cols, softmax);
    vec![
        case("softmax_short_rows", rows.div_ceil(4), (32, 4))
            .read(&x)
            .writes(singles(values.clone(), 32.0, WHY))
            .ints(&[rows, cols])
            .mutant("softmax_short_rows__no_maximum"),
        case("softmax_in_registers", rows.div_ceil(2), (32, 2))
            .read(&x)
            .writes(singles(values, 64.0, "ex2 of a rounded product"))
            .ints(&[rows, cols]),
    ]
}

fn long(rows: usize, cols: usize) -> Vec<Case> {
    let x = scaled(cols as u64, rows * cols, 5.0);
    let a = wider(&x);
    let values = by_row(&a, cols, softmax);
    let logs = by_row(&a, cols, |row| {
        let shift = log_sum_exp(row);
        row.iter().map(|x| x - shift).collect()
    });
    let columns = each(cols, |c| log_sum_exp(&each(rows, |r| a[r * cols + c])));
    let up = scaled(cols as u64 + 1, rows * cols, 1.0);
    let (y, u) = (values.iter().map(|x| *x as f32).collect::<Vec<_>>(), wider(&up));
    let b = wider(&y);
    let down = each(rows * cols, |i| {
        let row = i / cols * cols;
        b[i] * (u[i] - sum(cols, |c| b[row + c] * u[row + c]))
    });
    vec![
        case("softmax_three_passes", rows, 96)
            .read(&x)
            .writes(singles(values.clone(), 32.0, WHY))
            .int(cols),
        case("softmax_online_struct", 3, 128)
            .read(&x)
            .writes(singles(values, 64.0, "expf at each merging"))
            .ints(&[rows, cols]),
        case("log_softmax", rows, 128)
            .shared(cols * 4)
            .read(&x)
            .writes(singles(logs, 16.0, WHY))
            .int(cols),
        case("logsumexp_columns", cols.div_ceil(64), 64)
            .read(&x)
            .writes(singles(columns, 16.0, WHY))
            .ints(&[rows, cols]),
        case("softmax_gradient", rows, 64)
            .read(&y)
            .read(&up)
            .writes(singles(down, 16.0, "a sum and a difference"))
            .int(cols),
    ]
}

fn masked(cols: usize) -> Case {
    let (bits, x) = in_half(&scaled(9, cols * cols, 20.0));
    let mut values = Vec::new();
    for (last, row) in x.chunks(cols).enumerate() {
        let seen: Vec<f64> = row[..=last].iter().map(|x| x * 0.25).collect();
        values.extend(softmax(&seen));
        values.resize(values.len() + cols - 1 - last, 0.0);
    }
    case("softmax_halves_masked", cols, 64)
        .read(&bits)
        .writes(halves(values, 1.05, "one rounding to half, singles before"))
        .int(cols)
        .value(0.25_f32)
}

pub(crate) fn cases() -> Vec<Case> {
    [
        short(7, 32),
        short(5, 31),
        short(33, 3),
        vec![masked(33), masked(70)],
        long(5, 33),
        long(4, 1027),
        long(31, 7),
    ]
    .concat()
}
