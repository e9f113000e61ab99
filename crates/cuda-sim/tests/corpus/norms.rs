//! Norms. A variance as a mean of squares less a square of a mean loses as
//! many roundings as the mean is larger than the deviation.

use crate::case::{Case, bfloats, blocks, case, halves, singles};
use crate::harness::numbers;
use crate::reference::{each, in_bfloat, in_half, moments, scaled, sum, wider};

const WHY: &str = "two sums, a root, three operations";
const EPS: f64 = 1e-5;

/// Of each row, with its mean and deviation.
fn normal(x: &[f64], inner: usize) -> Vec<f64> {
    let row = |row: &[f64]| {
        let (mean, var) = moments(row);
        let scaled = row.iter().map(|x| (x - mean) / (var + EPS).sqrt());
        scaled.collect::<Vec<_>>()
    };
    x.chunks(inner).flat_map(row).collect()
}

fn rows(rows: usize, cols: usize) -> Vec<Case> {
    let n = rows * cols;
    let x: Vec<f32> = numbers(cols as u64, n).iter().map(|x| x + 0.3).collect();
    let (gamma, beta) = (scaled(1, cols, 2.0), numbers(2, cols));
    let (a, g, b) = (wider(&x), wider(&gamma), wider(&beta));
    let unit = normal(&a, cols);
    let affine = each(n, |i| unit[i] * g[i % cols] + b[i % cols]);
    let up = numbers(3, n);
    let u = wider(&up);
    let down = each(n, |i| {
        let row = i / cols * cols;
        let (_, var) = moments(&a[row..row + cols]);
        let d = |c: usize| u[row + c] * g[c];
        let mean = sum(cols, d) / cols as f64;
        let along = sum(cols, |c| d(c) * unit[row + c]) / cols as f64;
        (d(i % cols) - mean - unit[i] * along) / (var + EPS).sqrt()
    });
    vec![
        case("layer_norm_rows", rows, 128)
            .read(&x)
            .read(&gamma)
            .read(&beta)
            .writes(singles(affine, 32.0, WHY))
            .int(cols)
            .value(EPS as f32),
        case("layer_norm_welford", rows.div_ceil(3), (32, 3))
            .read(&x)
            .writes(singles(unit.clone(), 64.0, "a quotient for each value"))
            .ints(&[rows, cols])
            .value(EPS as f32)
            .mutant("layer_norm_welford__half_the_lanes"),
        case("layer_norm_gradient", rows, 128)
            .read(&x)
            .read(&up)
            .read(&gamma)
            .writes(singles(down, 64.0, "norm, sums and their difference"))
            .int(cols)
            .value(EPS as f32),
        case("instance_norm_relu", rows, 128)
            .shared(cols * 4)
            .read(&x)
            .writes(singles(unit.iter().map(|x| x.max(0.0)).collect(), 32.0, WHY))
            .int(cols)
            .value(EPS as f32),
    ]
}

fn root_mean_square(rows: usize, cols: usize) -> Vec<Case> {
    let n = rows * cols;
    let (x, gain) = (numbers(4, n), scaled(5, cols, 2.0));
    let of = |a: &[f64], g: &[f64]| {
        each(n, |i| {
            let row = &a[i / cols * cols..][..cols];
            let square = row.iter().map(|x| x * x).sum::<f64>() / cols as f64;
            a[i] * g[i % cols] / (square + EPS).sqrt()
        })
    };
    let (bits, a) = in_bfloat(&x);
    let (gain_bits, g) = in_bfloat(&gain);
    let (half_bits, h) = in_half(&x);
    // The length's reciprocal is rounded to half, then the product.
    let unit = each(n, |i| {
        let row = &h[i / cols * cols..][..cols];
        h[i] / row.iter().map(|x| x * x).sum::<f64>().sqrt()
    });
    vec![
        case("rms_norm_float4", rows, 128)
            .read(&x)
            .read(&gain)
            .writes(singles(of(&wider(&x), &wider(&gain)), 16.0, WHY))
            .int(cols / 4)
            .value(EPS as f32),
        case("rms_norm_bf16", rows, 128)
            .read(&bits)
            .read(&gain_bits)
            .writes(bfloats(of(&a, &g), 1.01, "one rounding, singles before"))
            .int(cols)
            .value(EPS as f32),
        case("unit_length_half2", rows, 128)
            .read(&half_bits)
            .writes(halves(unit, 2.01, "two roundings, singles before"))
            .int(cols / 2),
    ]
}

