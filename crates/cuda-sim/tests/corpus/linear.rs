//! Small linear algebra and transforms.

use std::f64::consts::PI;

use crate::case::{Case, case, doubles, singles};
use crate::harness::numbers;
use crate::reference::{each, product, sum, wider};

fn fourier(bits: usize, count: usize) -> Case {
    let n = 1 << bits;
    let x = numbers(bits as u64, 2 * n * count);
    let a = wider(&x);
    let values = each(2 * n * count, |i| {
        let (row, k) = (i / (2 * n) * 2 * n, i / 2 % n);
        sum(n, |j| {
            let angle = -2.0 * PI * (j * k % n) as f64 / n as f64;
            let [re, im] = [a[row + 2 * j], a[row + 2 * j + 1]];
            if i.is_multiple_of(2) {
                re * angle.cos() - im * angle.sin()
            } else {
                re * angle.sin() + im * angle.cos()
            }
        })
    });
    case("fft_radix2", count, 32)
        .shared((n + n / 2) * 8)
        .read(&x)
        .writes(singles(values, 4.0 * bits as f64, "some roundings a step"))
        .int(bits)
        .mutant("fft_radix2__not_reversed")
}

fn inverses(count: usize) -> Case {
    let x: Vec<f64> = wider(&numbers(2, 16 * count));
    // Far enough from singular: a diagonal that leads, in rows that were moved.
    let a = each(16 * count, |i| {
        let (r, c) = (i / 4 % 4, i % 4);
        x[i] / 3.0 + if c == (r + i / 16) % 4 { 2.0 } else { 0.0 }
    });
    let inverse: Vec<f64> = a.chunks(16).flat_map(adjugate).collect();
    case("inverse_4x4", count.div_ceil(32), 32)
        .read(&a)
        .writes(doubles(inverse, 256.0, "elimination, and determinants here"))
        .int(count)
}

/// By cofactors: another way than the kernel's.
fn adjugate(a: &[f64]) -> Vec<f64> {
    let minor = |row: usize, col: usize| {
        let without = |k: usize, left: usize| if k < left { k } else { k + 1 };
        let m = |r: usize, c: usize| a[without(r, row) * 4 + without(c, col)];
        (0..3)
            .map(|k| {
                let [p, q, s] = [0, 1, 2].map(|r| (k + r) % 3);
                m(0, p) * (m(1, q) * m(2, s) - m(1, s) * m(2, q))
            })
            .sum::<f64>()
    };
    let cofactor = |r: usize, c: usize| {
        if (r + c).is_multiple_of(2) { minor(r, c) } else { -minor(r, c) }
    };
    let determinant = sum(4, |c| a[c] * cofactor(0, c));
    each(16, |i| cofactor(i % 4, i / 4) / determinant)
}

/// Symmetric and positive: a product with its transpose and a diagonal.
fn positive(seed: u64, n: usize) -> Vec<f32> {
    let x = wider(&numbers(seed, n * n));
    let xt = each(n * n, |i| x[i % n * n + i / n]);
    let square = product(&x, &xt, [n, n, n]);
    each(n * n, |i| (square[i] + if i % n == i / n { 1.0 } else { 0.0 }) as f32)
}

/// Its lower factor by rows: Cholesky and Banachiewicz.
fn factor(a: &[f64], n: usize) -> Vec<f64> {
    let mut l = vec![0.0; n * n];
    for r in 0..n {
        for c in 0..=r {
            let rest = a[r * n + c] - sum(c, |k| l[r * n + k] * l[c * n + k]);
            l[r * n + c] = if r == c { rest.sqrt() } else { rest / l[c * n + c] };
        }
    }
    l
}

fn factors(n: usize, count: usize) -> Vec<Case> {
    let a: Vec<f32> = (0..count as u64).flat_map(|k| positive(10 + k, n)).collect();
    let l: Vec<f64> = wider(&a).chunks(n * n).flat_map(|a| factor(a, n)).collect();
    let lower: Vec<f32> = l[..n * n].iter().map(|x| *x as f32).collect();
    let single = wider(&lower);
    let b = numbers(20, n * count);
    let mut solved: Vec<f64> = Vec::new();
    for b in wider(&b).chunks(n) {
        let mut x: Vec<f64> = Vec::new();
        for (r, b) in b.iter().enumerate() {
            let rest = b - sum(r, |k| single[r * n + k] * x[k]);
            x.push(rest / single[r * n + r]);
        }
        solved.extend(x);
    }
    vec![
        case("cholesky", count, 32)
            .shared(n * n * 4)
            .read(&a)
            .writes(singles(l, 32.0 * n as f64, "the condition times a sum"))
            .int(n)
            .mutant("cholesky__barrier_left_out"),
        case("solve_lower", count, 32)
            .read(&lower)
            .read(&b)
            .writes(singles(solved, 32.0 * n as f64, "the condition times a sum"))
            .int(n),
    ]
}

fn eigenvalue() -> Case {
    let (n, steps) = (40, 30);
    let a = positive(30, n);
    let x = wider(&a);
    let mut v = each(n, |i| f64::from(1.0 + 0.01 * i as f32));
    let mut norm = 0.0;
    for _ in 0..steps {
        v = product(&x, &v, [n, 1, n]);
        norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        for x in &mut v {
            *x /= norm;
        }
    }
    case("largest_eigenvalue", 1, 64)
        .read(&a)
        .writes(singles(vec![norm], 64.0, "a sum of products and a root"))
        .ints(&[n, steps])
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![fourier(3, 2), fourier(6, 3), fourier(9, 1)];
    cases.extend([inverses(33), eigenvalue()]);
    cases.extend([factors(5, 2), factors(31, 2)].concat());
    cases
}
