//! Convolutions: sums of products, with errors of one rounding a term at most.

use crate::case::{Case, Want, blocks, case, exactly, singles};
use crate::harness::numbers;
use crate::reference::{each, sum, wider};

const WHY: &str = "a sum of products";

fn want(values: Vec<f64>, terms: usize) -> Want {
    singles(values, terms as f64 + 4.0, WHY)
}

/// Of a plane or volume, 0 outside.
fn at(x: &[f64], plane: usize, [h, w]: [usize; 2], [r, c]: [usize; 2]) -> f64 {
    if r < h && c < w { x[(plane * h + r) * w + c] } else { 0.0 }
}

fn in_one() -> Case {
    let [images, channels, length, filters, size] = [2, 3, 29, 4, 5];
    let (stride, pad, dilation) = (2, 3, 2);
    let out = (length + 2 * pad - dilation * (size - 1) - 1) / stride + 1;
    let x = numbers(1, images * channels * length);
    let w = numbers(2, filters * channels * size);
    let bias = numbers(3, filters);
    let (a, b) = (wider(&x), wider(&w));
    let values = each(images * filters * out, |i| {
        let (image, f, o) = (i / (filters * out), i / out % filters, i % out);
        let terms = sum(channels * size, |t| {
            let (c, k) = (t / size, t % size);
            let place = (o * stride + k * dilation).wrapping_sub(pad);
            b[f * channels * size + t] * at(&a, image * channels + c, [1, length], [0, place])
        });
        f64::from(bias[f]) + terms
    });
    case("conv_1d", (1, filters, images), 32)
        .read(&x)
        .read(&w)
        .read(&bias)
        .writes(want(values, channels * size))
        .ints(&[channels, length, filters, out, size, stride, pad, dilation])
}