fn images(images: usize, channels: usize, inner: usize) -> Vec<Case> {
    let groups = 2;
    let n = images * channels * inner;
    let x: Vec<f32> = numbers(6, n).iter().map(|x| x - 0.2).collect();
    let (gamma, beta) = (scaled(7, channels, 2.0), numbers(8, channels));
    let (a, g, b) = (wider(&x), wider(&gamma), wider(&beta));
    let channel = |i: usize| i / inner % channels;
    let grouped = normal(&a, channels / groups * inner);
    let of_channel: Vec<(f64, f64)> = each(channels, |c| {
        let all: Vec<f64> = (0..n).filter(|i| channel(*i) == c).map(|i| a[i]).collect();
        moments(&all)
    });
    let old = (scaled(9, channels, 1.0), scaled(10, channels, 0.4));
    let old_var: Vec<f32> = old.1.iter().map(|x| x + 1.0).collect();
    let count = (images * inner) as f64;
    let moved = |old: &[f32], new: &dyn Fn(usize) -> f64| {
        let values = each(channels, |c| 0.9 * f64::from(old[c]) + 0.1 * new(c));
        singles(values, 8.0, WHY)
    };
    let stats = (&old.0, &old_var);
    vec![
        case("group_norm", (groups, images), 128)
            .read(&x)
            .read(&gamma)
            .read(&beta)
            .writes(singles(
                each(n, |i| grouped[i] * g[channel(i)] + b[channel(i)]),
                32.0,
                WHY,
            ))
            .ints(&[channels, groups, inner])
            .value(EPS as f32),
        case("batch_norm_train", channels, 128)
            .read(&x)
            .writes(singles(
                each(n, |i| {
                    let (mean, var) = of_channel[channel(i)];
                    (a[i] - mean) / (var + EPS).sqrt()
                }),
                32.0,
                WHY,
            ))
            .changes(stats.0, moved(stats.0, &|c| of_channel[c].0))
            .changes(
                stats.1,
                moved(stats.1, &|c| of_channel[c].1 * count / (count - 1.0)),
            )
            .ints(&[images, channels, inner])
            .value(0.1_f32)
            .value(EPS as f32),
        case("batch_norm_inference", blocks(n, 96), 96)
            .read(&x)
            .read(stats.0)
            .read(stats.1)
            .read(&gamma)
            .read(&beta)
            .writes(singles(
                each(n, |i| {
                    let c = channel(i);
                    let (mean, var) = (f64::from(stats.0[c]), f64::from(stats.1[c]));
                    (a[i] - mean) / (var + EPS).sqrt() * g[c] + b[c]
                }),
                8.0,
                "a root, a quotient, two products",
            ))
            .ints(&[n, channels, inner])
            .value(EPS as f32),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [
        rows(5, 33),
        rows(3, 1000),
        rows(2, 129),
        root_mean_square(3, 132),
        root_mean_square(5, 1028),
        images(3, 4, 31),
        images(2, 6, 100),
    ]
    .concat();
    // The mutant's memory has room for 128.
    let long = cases
        .iter()
        .rposition(|case| case.kernels().any(|name| name == "instance_norm_relu"));
    let instance_norm = cases.remove(long.unwrap());
    cases.push(instance_norm.mutant("instance_norm_relu__too_little_shared"));
    cases
}
