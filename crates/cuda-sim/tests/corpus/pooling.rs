//! Pooling, and making images larger.

use crate::case::{Case, blocks, case, exactly, singles};
use crate::harness::numbers;
use crate::reference::{each, wider};

const SUM: &str = "a sum and a quotient";

fn along_one(planes: usize, length: usize, [window, stride, pad, dilation]: [usize; 4]) -> Case {
    let out = (length + 2 * pad - dilation * (window - 1) - 1) / stride + 1;
    let x = numbers(length as u64, planes * length);
    let most = each(planes * out, |i| {
        let inside = (0..window)
            .map(|k| (i % out * stride + k * dilation).wrapping_sub(pad))
            .filter(|at| *at < length);
        inside.map(|at| x[i / out * length + at]).fold(f32::MIN, f32::max)
    });
    case("max_pool_1d", blocks(planes * out, 64), 64)
        .read(&x)
        .writes(exactly(&most))
        .ints(&[planes, length, out, window, stride, pad, dilation])
        .mutant("max_pool_1d__before_the_row")
}

/// Places of a window in a plane, without those outside.
fn window(at: [usize; 2], size: usize, [h, w]: [usize; 2]) -> impl Iterator<Item = (usize, usize)> {
    let around = (0..size).flat_map(move |r| (0..size).map(move |c| (r, c)));
    around
        .map(move |(r, c)| (at[0].wrapping_add(r), at[1].wrapping_add(c)))
        .filter(move |(r, c)| *r < h && *c < w)
}

fn averages(planes: usize, [h, w]: [usize; 2], [size, stride, pad]: [usize; 3], counts: bool) -> Case {
    let out = |length: usize| (length + 2 * pad - size) / stride + 1;
    let (oh, ow) = (out(h), out(w));
    let x = wider(&numbers(h as u64, planes * h * w));
    let values = each(planes * oh * ow, |i| {
        let (p, r, c) = (i / (oh * ow), i / ow % oh * stride, i % ow * stride);
        let first = [r.wrapping_sub(pad), c.wrapping_sub(pad)];
        let inside: Vec<f64> = window(first, size, [h, w])
            .map(|(r, c)| x[(p * h + r) * w + c])
            .collect();
        let all = (size.min(h + 2 * pad - r)) * (size.min(w + 2 * pad - c));
        inside.iter().sum::<f64>() / if counts { all } else { inside.len() } as f64
    });
    case("avg_pool_2d", 2, 64)
        .read(&x.iter().map(|x| *x as f32).collect::<Vec<_>>())
        .writes(singles(values, 16.0, SUM))
        .ints(&[planes, h, w, oh, ow, size, stride, pad])
        .value(u8::from(counts))
}

fn in_three() -> Vec<Case> {
    let (planes, [nx, ny, nz]) = (2, [9, 7, 8]);
    let (size, stride) = (3, 2);
    let out = [nx, ny, nz].map(|n| (n - size) / stride + 1);
    let x = numbers(3, planes * nx * ny * nz);
    let place = |p: usize, x: usize, y: usize, z: usize| ((p * nz + z) * ny + y) * nx + x;
    let count = out.iter().product::<usize>();
    let most = each(planes * count, |i| {
        let (p, at) = (i / count, i % count);
        let [ox, oy, oz] = [at % out[0], at / out[0] % out[1], at / (out[0] * out[1])];
        let cube = (0..27).map(|k| (k % 3, k / 3 % 3, k / 9));
        cube.map(|(dx, dy, dz)| {
            x[place(p, ox * stride + dx, oy * stride + dy, oz * stride + dz)]
        })
        .fold(f32::MIN, f32::max)
    });
    let means = each(planes * 4 * 3 * 4, |i| {
        let (p, z, y, c) = (i / 48, i / 12 % 4, i / 4 % 3, i % 4);
        let cube = (0..8).map(|k| (2 * c + k % 2, 2 * y + k / 2 % 2, 2 * z + k / 4));
        cube.map(|(c, y, z)| f64::from(x[place(p, c, y, z)])).sum::<f64>() / 8.0
    });
    let sizes = |of: [usize; 3]| of.map(|n| n as i32);
    vec![
        case("max_pool_3d", blocks(planes * count, 32), 32)
            .read(&x)
            .writes(exactly(&most))
            .values(&sizes([nx, ny, nz]))
            .values(&sizes(out))
            .ints(&[size, stride, planes]),
        case("avg_pool_3d_cube", planes, (5, 4, 4))
            .read(&x)
            .writes(singles(means, 16.0, SUM))
            .ints(&[nz, ny, nx]),
    ]
}