/// Height, width, kernel, stride, border, dilation, groups.
fn in_two([h, w, k, stride, pad, dilation, groups]: [usize; 7]) -> Case {
    let [images, channels, filters] = [2, 4, 6];
    let per_group = channels / groups;
    let out = |length: usize| (length + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
    let (oh, ow) = (out(h), out(w));
    let x = numbers(h as u64, images * channels * h * w);
    let weights = numbers(w as u64, filters * per_group * k * k);
    let (a, b) = (wider(&x), wider(&weights));
    let total = images * filters * oh * ow;
    let values = each(total, |i| {
        let (image, f) = (i / (filters * oh * ow), i / (oh * ow) % filters);
        let (r, c) = (i / ow % oh * stride, i % ow * stride);
        let first = image * channels + f / (filters / groups) * per_group;
        sum(per_group * k * k, |t| {
            let place = [t / k % k, t % k].map(|of| of * dilation);
            let place = [r + place[0], c + place[1]].map(|of| of.wrapping_sub(pad));
            b[f * per_group * k * k + t] * at(&a, first + t / (k * k), [h, w], place)
        })
    });
    let sizes = [channels, h, w, filters, oh, ow, k, stride, pad, dilation, groups];
    let case = case("conv_2d_direct", 3, 128)
        .read(&x)
        .read(&weights)
        .writes(want(values, per_group * k * k))
        .values(&sizes.map(|size| size as i32))
        .int(total);
    if groups > 1 {
        case.mutant("conv_2d_direct__no_group")
    } else {
        case
    }
}

fn with_borders(planes: usize, [h, w]: [usize; 2]) -> Vec<Case> {
    let x = numbers(w as u64, planes * h * w);
    let channels = planes;
    let weights = numbers(w as u64 + 1, channels * 9);
    let (a, b) = (wider(&x), wider(&weights));
    let around = |weight: &dyn Fn(usize, usize) -> f64| {
        each(planes * h * w, |i| {
            let (p, r, c) = (i / (h * w), i / w % h, i % w);
            sum(9, |k| {
                let place = [r + k / 3, c + k % 3].map(|of| of.wrapping_sub(1));
                weight(p, k) * at(&a, p, [h, w], place)
            })
        })
    };
    let sharpen = [0.0, -1.0, 0.0, -1.0, 5.0, -1.0, 0.0, -1.0, 0.0];
    let grid = (w.div_ceil(16), h.div_ceil(8), planes);
    vec![
        case("conv_2d_shared", grid, (16, 8))
            .read(&x)
            .writes(want(around(&|_, k| sharpen[k]), 9))
            .ints(&[h, w])
            .mutant("conv_2d_shared__border_left_out"),
        case("conv_depthwise", grid, (16, 8))
            .read(&x)
            .read(&weights)
            .writes(want(around(&|p, k| b[p * 9 + k]), 9))
            .ints(&[channels, h, w]),
    ]
}

fn pointwise() -> Case {
    let [images, channels, filters, inner] = [2, 5, 7, 45];
    let (x, w) = (numbers(4, images * channels * inner), numbers(5, filters * channels));
    let (a, b) = (wider(&x), wider(&w));
    let values = each(images * filters * inner, |i| {
        let (image, f, p) = (i / (filters * inner), i / inner % filters, i % inner);
        sum(channels, |c| b[f * channels + c] * a[(image * channels + c) * inner + p])
    });
    case("conv_pointwise", (2, images), 32)
        .shared(filters * channels * 4)
        .read(&x)
        .read(&w)
        .writes(want(values, channels))
        .ints(&[channels, filters, inner])
}

/// Inputs give to outputs.
fn transposed() -> Vec<Case> {
    let [channels, h, w, filters, k, stride, pad] = [3, 5, 6, 2, 3, 2, 1];
    let out = |length: usize| (length - 1) * stride + k - 2 * pad;
    let (oh, ow) = (out(h), out(w));
    let (x, weights) = (numbers(6, channels * h * w), numbers(7, channels * filters * k * k));
    let mut values = vec![0.0; filters * oh * ow];
    for (i, x) in x.iter().enumerate() {
        let (c, r, q) = (i / (h * w), i / w % h * stride, i % w * stride);
        for t in 0..filters * k * k {
            let place = [r + t / k % k, q + t % k].map(|of| of.wrapping_sub(pad));
            if place[0] < oh && place[1] < ow {
                let to = (t / (k * k) * oh + place[0]) * ow + place[1];
                values[to] += f64::from(*x) * f64::from(weights[c * filters * k * k + t]);
            }
        }
    }
    let n = values.len();
    let (length, size) = (40, 4);
    let (line, short) = (numbers(8, length), numbers(9, size));
    let mut scattered = vec![0.0; (length - 1) * 3 + size];
    for i in 0..length * size {
        let (x, w) = (line[i / size], short[i % size]);
        scattered[i / size * 3 + i % size] += f64::from(x) * f64::from(w);
    }
    vec![
        case("conv_transposed_2d", blocks(n, 64), 64)
            .read(&x)
            .read(&weights)
            .writes(want(values, channels * k * k))
            .ints(&[channels, h, w, filters, oh, ow, k, stride, pad]),
        case("conv_transposed_1d_scatter", 2, 32)
            .read(&line)
            .read(&short)
            .changes(&vec![0.0_f32; scattered.len()], want(scattered, 2))
            .ints(&[length, size, 3]),
    ]
}

fn columns() -> Case {
    let [channels, h, w, k, pad, stride] = [2, 7, 9, 3, 1, 2];
    let (oh, ow) = ((h + 2 * pad - k) / stride + 1, (w + 2 * pad - k) / stride + 1);
    let x = numbers(10, channels * h * w);
    let a = wider(&x);
    let n = channels * k * k * oh * ow;
    let values = each(n, |i| {
        let (row, o) = (i / (oh * ow), i % (oh * ow));
        let place = [o / ow * stride + row / k % k, o % ow * stride + row % k];
        at(&a, row / (k * k), [h, w], place.map(|of| of.wrapping_sub(pad))) as f32
    });
    case("im2col", blocks(n, 128), 128)
        .read(&x)
        .writes(exactly(&values))
        .ints(&[channels, h, w, k, pad, stride, oh, ow])
}

fn blurred([h, w]: [usize; 2]) -> Vec<Case> {
    let x = numbers(11, h * w);
    let a = wider(&x);
    let weights = [0.0625, 0.25, 0.375, 0.25, 0.0625];
    // The nearest one inside.
    let near = |at: usize, k: usize, length: usize| (at + k).saturating_sub(2).min(length - 1);
    let rows = each(h * w, |i| sum(5, |k| weights[k] * a[i / w * w + near(i % w, k, w)]));
    let columns = each(h * w, |i| sum(5, |k| weights[k] * a[near(i / w, k, h) * w + i % w]));
    vec![
        case("blur_rows", (w.div_ceil(32), h), 32)
            .shared(36 * 4)
            .read(&x)
            .writes(want(rows, 5))
            .ints(&[h, w]),
        case("blur_columns", w.div_ceil(32), 32)
            .read(&x)
            .writes(want(columns, 5))
            .ints(&[h, w]),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        in_one(),
        in_two([9, 8, 3, 2, 1, 1, 2]),
        in_two([7, 13, 3, 1, 2, 2, 1]),
        in_two([5, 6, 1, 1, 0, 1, 2]),
        pointwise(),
        columns(),
    ];
    cases.extend(transposed());
    cases.extend([with_borders(3, [13, 33]), with_borders(2, [8, 17]), blurred([7, 45])].concat());
    cases
}
