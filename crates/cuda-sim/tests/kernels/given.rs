//! Kernels as people write them, compiled by NVRTC 13.0, against references in
//! double.

use crate::harness::{Arg, Bench, close, download, numbers, shape};
use cuda_sim::Shape;

fn bench(name: &str) -> Bench {
    Bench::of_file("given", name)
}

#[test]
fn relu_in_vectors() {
    let mut bench = bench("01_relu_f4");
    let n = 10_007;
    let x = numbers(1, n);
    let input = bench.upload("x", &x);
    let output = bench.empty("y", n * 4);
    let args = [
        Arg::Buffer(input),
        Arg::Buffer(output.clone()),
        Arg::I32(n as i32),
    ];
    bench.clean("relu_kernel", shape(7, 256), &args);
    let expected: Vec<f64> = x.iter().map(|x| f64::from(x.max(0.0))).collect();
    close(&download(&output), &expected, 0.0, "y");
}

#[test]
fn activations() {
    let n = 1000;
    let x: Vec<f32> = numbers(2, n).iter().map(|x| x * 9.0).collect();
    let erf = |x: f64| {
        // The series of Abramowitz and Stegun, 7.1.6.
        if x.abs() > 5.0 {
            return x.signum();
        }
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        sum * (-x * x).exp() * 2.0 / std::f64::consts::PI.sqrt()
    };
    let softplus = |x: f64| if x > 20.0 { x } else { x.exp().ln_1p() };
    let modes: [&dyn Fn(f64) -> f64; 8] = [
        &|x| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x)).tanh()),
        &|x| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        &|x| x / (1.0 + (-x).exp()),
        &softplus,
        &|x| x * softplus(x).tanh(),
        &|x| {
            if x > 0.0 {
                1.0507 * x
            } else {
                1.0507 * 1.67326 * x.exp_m1()
            }
        },
        &|x| x / (1.0 + x.abs()),
        &|x| (x / 6.0 + 0.5).clamp(0.0, 1.0),
    ];
    let mut bench = bench("02_gelu_act");
    let input = bench.upload("x", &x);
    let output = bench.empty("y", n * 4);
    for (mode, f) in modes.iter().enumerate() {
        let args = [
            Arg::Buffer(input.clone()),
            Arg::Buffer(output.clone()),
            Arg::I32(n as i32),
            Arg::I32(mode as i32),
        ];
        bench.clean("act_kernel", shape(4, 256), &args);
        let expected: Vec<f64> = x.iter().map(|x| f(f64::from(*x))).collect();
        close(&download(&output), &expected, 2e-6, &format!("mode {mode}"));
    }
}

#[test]
fn fast_functions() {
    let mut bench = bench("03_fastmath");
    let n = 777;
    let x: Vec<f32> = numbers(3, n).iter().map(|x| x * 2.9).collect();
    let input = bench.upload("x", &x);
    let output = bench.empty("y", n * 4);
    let args = [
        Arg::Buffer(input),
        Arg::Buffer(output.clone()),
        Arg::I32(n as i32),
    ];
    bench.clean("fast", shape(4, 256), &args);
    let expected: Vec<f64> = x
        .iter()
        .map(|x| {
            let v = f64::from(*x);
            let e = v.exp();
            e / (1.0 + e)
                + v.sin() * v.cos()
                + (v.abs() + 1.0).ln()
                + 1.0 / (v * v + 1.0).sqrt()
                + v.abs().sqrt()
                + v.abs().powf(1.5)
                + v.exp2()
                + 1.0 / (v + 3.0)
        })
        .collect();
    close(&download(&output), &expected, 5e-6, "y");
}

#[test]
fn sums_and_maxima_of_rows_by_shuffles() {
    let mut bench = bench("04_warp_reduce");
    let (rows, cols) = (13, 301);
    let x = numbers(4, rows * cols);
    let input = bench.upload("x", &x);
    let sums = bench.empty("s", rows * 4);
    let maxima = bench.empty("m", rows * 4);
    let args = [
        Arg::Buffer(input),
        Arg::Buffer(sums.clone()),
        Arg::Buffer(maxima.clone()),
        Arg::I32(rows as i32),
        Arg::I32(cols as i32),
    ];
    bench.clean("row_sum_max", shape(4, 128), &args);
    let rows = || x.chunks(cols).map(|row| row.iter().map(|x| f64::from(*x)));
    let sum: Vec<f64> = rows().map(Iterator::sum).collect();
    let most: Vec<f64> = rows().map(|row| row.fold(f64::MIN, f64::max)).collect();
    close(&download(&sums), &sum, 1e-5, "s");
    close(&download(&maxima), &most, 0.0, "m");
}

