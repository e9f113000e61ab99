//! Losses.

use crate::case::{Case, blocks, case, doubles, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, log_sum_exp, scaled, softmax, sum, wider};

const WHY: &str = "functions and a sum";

fn classes(rows: usize, cols: usize) -> Case {
    let x = scaled(1, rows * cols, 4.0);
    let mut target = integers(2, rows, cols as i32);
    // Left out: before the first row lies nothing.
    target[0] = -100;
    let a = wider(&x);
    let values = each(rows, |r| {
        let row = &a[r * cols..][..cols];
        let class = usize::try_from(target[r]);
        class.map_or(0.0, |class| log_sum_exp(row) - row[class])
    });
    case("cross_entropy", blocks(rows, 3), 96)
        .read(&x)
        .read(&target)
        .writes(singles(values, 32.0, WHY))
        .ints(&[rows, cols])
        .value(-100_i32)
        .mutant("cross_entropy__all_classes")
}

fn elementwise(n: usize) -> Vec<Case> {
    let (x, y) = (scaled(n as u64, n, 3.0), scaled(n as u64 + 5, n, 3.0));
    let (a, b) = (wider(&x), wider(&y));
    let delta = 1.5;
    let huber = sum(n, |i| {
        let d = (a[i] - b[i]).abs();
        if d <= delta { 0.5 * d * d } else { delta * (d - 0.5 * delta) }
    });
    let down = each(n, |i| (a[i] - b[i]).clamp(-delta, delta) / n as f64);
    let signs: Vec<f32> = y.iter().map(|y| y.signum()).collect();
    let hinge = sum(n, |i| (1.0 - a[i] * f64::from(signs[i])).max(0.0));
    let labels: Vec<f32> = y.iter().map(|y| f32::from(*y > 0.0)).collect();
    let binary = each(n, |i| {
        let p = 1.0 / (1.0 + (-a[i]).exp());
        -(if y[i] > 0.0 { p } else { 1.0 - p }).ln()
    });
    vec![
        case("huber", blocks(n, 64), 64)
            .read(&x)
            .read(&y)
            .changes(&[0.0_f32], singles(vec![huber / n as f64], 32.0, WHY))
            .writes(singles(down, 3.0, "a difference and a quotient"))
            .int(n)
            .value(delta as f32)
            .any_order(),
        case("hinge_double", 1, 64)
            .read(&x)
            .read(&signs)
            // Products and differences are singles.
            .changes(&[0.0_f64], doubles(vec![hinge / n as f64], 2.0_f64.powi(30), WHY))
            .int(n)
            .any_order(),
        case("binary_cross_entropy", blocks(n, 128), 128)
            .read(&x)
            .read(&labels)
            .writes(singles(binary, 16.0, WHY))
            .int(n),
    ]
}

fn divergence() -> Case {
    let (rows, cols) = (6, 40);
    let distribution = |seed| -> Vec<f64> {
        let x = wider(&scaled(seed, rows * cols, 2.0));
        x.chunks(cols).flat_map(softmax).collect()
    };
    let single = |x: Vec<f64>| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let log_p = single(distribution(3).iter().map(|p| p.ln()).collect());
    let mut q = single(distribution(4));
    q[7] = 0.0;
    let (a, b) = (wider(&log_p), wider(&q));
    let terms = sum(q.len(), |i| if b[i] > 0.0 { b[i] * (b[i].ln() - a[i]) } else { 0.0 });
    case("kl_divergence", 2, 64)
        .read(&log_p)
        .read(&q)
        .changes(&[0.0_f32], singles(vec![terms / rows as f64], 64.0, "cancellation"))
        .int(q.len())
        .value(rows as f32)
        .any_order()
}

fn of_vectors(rows: usize, cols: usize) -> Vec<Case> {
    let [x, y, z] = [5, 6, 7].map(|seed| numbers(seed, rows * cols));
    let [a, b, c] = [&x, &y, &z].map(|x| wider(x));
    let dot = |p: &[f64], q: &[f64], r: usize| sum(cols, |k| p[r * cols + k] * q[r * cols + k]);
    let cosine = each(rows, |r| dot(&a, &b, r) / (dot(&a, &a, r) * dot(&b, &b, r)).sqrt());
    let distance = |q: &[f64], r: usize| {
        sum(cols, |k| (a[r * cols + k] - q[r * cols + k] + 1e-6).powi(2)).sqrt()
    };
    let margins = each(rows, |r| (distance(&b, r) - distance(&c, r) + 1.0).max(0.0));
    vec![
        case("cosine_similarity", rows, 64)
            .read(&x)
            .read(&y)
            .writes(singles(cosine, 64.0, "sums with cancellation"))
            .int(cols)
            .value(1e-8_f32)
            .any_order(),
        case("triplet_margin", rows.div_ceil(2), (32, 2))
            .read(&x)
            .read(&y)
            .read(&z)
            .writes(singles(margins, 64.0, "a difference of roots"))
            .ints(&[rows, cols])
            .value(1.0_f32),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [
        elementwise(33),
        elementwise(1027),
        of_vectors(5, 100),
        of_vectors(7, 31),
    ]
    .concat();
    cases.extend([classes(10, 37), classes(7, 1000), divergence()]);
    cases
}
