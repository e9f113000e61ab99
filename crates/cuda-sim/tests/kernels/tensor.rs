//! Kernels for tensor cores, with copies in the background. They are in
//! `tests/language/tensor.cu`, the PTX beside it was compiled by NVRTC 13.0
//! for sm_80.

use crate::harness::{Arg, Bench, close, download, narrow, numbers, shape, wide};
use cuda_sim::{Class, Shape};
use rustc_apfloat::Float;
use rustc_apfloat::ieee::{BFloat, Half};

fn bench() -> Bench {
    Bench::of_file("language", "tensor")
}

/// Numbers in a format of 16 bits, and what they stand for.
fn sixteen_bits<F>(seed: u64, count: usize) -> (Vec<u16>, Vec<f64>)
where
    F: Float + rustc_apfloat::FloatConvert<rustc_apfloat::ieee::Double>,
    rustc_apfloat::ieee::Single: rustc_apfloat::FloatConvert<F>,
{
    let bits: Vec<u16> = numbers(seed, count)
        .iter()
        .map(|x| narrow::<F>(*x))
        .collect();
    let values = bits.iter().map(|bits| wide::<F>(*bits)).collect();
    (bits, values)
}

/// `a·b`, of which `b` lies by rows or by columns.
fn product(a: &[f64], b: &[f64], [m, n, k]: [usize; 3], by_rows: bool) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for row in 0..m {
        for column in 0..n {
            let terms = (0..k).map(|at| {
                let b = if by_rows {
                    b[at * n + column]
                } else {
                    b[column * k + at]
                };
                a[row * k + at] * b
            });
            c[row * n + column] = terms.sum();
        }
    }
    c
}

fn tiles(x: usize, y: usize, block: u32) -> Shape {
    Shape {
        grid: [x as u32, y as u32, 1],
        ..shape(1, block)
    }
}

fn sizes([m, n, k]: [usize; 3]) -> [Arg; 3] {
    [m, n, k].map(|size| Arg::I32(size as i32))
}

#[test]
fn products_in_three_stages() {
    for size in [[64, 64, 32], [100, 72, 104], [33, 128, 8], [130, 8, 256]] {
        let [m, n, k] = size;
        let mut bench = bench();
        let (a, a_values) = sixteen_bits::<Half>(31, m * k);
        let (b, b_values) = sixteen_bits::<Half>(32, k * n);
        let c = bench.empty("C", m * n * 4);
        let [m_arg, n_arg, k_arg] = sizes(size);
        let args = [
            Arg::Buffer(bench.upload("A", &a)),
            Arg::Buffer(bench.upload("B", &b)),
            Arg::Buffer(c.clone()),
            m_arg,
            n_arg,
            k_arg,
        ];
        let (across, down) = (n.div_ceil(64), m.div_ceil(64));
        let outcome = bench.clean("hgemm", tiles(across, down, 128), &args);
        let expected = product(&a_values, &b_values, size, true);
        close(&download(&c), &expected, 1e-5, "C");
        // Eight times two by two products of 16 by 8 by 16, a warp and a step.
        let warps = across * down * 4 * k.div_ceil(32) * 2 * 8;
        assert_eq!(outcome.counts.of(Class::Tensor), (warps * 32) as u64);
        let flops = outcome.counts.flops;
        assert_eq!(flops, (warps * 2 * 16 * 8 * 16) as u64);
    }
}

#[test]
fn fragments_changed_one_by_one() {
    let size = [64, 48, 80];
    let [m, n, k] = size;
    let mut bench = bench();
    let (a, a_values) = sixteen_bits::<Half>(33, m * k);
    let (b, b_values) = sixteen_bits::<Half>(34, k * n);
    let start = numbers(35, m * n);
    let c = bench.upload("C", &start);
    let [m_arg, n_arg, k_arg] = sizes(size);
    let args = [
        Arg::Buffer(bench.upload("A", &a)),
        Arg::Buffer(bench.upload("B", &b)),
        Arg::Buffer(c.clone()),
        m_arg,
        n_arg,
        k_arg,
        Arg::F32(1.5),
        Arg::F32(-0.25),
    ];
    bench.clean("wmma_gemm", tiles(n / 16, m / 32, 64), &args);
    let expected = product(&a_values, &b_values, size, true);
    let expected = expected.iter().zip(&start);
    let expected: Vec<f64> = expected
        .map(|(product, start)| 1.5 * product - 0.25 * f64::from(*start))
        .collect();
    close(&download(&c), &expected, 1e-5, "C");
}