fn planes(planes: usize, [h, w]: [usize; 2]) -> Vec<Case> {
    let x = numbers(w as u64, planes * h * w);
    let a = wider(&x);
    let (oh, ow) = (4, 3);
    let adaptive = each(planes * oh * ow, |i| {
        let (p, r, c) = (i / (oh * ow), i / ow % oh, i % ow);
        let rows = r * h / oh..((r + 1) * h).div_ceil(oh);
        let cols = c * w / ow..((c + 1) * w).div_ceil(ow);
        let count = (rows.len() * cols.len()) as f64;
        let of_row = |r: usize| cols.clone().map(move |c| (p * h + r) * w + c);
        rows.flat_map(of_row).map(|at| a[at]).sum::<f64>() / count
    });
    let global = a.chunks(h * w).map(|plane| plane.iter().sum::<f64>() / (h * w) as f64);
    let (uh, uw) = (2 * h + 1, 3 * w - 1);
    let (sy, sx) = (h as f32 / uh as f32, w as f32 / uw as f32);
    let larger = each(planes * uh * uw, |i| {
        let (p, r, c) = (i / (uh * uw), i / uw % uh, i % uw);
        let place = |at: usize, scale: f32| ((at as f64 + 0.5) * f64::from(scale) - 0.5).max(0.0);
        let (fy, fx) = (place(r, sy), place(c, sx));
        let row = |y: usize| {
            let at = |x: usize| a[(p * h + y.min(h - 1)) * w + x.min(w - 1)];
            let x0 = fx.floor();
            at(x0 as usize) * (1.0 - fx + x0) + at(x0 as usize + 1) * (fx - x0)
        };
        let y0 = fy.floor();
        row(y0 as usize) * (1.0 - fy + y0) + row(y0 as usize + 1) * (fy - y0)
    });
    vec![
        case("adaptive_avg_pool", planes, 32)
            .read(&x)
            .writes(singles(adaptive, 32.0, SUM))
            .ints(&[h, w, oh, ow]),
        case("global_avg_pool", blocks(planes, 3), 96)
            .read(&x)
            .writes(singles(global.collect(), 64.0, "a sum with cancellation"))
            .ints(&[planes, h * w])
            .mutant("global_avg_pool__mask_of_a_half"),
        case("upsample_bilinear", (uw.div_ceil(16), uh.div_ceil(8), planes), (16, 8))
            .read(&x)
            .writes(singles(larger, 256.0, "places have errors that grow with them"))
            .ints(&[h, w, uh, uw])
            .value(sy)
            .value(sx),
    ]
}

fn two_by_two(planes: usize, [h, w]: [usize; 2]) -> Case {
    let x = numbers(h as u64, planes * h * w);
    let half = w / 2;
    let most = each(planes * (h / 2) * half, |i| {
        let (p, r, c) = (i / (h / 2 * half), i / half % (h / 2), i % half);
        let of = |k: usize| x[(p * h + 2 * r + k / 2) * w + 2 * c + k % 2];
        (0..4).map(of).fold(f32::MIN, f32::max)
    });
    case("max_pool_2x2", (half.div_ceil(8), (h / 2).div_ceil(8), planes), (8, 8))
        .read(&x)
        .writes(exactly(&most))
        .ints(&[h, half])
}

fn gradient() -> Case {
    let (planes, out, length) = (3, 20, 23);
    let up = numbers(50, planes * out);
    // Windows of four with a step of one: the largest is one of four.
    let place = each(planes * out, |i| (i % out + i * 7 % 4) as i32);
    let mut down = vec![0.0; planes * length];
    for (i, at) in place.iter().enumerate() {
        down[i / out * length + *at as usize] += f64::from(up[i]);
    }
    case("max_pool_gradient", 2, 32)
        .read(&up)
        .read(&place)
        .changes(&vec![0.0_f32; planes * length], singles(down, 4.0, "sums of up to four"))
        .ints(&[planes, out, length])
        .any_order()
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [planes(5, [13, 9]), planes(2, [7, 33]), in_three()].concat();
    cases.extend([
        along_one(3, 40, [3, 2, 1, 1]),
        along_one(2, 33, [4, 1, 2, 3]),
        averages(3, [11, 14], [3, 2, 1], true),
        averages(3, [11, 14], [3, 2, 1], false),
        averages(1, [9, 5], [5, 1, 2], true),
        two_by_two(2, [9, 22]),
        gradient(),
    ]);
    cases
}
