//! Products. A sum of k products with errors of k + 1 roundings at most, of the
//! sum of their absolute values.

use crate::case::{Case, Want, blocks, case, doubles, exactly, halves, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, in_half, product, scaled, sum, wider};

const WHY: &str = "a sum of products";

/// For sums of `k` products.
fn want(values: Vec<f64>, k: usize) -> Want {
    singles(values, k as f64 + 8.0, WHY)
}

fn general([m, n, k]: [usize; 3]) -> Vec<Case> {
    let (a, b) = (numbers(k as u64, m * k), numbers(k as u64 + 1, k * n));
    let (x, y) = (wider(&a), wider(&b));
    let c = product(&x, &y, [m, n, k]);
    let bias = numbers(3, n);
    let at = each(m * k, |i| a[i % m * k + i / m]);
    let bt = each(n * k, |i| b[i % k * n + i / k]);
    let turned = each(m * n, |i| (c[i] + f64::from(bias[i % n])).max(0.0));
    let grid = |tile: usize| (n.div_ceil(tile), m.div_ceil(tile));
    let per_block = k.div_ceil(3);
    let split = case("matmul_split_k", (n.div_ceil(16), m.div_ceil(8), 3), (16, 8))
        .read(&a)
        .read(&b)
        .changes(&vec![0.0_f32; m * n], want(c.clone(), k))
        .ints(&[m, n, k, per_block])
        .any_order();
    let with = |kernel, grid: (usize, usize), block: (usize, usize)| {
        case(kernel, grid, block)
            .read(&a)
            .read(&b)
            .writes(want(c.clone(), k))
            .ints(&[m, n, k])
    };
    let tiles = with("matmul_tiles_of_11", grid(11), (11, 11));
    // All of the grid must not be inside for the mutant to be wrong.
    let ragged = n % 11 != 0;
    vec![
        with("matmul_naive", (n.div_ceil(16), m.div_ceil(8)), (16, 8)),
        if ragged { tiles.mutant("matmul_tiles__early_return") } else { tiles },
        with("matmul_register_blocked", grid(32), (64, 1)),
        case("matmul_transposed", grid(16), (16, 16))
            .read(&at)
            .read(&bt)
            .read(&bias)
            .writes(want(turned, k))
            .ints(&[m, n, k]),
        if k > 2 { split.mutant("matmul_split_k__plain_add") } else { split },
    ]
}

fn batched() -> Case {
    let [batch, m, n, k] = [3, 9, 17, 21];
    let (a, b) = (numbers(5, batch * m * k), numbers(6, batch * k * n));
    let c: Vec<f64> = (0..batch)
        .flat_map(|i| {
            let of = |x: &[f32], size: usize| wider(&x[i * size..][..size]);
            product(&of(&a, m * k), &of(&b, k * n), [m, n, k])
        })
        .collect();
    let case = case("matmul_batched", (2, 2, batch), (16, 8))
        .read(&a)
        .read(&b)
        .writes(want(c, k))
        .ints(&[m, n, k]);
    let steps = [m * k, k * n, m * n];
    steps.iter().fold(case, |case, step| case.value(*step as i64))
}

fn lower(n: usize) -> Case {
    let triangle = |seed| {
        let x = numbers(seed, n * n);
        each(n * n, |i| if i % n <= i / n { x[i] } else { 0.0 })
    };
    let (a, b) = (triangle(7), triangle(8));
    case("matmul_lower", (n.div_ceil(16), n.div_ceil(8)), (16, 8))
        .read(&a)
        .read(&b)
        .writes(want(product(&wider(&a), &wider(&b), [n, n, n]), n))
        .int(n)
        .mutant("matmul_lower__without_diagonal")
}

fn with_vectors(rows: usize, cols: usize) -> Vec<Case> {
    let (a, x) = (numbers(9, rows * cols), numbers(10, cols));
    let values = product(&wider(&a), &wider(&x), [rows, 1, cols]);
    let (h, u) = in_half(&numbers(11, rows));
    let (g, v) = in_half(&numbers(12, rows * 2 * cols));
    let half = product(&u, &v, [1, 2 * cols, rows]);
    vec![
        case("matrix_vector", rows.div_ceil(3), (32, 3))
            .read(&a)
            .read(&x)
            .writes(want(values, cols / 32 + 5))
            .ints(&[rows, cols])
            .mutant("matrix_vector__odd_lanes"),
        case("vector_matrix_half", blocks(cols, 32), 32)
            .read(&h)
            .read(&g)
            .writes(halves(half, 1.05, "one rounding, singles before"))
            .ints(&[rows, cols]),
    ]
}

fn eight_bits() -> Case {
    let [m, n, k4] = [10, 19, 9];
    let byte = |seed, count| {
        let signed = integers(seed, count, 255);
        signed.iter().map(|x| (x - 127) as i8).collect::<Vec<_>>()
    };
    let (a, bt) = (byte(13, m * 4 * k4), byte(14, n * 4 * k4));
    let (of_a, of_b) = (numbers(15, m), numbers(16, n));
    let values = each(m * n, |i| {
        let (row, col) = (i / n, i % n);
        let terms = |l| f64::from(a[row * 4 * k4 + l]) * f64::from(bt[col * 4 * k4 + l]);
        sum(4 * k4, terms) * f64::from(of_a[row]) * f64::from(of_b[col])
    });
    case("matmul_int8", (2, 2), (16, 8))
        .read(&a)
        .read(&bt)
        .read(&of_a)
        .read(&of_b)
        .writes(singles(values, 3.0, "two scales"))
        .ints(&[m, n, k4])
}

fn distances() -> Case {
    let [m, n, dims] = [7, 45, 19];
    let (x, y) = (numbers(17, m * dims), numbers(18, n * dims));
    let values = each(m * n, |i| {
        let part = |k| f64::from(x[i / n * dims + k]) - f64::from(y[i % n * dims + k]);
        sum(dims, |k| part(k).powi(2))
    });
    case("squared_distances", m, 32)
        .shared(dims * 4)
        .read(&x)
        .read(&y)
        .writes(want(values, dims))
        .ints(&[m, n, dims])
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [
        general([33, 31, 17]),
        general([1, 44, 100]),
        general([70, 65, 9]),
        with_vectors(7, 1000),
        with_vectors(31, 33),
    ]
    .concat();
    let (d, b) = (numbers(19, 5), numbers(20, 5 * 12));
    let scaled_rows = each(60, |i| d[i / 12] * b[i]);
    let diagonal = case("matmul_diagonal", 1, 32)
        .read(&d)
        .read(&b)
        .writes(exactly(&scaled_rows))
        .ints(&[5, 3]);
    let (rows, cols) = (30, 37);
    let x: Vec<f64> = wider(&scaled(21, rows * cols, 1.0)).iter().map(|x| x / 3.0).collect();
    let xt = each(rows * cols, |i| x[i % rows * cols + i / rows]);
    let gram = product(&xt, &x, [cols, cols, rows]);
    let gram = case("gram_matrix", (2, cols), 32)
        .read(&x)
        .writes(doubles(gram, 2.0 * rows as f64, "two sums of products"))
        .ints(&[rows, cols]);
    cases.extend([batched(), lower(20), lower(33), eight_bits(), distances(), diagonal, gram]);
    cases
}