#[test]
fn a_sum_over_blocks() {
    let mut bench = bench("05_block_reduce");
    let n = 5000_usize;
    let x = numbers(5, n);
    let input = bench.upload("x", &x);
    let output = bench.upload("y", &[0.0_f32]);
    let args = [
        Arg::Buffer(input),
        Arg::Buffer(output.clone()),
        Arg::I32(n as i32),
    ];
    bench.clean("block_reduce_sum", shape(10, 256), &args);
    let expected = x.iter().map(|x| f64::from(*x)).sum();
    close(&download(&output), &[expected], 1e-4, "y");
}

#[test]
fn softmax_in_one_pass() {
    let mut bench = bench("06_softmax_online");
    let (rows, cols) = (9, 1000);
    let x: Vec<f32> = numbers(6, rows * cols).iter().map(|x| x * 5.0).collect();
    let input = bench.upload("in", &x);
    let output = bench.empty("out", rows * cols * 4);
    let args = [
        Arg::Buffer(input),
        Arg::Buffer(output.clone()),
        Arg::I32(rows as i32),
        Arg::I32(cols as i32),
    ];
    let shape = Shape {
        dynamic_shared: 256,
        ..shape(rows as u32, 256)
    };
    bench.clean("softmax_online", shape, &args);
    let expected: Vec<f64> = x
        .chunks(cols)
        .flat_map(|row| {
            let sum: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
            row.iter()
                .map(move |x| f64::from(*x).exp() / sum)
                .collect::<Vec<_>>()
        })
        .collect();
    close(&download(&output), &expected, 1e-6, "out");
}

#[test]
fn layer_norm() {
    let mut bench = bench("07_layernorm");
    let (rows, d) = (5, 768);
    let x = numbers(7, rows * d);
    let (g, b) = (numbers(8, d), numbers(9, d));
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(bench.upload("g", &g)),
        Arg::Buffer(bench.upload("b", &b)),
        Arg::Buffer(bench.empty("y", rows * d * 4)),
        Arg::I32(d as i32),
        Arg::F32(1e-5),
    ];
    bench.clean("layernorm", shape(rows as u32, 256), &args);
    let mut expected = Vec::new();
    for row in x.chunks(d) {
        let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / d as f64;
        let var = row
            .iter()
            .map(|x| (f64::from(*x) - mean).powi(2))
            .sum::<f64>()
            / d as f64;
        for (at, x) in row.iter().enumerate() {
            let unit = (f64::from(*x) - mean) / (var + 1e-5).sqrt();
            expected.push(unit * f64::from(g[at]) + f64::from(b[at]));
        }
    }
    let Arg::Buffer(y) = &args[3] else {
        unreachable!()
    };
    close(&download(y), &expected, 5e-6, "y");
}

#[test]
fn a_product_in_tiles() {
    let mut bench = bench("08_sgemm_tiled");
    let (m, n, k) = (70, 50, 45);
    let (a, b) = (numbers(10, m * k), numbers(11, k * n));
    let c = bench.empty("C", m * n * 4);
    let args = [
        Arg::Buffer(bench.upload("A", &a)),
        Arg::Buffer(bench.upload("B", &b)),
        Arg::Buffer(c.clone()),
        Arg::I32(m as i32),
        Arg::I32(n as i32),
        Arg::I32(k as i32),
    ];
    let shape = Shape {
        grid: [2, 3, 1],
        block: [32, 32, 1],
        dynamic_shared: 0,
    };
    bench.clean("sgemm_tiled", shape, &args);
    let mut expected = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            let terms = (0..k).map(|l| f64::from(a[i * k + l]) * f64::from(b[l * n + j]));
            expected[i * n + j] = terms.sum();
        }
    }
    close(&download(&c), &expected, 1e-5, "C");
}

