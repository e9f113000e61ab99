//! Given kernels that use more of CUDA C++ than arithmetic on singles.

use crate::harness::{Arg, Bench, close, download, narrow, numbers, shape, wide};
use cuda_sim::{LoadError, Problem, Shape};
use rustc_apfloat::ieee::{BFloat, Double, Half, Single};
use rustc_apfloat::{Float, FloatConvert};

fn bench(name: &str) -> Bench {
    Bench::of_file("given", name)
}

#[test]
fn atomics_of_several_kinds() {
    let mut bench = bench("14_atomics");
    let (n, bins) = (3000_usize, 40_usize);
    let x: Vec<i32> = numbers(17, n)
        .iter()
        .map(|x| ((x + 1.0) * 20.0) as i32)
        .collect();
    let mut start = vec![0_i32; bins + 3];
    start[bins] = 1000;
    let h = bench.upload("h", &start);
    let mx = bench.upload("mx", &[-1.0_f32]);
    let ds = bench.upload("ds", &[0.0_f64]);
    let cnt = bench.upload("cnt", &[0_u64]);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(h.clone()),
        Arg::Buffer(mx.clone()),
        Arg::Buffer(ds.clone()),
        Arg::Buffer(cnt.clone()),
        Arg::I32(n as i32),
        Arg::I32(bins as i32),
    ];
    let shape = Shape {
        dynamic_shared: bins as u32 * 4,
        ..shape(4, 128)
    };
    bench.clean("histo", shape, &args);
    let found: Vec<i32> = download(&h);
    for (bin, found) in found.iter().enumerate().take(bins) {
        let expected = x.iter().filter(|x| **x == bin as i32).count();
        assert_eq!(*found, expected as i32, "bin {bin}");
    }
    assert_eq!(found[bins], *x.iter().min().unwrap());
    assert_eq!(
        found[bins + 1],
        x.iter().fold(0, |bits, x| bits | 1 << (x & 31))
    );
    assert!(x.contains(&found[bins + 2]));
    assert_eq!(download::<f32>(&mx), [*x.iter().max().unwrap() as f32]);
    assert_eq!(download::<f64>(&ds), [f64::from(x.iter().sum::<i32>())]);
    assert_eq!(download::<u64>(&cnt), [n as u64]);
}

#[test]
fn halves_two_at_a_time() {
    let mut bench = bench("15_half2");
    let n = 500;
    // A root is taken of every second one.
    let x: Vec<u16> = numbers(24, 2 * n)
        .iter()
        .map(|x| narrow::<Half>((x + 1.0) * 0.75))
        .collect();
    let y: Vec<u16> = numbers(25, 2 * n)
        .iter()
        .map(|x| narrow::<Half>(*x))
        .collect();
    let (c, f) = (bench.empty("c", 4 * n), bench.empty("f", 4 * n));
    let args = [
        Arg::Buffer(bench.upload("a", &x)),
        Arg::Buffer(bench.upload("b", &y)),
        Arg::Buffer(c.clone()),
        Arg::Buffer(f.clone()),
        Arg::I32(n as i32),
    ];
    bench.clean("half2_ops", shape(4, 128), &args);
    let mut sums = Vec::new();
    let mut pairs = Vec::new();
    for at in (0..2 * n).step_by(2) {
        let [x, y] = [&x, &y].map(|half| [wide::<Half>(half[at]), wide::<Half>(half[at + 1])]);
        let z = [0, 1].map(|k| (x[k] * y[k] + x[k] + y[k]).max(0.0) * (-x[k]).exp());
        sums.push(z[0] + z[1] + x[0] + x[1].sqrt() / 3.0);
        pairs.extend(if x[0] > 1.0 {
            [x[0] - y[0], x[1] - y[1]]
        } else {
            [z[0] * 2.0, z[1]]
        });
    }
    let found: Vec<f32> = download::<u16>(&c)
        .iter()
        .map(|bits| wide::<Half>(*bits) as f32)
        .collect();
    // Up to five roundings of numbers below 4 to eleven bits.
    close(&found, &pairs, 5.0 * 2.0_f64.powi(-10), "c");
    close(&download(&f), &sums, 6.0 * 2.0_f64.powi(-10), "f");
}