#[test]
fn fragments_of_bfloat16() {
    let size = [64, 24, 96];
    let [m, n, k] = size;
    let mut bench = bench();
    let (a, a_values) = sixteen_bits::<BFloat>(36, m * k);
    let (b, b_values) = sixteen_bits::<BFloat>(37, k * n);
    let c = bench.empty("C", m * n * 4);
    let args = [
        Arg::Buffer(bench.upload("A", &a)),
        Arg::Buffer(bench.upload("B", &b)),
        Arg::Buffer(c.clone()),
        Arg::I32(n as i32),
        Arg::I32(k as i32),
    ];
    bench.clean("wmma_bfloat", tiles(n / 8, m / 32, 32), &args);
    let expected = product(&a_values, &b_values, size, false);
    let expected: Vec<f64> = expected.iter().map(|x| x.max(0.0)).collect();
    close(&download(&c), &expected, 1e-5, "C");
}

#[test]
fn fragments_of_tf32() {
    // Ten bits of mantissa, ties away from zero: PTX ISA 9.1, 9.7.9.21.
    let rounded = |x: f32| {
        let unit = 2.0_f64.powi(f64::from(x).abs().log2().floor() as i32 - 10);
        (f64::from(x).abs() / unit).round() * unit * f64::from(x.signum())
    };
    let size = [32, 48, 40];
    let [m, n, k] = size;
    let mut bench = bench();
    let (a, b) = (numbers(38, m * k), numbers(39, k * n));
    let c = bench.empty("C", m * n * 4);
    let args = [
        Arg::Buffer(bench.upload("A", &a)),
        Arg::Buffer(bench.upload("B", &b)),
        Arg::Buffer(c.clone()),
        Arg::I32(n as i32),
        Arg::I32(k as i32),
    ];
    bench.clean("wmma_tf32", tiles(n / 16, m / 16, 32), &args);
    let [a, b] = [a, b].map(|values| values.into_iter().map(rounded).collect::<Vec<f64>>());
    close(&download(&c), &product(&a, &b, size, true), 1e-5, "C");
}

#[test]
fn fragments_of_bytes() {
    let size = [16, 64, 160];
    let [m, n, k] = size;
    let mut bench = bench();
    let bytes = |seed, count| -> Vec<i8> {
        let scaled = numbers(seed, count).into_iter().map(|x| (x * 128.0) as i8);
        scaled.collect()
    };
    let (a, b) = (bytes(40, m * k), bytes(41, n * k));
    let c = bench.empty("C", m * n * 4);
    let args = [
        Arg::Buffer(bench.upload("A", &a)),
        Arg::Buffer(bench.upload("B", &b)),
        Arg::Buffer(c.clone()),
        Arg::I32(n as i32),
        Arg::I32(k as i32),
    ];
    bench.clean("wmma_bytes", tiles(n / 32, m / 8, 32), &args);
    let [a, b] = [a, b].map(|bytes| bytes.into_iter().map(f64::from).collect::<Vec<f64>>());
    let expected = product(&a, &b, size, false);
    let expected: Vec<i32> = expected.iter().map(|x| *x as i32 + 7).collect();
    assert_eq!(download::<i32>(&c), expected);
}

