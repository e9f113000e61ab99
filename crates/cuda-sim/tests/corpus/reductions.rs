//! Sums, products and extremes. A sum of n terms in a tree has an error of about
//! the logarithm of n roundings of the sum of their absolute values, in a row
//! at most n, mostly the root of it (Higham, "Accuracy and Stability", 4.2).

use crate::case::{Case, blocks, case, doubles, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::{SIZES, each, in_bfloat, in_half, moments, scaled, sum, wider};

const SUM: &str = "a sum with cancellation";

/// Roundings that are allowed for a sum which comes to so much: of what its
/// terms come to without their signs.
fn cancelled(terms: &[f64], roundings: f64) -> f64 {
    let whole: f64 = terms.iter().map(|x| x.abs()).sum();
    let left: f64 = terms.iter().sum();
    roundings * whole / left.abs()
}

fn total(x: &[f64]) -> f64 {
    x.iter().sum()
}

fn of_size(n: usize) -> Vec<Case> {
    let (x, y) = (numbers(n as u64, n), numbers(n as u64 + 9, n));
    let (a, b) = (wider(&x), wider(&y));
    let want = |roundings| singles(vec![total(&a)], cancelled(&a, roundings), SUM);
    let products = each(n, |i| a[i] * b[i]);
    let most = x.iter().copied().fold(f32::MIN, f32::max);
    let third = each(n, |i| a[i] / 3.0);
    let double_products = each(n, |i| third[i] * b[i]);
    vec![
        case("sum_first_stage", 5, 128)
            .read(&x)
            .scratch(5 * 4)
            .int(n)
            .writes(want(8.0))
            .int(5)
            .takes(&[0, 1, 2])
            .then("sum_second_stage", 1, 32, &[1, 3, 4]),
        case("sum_tree_odd", 1, 77)
            .shared(77 * 4)
            .read(&x)
            .writes(want(8.0))
            .int(n)
            .mutant("sum_tree_odd__no_barrier"),
        case("dot_atomic", 3, 96)
            .read(&x)
            .read(&y)
            .changes(
                &[0.0_f32],
                singles(vec![total(&products)], cancelled(&products, 8.0), SUM),
            )
            .int(n)
            .any_order(),
        case("dot_double", 1, 256)
            .read(&third)
            .read(&b)
            .writes(doubles(
                vec![total(&double_products)],
                cancelled(&double_products, 16.0),
                SUM,
            ))
            .int(n),
        case("max_atomic", blocks(n, 128), 128)
            .read(&x)
            .changes(&[f32::MIN], exactly(&[most]))
            .int(n),
    ]
}

fn rows(rows: usize, cols: usize) -> Vec<Case> {
    let x = numbers(cols as u64, rows * cols);
    let a = wider(&x);
    let norms = a.chunks(cols).map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt());
    let columns = each(cols, |c| sum(rows, |r| a[r * cols + c]));
    let stats: Vec<(f64, f64)> = a.chunks(cols).map(moments).collect();
    let unbiased = cols as f64 / (cols as f64 - 1.0);
    vec![
        case("norms_of_rows", rows.div_ceil(3), 96)
            .read(&x)
            .writes(singles(norms.collect(), 8.0, "a sum of squares and its root"))
            .ints(&[rows, cols]),
        case("sums_of_columns", cols.div_ceil(32), (32, 8))
            .read(&x)
            .writes(singles(columns, 16.0, SUM))
            .ints(&[rows, cols]),
        case("mean_and_variance", rows, 64)
            .read(&x)
            .writes(singles(stats.iter().map(|of| of.0).collect(), 64.0, SUM))
            .writes(singles(
                stats.iter().map(|of| of.1 * unbiased).collect(),
                16.0,
                "a sum of squares",
            ))
            .int(cols)
            .mutant("mean_and_variance__biased"),
    ]
}

fn by_the_last_block() -> Case {
    let n4 = 700;
    let x = numbers(20, 4 * n4);
    let a = wider(&x);
    let want = singles(vec![total(&a)], cancelled(&a, 8.0), SUM);
    // Twice: the count is back at its start.
    case("sum_last_block", 11, 64)
        .read(&x)
        .scratch(11 * 4)
        .writes(want)
        .int(n4)
        .then("sum_last_block", 11, 64, &[0, 1, 2, 3])
        .mutant("sum_last_block__no_fence")
}

fn votes(n: usize) -> Case {
    let x = numbers(21, n);
    let found = x.chunks(64).flat_map(|x| {
        [
            x.iter().filter(|x| **x > 0.0).count() as i32,
            i32::from(x.iter().all(|x| *x < 0.99)),
            i32::from(x.iter().any(|x| *x > 0.95)),
        ]
    });
    case("votes_of_block", n.div_ceil(64), 64)
        .read(&x)
        .writes(exactly(&found.collect::<Vec<_>>()))
        .int(n)
}

/// Integers whose sums are exact in eleven and in eight bits.
fn short_floats() -> Case {
    let n = 150;
    let bin = integers(25, n, 7);
    let x: Vec<f32> = integers(26, n, 4).iter().map(|x| *x as f32).collect();
    let total = |b: usize| {
        let of = (0..n).filter(|i| bin[*i] == b as i32);
        of.map(|i| x[i]).sum::<f32>()
    };
    let totals = each(7, total);
    assert!(totals.iter().all(|x| *x <= 256.0));
    let zeros = [0_u16; 7];
    case("sums_of_bfloats", 3, 64)
        .read(&bin)
        .read(&in_bfloat(&x).0)
        .changes(&zeros, exactly(&in_bfloat(&totals).0))
        .changes(&zeros, exactly(&in_half(&totals).0))
        .int(n)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = SIZES.iter().flat_map(|n| of_size(*n)).collect();
    cases.extend(rows(7, 300));
    cases.extend(rows(13, 33));
    cases.extend(rows(40, 64));
    cases.push(by_the_last_block());
    cases.push(short_floats());
    cases.push(votes(1000));
    cases.push(votes(33));
    let x: Vec<f32> = scaled(22, 333, 0.01).iter().map(|x| 1.0 + x).collect();
    cases.push(
        case("product_by_cas", 3, 128)
            .read(&x)
            .changes(
                &[1.0_f32],
                singles(vec![wider(&x).iter().product()], 333.0, "one rounding each"),
            )
            .int(333)
            .any_order(),
    );
    let x = integers(23, 500, 1000);
    let bits = x.iter().fold(0, |all, x| all | x);
    let found = [x.iter().sum(), *x.iter().max().unwrap(), bits];
    cases.push(
        case("integer_sums_by_redux", 4, 128)
            .read(&x)
            .changes(&[0_i32; 3], exactly(&found))
            .int(500),
    );
    let (bits, values) = in_half(&numbers(24, 2 * 333));
    let want = singles(vec![total(&values)], cancelled(&values, 8.0), SUM);
    cases.push(case("sum_of_halves", 1, 96).read(&bits).writes(want).int(333));
    cases
}