#[test]
fn bfloat16_one_and_two_at_a_time() {
    let mut bench = bench("16_bf16");
    let n = 100;
    let a: Vec<u16> = numbers(26, n)
        .iter()
        .map(|x| narrow::<BFloat>(x * 3.0))
        .collect();
    let b: Vec<u16> = numbers(27, 2 * n)
        .iter()
        .map(|x| narrow::<BFloat>(x * 3.0))
        .collect();
    let (c, d) = (bench.empty("c", 2 * n), bench.empty("d", 4 * n));
    let args = [
        Arg::Buffer(bench.upload("a", &a)),
        Arg::Buffer(bench.upload("b", &b)),
        Arg::Buffer(c.clone()),
        Arg::Buffer(d.clone()),
        Arg::I32(n as i32),
    ];
    // All add to what the first one writes.
    let outcome = bench.launch("bf16_ops", shape(1, 128), &args);
    for finding in &outcome.findings {
        let race = matches!(finding.problem, Problem::Race { .. });
        assert!(
            race && finding.touched.as_ref().unwrap().address == d.base(),
            "{finding}"
        );
    }
    assert!(!outcome.findings.is_empty());
    let found: Vec<f32> = download::<u16>(&c)
        .iter()
        .map(|bits| wide::<BFloat>(*bits) as f32)
        .collect();
    let expected: Vec<f64> = a
        .iter()
        .map(|bits| wide::<BFloat>(*bits))
        .map(|v| {
            if v < 0.0 {
                v * 0.01
            } else {
                v / (1.0 + (-v).exp())
            }
        })
        .collect();
    // One rounding to eight bits, of 0.01 another.
    close(&found, &expected, 2.0_f64.powi(-8), "c");
    // A sum and a fused product, rounded once: exact. Where the atomics go,
    // the order decides.
    for (at, bits) in download::<u16>(&d).iter().enumerate().skip(2) {
        let x = wide::<BFloat>(b[at]);
        let expected = narrow::<BFloat>((x * x + 2.0 * x).max(0.0) as f32);
        assert_eq!(*bits, expected, "d[{at}]");
    }
}

#[test]
fn a_transpose_a_constant_and_bits() {
    let mut bench = bench("23_transpose_misc");
    let (w, h) = (70, 45);
    let x = numbers(19, w * h);
    let out = bench.empty("out", w * h * 4);
    let args = [
        Arg::Buffer(bench.upload("in", &x)),
        Arg::Buffer(out.clone()),
        Arg::I32(w as i32),
        Arg::I32(h as i32),
    ];
    let tiles = Shape {
        grid: [3, 2, 1],
        block: [32, 8, 1],
        dynamic_shared: 0,
    };
    bench.clean("transpose", tiles, &args);
    let turned: Vec<f64> = (0..w)
        .flat_map(|col| (0..h).map(move |row| (row, col)))
        .map(|(row, col)| f64::from(x[row * w + col]))
        .collect();
    close(&download(&out), &turned, 0.0, "out");

    let weights = numbers(20, 64);
    let mut bytes = Vec::new();
    for weight in &weights {
        bytes.extend(weight.to_le_bytes());
    }
    bench.module.global("cw").unwrap().write(0, &bytes);
    let (n, k) = (200, 7);
    let y = bench.empty("y", n * 4);
    let args = [
        Arg::Buffer(bench.upload("x", &x[..n])),
        Arg::Buffer(y.clone()),
        Arg::I32(n as i32),
        Arg::I32(k as i32),
    ];
    bench.clean("conv1d_const", shape(2, 128), &args);
    let sums: Vec<f64> = (0..n)
        .map(|i| {
            let terms = (0..k).filter(|j| i + j < n);
            terms
                .map(|j| f64::from(x[i + j]) * f64::from(weights[j]))
                .sum()
        })
        .collect();
    close(&download(&y), &sums, 1e-6, "y");

    let n = 64;
    let x: Vec<u32> = numbers(21, n)
        .iter()
        .map(|x| x.to_bits() % 100_000)
        .collect();
    let q: Vec<i8> = (0..n).map(|at| (at as i8).wrapping_sub(30)).collect();
    let y = bench.empty("y", n * 4);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(y.clone()),
        Arg::Buffer(bench.upload("q", &q)),
        Arg::I32(n as i32),
    ];
    bench.clean("bits", shape(1, 64), &args);
    let found: Vec<u32> = download(&y);
    for (warp, lanes) in x.chunks(32).enumerate() {
        let ballot = lanes
            .iter()
            .enumerate()
            .fold(0, |bits, (lane, v)| bits | (v & 1) << lane);
        for (lane, &v) in lanes.iter().enumerate() {
            let dp4a = (0..4).fold(3_i32, |sum, at| {
                let byte = |word: u32| i32::from((word >> (at * 8)) as i8);
                sum + byte(v) * byte(ballot)
            });
            let same = lanes.iter().enumerate().filter(|(_, other)| **other == v);
            let same = same.fold(0_u32, |bits, (lane, _)| bits | 1 << lane);
            let terms = [
                ballot.count_ones(),
                v.leading_zeros(),
                if v == 0 { 0 } else { v.trailing_zeros() + 1 },
                v.reverse_bits(),
                v,
                dp4a.cast_unsigned(),
                ((u64::from(v) * 12345) >> 32) as u32,
                i32::from(q[warp * 32 + lane]).cast_unsigned(),
                ((u64::from(ballot) << 32 | u64::from(v)) << 7 >> 32) as u32,
                u32::from(lanes.iter().any(|v| *v > 3)),
                u32::from(lanes.iter().all(|v| *v < 99)),
                same,
                lanes.iter().fold(0, |sum, v| sum.wrapping_add(*v)),
                u32::MAX,
                v >> 5 & 0x3f,
            ];
            let expected = terms
                .iter()
                .fold(0_u32, |sum, term| sum.wrapping_add(*term));
            assert_eq!(
                found[warp * 32 + lane],
                expected,
                "thread {}",
                warp * 32 + lane
            );
        }
    }
}