#[test]
fn attention_on_the_fly() {
    const WIDE: usize = 64;
    for n in [16, 33, 100] {
        let mut bench = bench();
        let [q, k, v] = [42, 43, 44].map(|seed| sixteen_bits::<Half>(seed, n * WIDE));
        let o = bench.empty("O", n * WIDE * 4);
        let args = [
            Arg::Buffer(bench.upload("Q", &q.0)),
            Arg::Buffer(bench.upload("K", &k.0)),
            Arg::Buffer(bench.upload("V", &v.0)),
            Arg::Buffer(o.clone()),
            Arg::I32(n as i32),
            Arg::F32(0.125),
        ];
        bench.clean("attention", shape(n.div_ceil(16) as u32, 32), &args);
        let mut expected = vec![0.0; n * WIDE];
        for row in 0..n {
            let of = |values: &[f64], at: usize| values[at * WIDE..][..WIDE].to_vec();
            let scores: Vec<f64> = (0..=row)
                .map(|key| {
                    let both = of(&q.1, row).into_iter().zip(of(&k.1, key));
                    both.map(|(q, k)| q * k).sum::<f64>() * 0.125
                })
                .collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let total: f64 = scores.iter().map(|score| (score - most).exp()).sum();
            for (key, score) in scores.iter().enumerate() {
                let weight = (score - most).exp() / total;
                for (at, v) in of(&v.1, key).iter().enumerate() {
                    expected[row * WIDE + at] += weight * v;
                }
            }
        }
        // Weights are rounded to halves.
        close(&download(&o), &expected, 1e-3, "O");
    }
}

#[test]
fn copies_that_are_short() {
    let n = 16 * 20 + 5;
    let x: Vec<u8> = (0..n).map(|at| (at * 7 + 3) as u8).collect();
    let mut bench = bench();
    let y = bench.empty("y", 32 * 32);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(y.clone()),
        Arg::I32(n),
    ];
    bench.clean("short_copies", shape(1, 32), &args);
    let found: Vec<u8> = download(&y);
    for (i, row) in found.chunks(32).enumerate() {
        let byte = |at: usize| x.get(i * 16 + at).copied().unwrap_or(0);
        let first: Vec<u8> = (0..16).map(byte).collect();
        assert_eq!(row[..16], first, "thread {i}");
        // From 16 on the source is ignored.
        let second = if i < 16 { &x[..8] } else { &[0; 8] };
        assert_eq!(row[16..24], *second, "thread {i}");
        assert_eq!(row[24..28], x[4..8], "thread {i}");
        assert_eq!(row[28..], [0xff; 4], "thread {i}");
    }
}

#[test]
fn groups_of_each_thread() {
    let x: Vec<i32> = (0..101).map(|at| at * at).collect();
    let mut bench = bench();
    let y = bench.empty("y", 32 * 4);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(y.clone()),
        Arg::I32(101),
    ];
    bench.clean("groups", shape(1, 32), &args);
    for (i, found) in download::<i32>(&y).iter().enumerate() {
        let terms = [1, 10, 100, 1000].iter().enumerate();
        let terms = terms.filter(|(group, _)| i % 4 != *group);
        let expected: i32 = terms
            .map(|(group, by)| by * x[(group * 32 + i) % 101])
            .sum();
        assert_eq!(*found, expected, "thread {i}");
    }
}

/// A finding names the access, the copy, and what is missing.
#[test]
fn what_is_said_of_copies() {
    for (kernel, said) in [
        (
            "no_wait",
            "access before a copy has arrived in `no_wait` at kernel.cu:21: block (0,0,0), \
             thread (0,0,0) reads what it copies itself at kernel.cu:18 and has not waited for, \
             4 bytes at 0x0 (byte 0 of `s`, which has 512); 101 times",
        ),
        (
            "no_commit",
            "thread (0,0,0) reads what thread (1,0,0) copies at kernel.cu:40 and has not committed, \
             4 bytes at 0x4 (byte 4 of `s`, which has 512); 101 times",
        ),
        (
            "pipeline_without_wait",
            "thread (0,0,0) reads what it copies itself at kernel.cu:385",
        ),
    ] {
        let mut bench = Bench::of_file("bugs", "copies");
        let args = [
            Arg::Buffer(bench.upload("x", &numbers(3, 101))),
            Arg::Buffer(bench.empty("y", 404)),
            Arg::I32(101),
        ];
        let outcome = bench.launch(kernel, shape(1, 128), &args);
        let found: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|found| found.contains(said)), "{found:#?}");
    }
}