#[test]
fn a_convolution() {
    let mut bench = bench("10_conv2d");
    let [n, c, h, w, k, r, s] = [2_usize, 4, 9, 8, 6, 3, 3];
    let (stride, pad, dil, groups) = (2_usize, 1_usize, 1_usize, 2_usize);
    let (p, q) = (
        (h + 2 * pad - r) / stride + 1,
        (w + 2 * pad - s) / stride + 1,
    );
    let input = numbers(12, n * c * h * w);
    let weight = numbers(13, k * (c / groups) * r * s);
    let bias = numbers(14, k);
    let out = bench.empty("out", n * k * p * q * 4);
    let mut args = vec![
        Arg::Buffer(bench.upload("in", &input)),
        Arg::Buffer(bench.upload("w", &weight)),
        Arg::Buffer(bench.upload("bias", &bias)),
        Arg::Buffer(out.clone()),
    ];
    args.extend([n, c, h, w, k, r, s, p, q, stride, pad, dil, groups].map(|x| Arg::I32(x as i32)));
    let total = (n * k * p * q) as u32;
    bench.clean("conv2d_direct", shape(total.div_ceil(128), 128), &args);
    let mut expected = Vec::new();
    let per_group = c / groups;
    for (image, channel) in (0..n).flat_map(|i| (0..k).map(move |o| (i, o))) {
        let group = channel / (k / groups);
        for (y, x) in (0..p).flat_map(|y| (0..q).map(move |x| (y, x))) {
            let mut sum = f64::from(bias[channel]);
            for (i, a, b) in (0..per_group)
                .flat_map(|i| (0..r).flat_map(move |a| (0..s).map(move |b| (i, a, b))))
            {
                let (row, col) = (
                    (y * stride + a).wrapping_sub(pad),
                    (x * stride + b).wrapping_sub(pad),
                );
                if row < h && col < w {
                    let at = ((image * c + group * per_group + i) * h + row) * w + col;
                    let weight = weight[((channel * per_group + i) * r + a) * s + b];
                    sum += f64::from(input[at]) * f64::from(weight);
                }
            }
            expected.push(sum);
        }
    }
    close(&download(&out), &expected, 1e-5, "out");
}

#[test]
fn pooling_with_indices() {
    let mut bench = bench("11_maxpool");
    let [n, c, h, w] = [2_usize, 3, 10, 11];
    let (k, s, p) = (3_usize, 2_usize, 1_usize);
    let (oh, ow) = ((h + 2 * p - k) / s + 1, (w + 2 * p - k) / s + 1);
    let x = numbers(15, n * c * h * w);
    let count = n * c * oh * ow;
    let (out, ind) = (bench.empty("out", count * 4), bench.empty("ind", count * 8));
    let mut args = vec![
        Arg::Buffer(bench.upload("in", &x)),
        Arg::Buffer(out.clone()),
        Arg::Buffer(ind.clone()),
    ];
    args.extend([n, c, h, w, k, s, p, oh, ow].map(|x| Arg::I32(x as i32)));
    bench.clean("maxpool2d", shape(3, 256), &args);
    let (out, ind): (Vec<f32>, Vec<i64>) = (download(&out), download(&ind));
    for at in 0..count {
        let (plane, y, x0) = (at / (oh * ow), at / ow % oh, at % ow);
        let mut best = (f32::MIN, 0);
        for (a, b) in (0..k).flat_map(|a| (0..k).map(move |b| (a, b))) {
            let (row, col) = ((y * s + a).wrapping_sub(p), (x0 * s + b).wrapping_sub(p));
            if row < h && col < w && x[(plane * h + row) * w + col] > best.0 {
                best = (x[(plane * h + row) * w + col], row * w + col);
            }
        }
        assert_eq!((out[at], ind[at]), (best.0, best.1 as i64), "{at}");
    }
}

#[test]
fn the_place_of_the_largest() {
    let mut bench = bench("12_argmax");
    let (rows, cols) = (6, 500);
    let mut x = numbers(16, rows * cols);
    // Ties: the first counts.
    x[17] = 2.0;
    x[400] = 2.0;
    let out = bench.empty("out", rows * 8);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(out.clone()),
        Arg::I32(cols as i32),
    ];
    bench.clean("argmax_rows", shape(rows as u32, 256), &args);
    let expected: Vec<i64> = x
        .chunks(cols)
        .map(|row| {
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            row.iter()
                .position(|x| x.to_bits() == most.to_bits())
                .unwrap() as i64
        })
        .collect();
    assert_eq!(download::<i64>(&out), expected);
}

#[test]
fn welford_over_channels() {
    let mut bench = bench("22_batchnorm_welford");
    let (n, c, hw) = (4, 5, 60);
    let x = numbers(18, n * c * hw);
    let (mean, var) = (bench.empty("mean", c * 4), bench.empty("var", c * 4));
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(mean.clone()),
        Arg::Buffer(var.clone()),
        Arg::I32(n as i32),
        Arg::I32(c as i32),
        Arg::I32(hw as i32),
    ];
    bench.clean("bn_stats", shape(c as u32, 256), &args);
    let mut expected = [Vec::new(), Vec::new()];
    for channel in 0..c {
        let of = |image: usize| &x[(image * c + channel) * hw..][..hw];
        let all: Vec<f64> = (0..n).flat_map(of).map(|x| f64::from(*x)).collect();
        let m = all.iter().sum::<f64>() / all.len() as f64;
        expected[0].push(m);
        expected[1].push(all.iter().map(|x| (x - m).powi(2)).sum::<f64>() / all.len() as f64);
    }
    close(&download(&mean), &expected[0], 1e-6, "mean");
    close(&download(&var), &expected[1], 1e-6, "var");
}