#[test]
fn templates_for_singles_and_doubles() {
    let mut bench = bench("25_instancenorm_fused");
    let (n, c) = (1001_usize, 16_usize);
    let (x, b) = (numbers(22, n), numbers(23, c));
    let y = bench.empty("y", n * 4);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(bench.upload("b", &b)),
        Arg::Buffer(y.clone()),
        Arg::U64(n as u64),
        Arg::I32(c as i32),
    ];
    bench.clean("_Z8bias_actIfLi4ELb1EEvPKT_S2_PS0_mi", shape(4, 64), &args);
    let expected: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(at, x)| f64::from((x + b[at % c]).max(0.0)))
        .collect();
    close(&download(&y), &expected, 0.0, "y");

    let wide = |values: &[f32]| {
        values
            .iter()
            .map(|x| f64::from(*x) / 3.0)
            .collect::<Vec<f64>>()
    };
    let (x, b) = (wide(&x), wide(&b));
    let y = bench.empty("y", n * 8);
    let args = [
        Arg::Buffer(bench.upload("x", &x)),
        Arg::Buffer(bench.upload("b", &b)),
        Arg::Buffer(y.clone()),
        Arg::U64(n as u64),
        Arg::I32(c as i32),
    ];
    bench.clean("_Z8bias_actIdLi2ELb0EEvPKT_S2_PS0_mi", shape(8, 64), &args);
    let expected: Vec<f64> = x.iter().enumerate().map(|(at, x)| x + b[at % c]).collect();
    assert_eq!(download::<f64>(&y), expected);
}

#[test]
fn printing_and_asserting() {
    let mut bench = bench("27_printf_assert");
    let x = bench.upload("x", &[1.5_f32, 2.0, 3.0, 4.0]);
    let args = [Arg::Buffer(x), Arg::I32(4)];
    let outcome = bench.clean("dbg", shape(1, 4), &args);
    assert_eq!(
        String::from_utf8_lossy(&outcome.printed),
        "n=4 x=1.500000\n"
    );
    let outcome = bench.launch("dbg", shape(1, 5), &args);
    let fatal = outcome.fatal().unwrap();
    assert!(
        matches!(&fatal.problem, Problem::Assertion { text } if text == "i < n"),
        "{fatal}"
    );
    assert_eq!(fatal.thread, [4, 0, 0]);
}

#[test]
fn what_is_not_there_is_named() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/given/29_tma_wgmma_hopper.ptx"
    ));
    let mut device = cuda_sim::Device::new(1 << 20);
    let error = cuda_sim::Module::load(device.heap_mut(), &text.unwrap()).unwrap_err();
    assert!(matches!(error, LoadError::NotSimulable { .. }));
    assert_eq!(
        error.to_string(),
        "not simulable: mbarrier.init.shared::cta.b64 at line 45 of the PTX (kernel.cu:6)"
    );
}
