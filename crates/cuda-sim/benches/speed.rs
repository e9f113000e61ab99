//! Thread-instructions per second of the given kernels.
//!
//! `cargo bench -p cuda-sim --bench speed [-- FILTER]`, on an otherwise idle
//! machine. Each launch is timed `SAMPLES` times after one that is not; the
//! table gives medians, and how far the middle half of the samples lies apart.
//! Nothing here is a time of a GPU.

#[path = "../tests/kernels/harness.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the tests' own: they use the rest of it, and may fail"
)]
mod harness;

use std::time::Instant;

use cuda_sim::{Limits, Shape};
use harness::{Arg, Bench, numbers, shape};

const SAMPLES: usize = 7;

/// A kernel with its arguments on a device.
struct Case {
    name: &'static str,
    bench: Bench,
    kernel: &'static str,
    shape: Shape,
    args: Vec<Arg>,
}

fn ints(values: &[i32]) -> impl Iterator<Item = Arg> {
    values.iter().map(|value| Arg::I32(*value))
}

/// Uploads inputs, makes room for outputs, and appends the numbers.
fn case(
    (name, kernel): (&'static str, &'static str),
    inputs: &[usize],
    outputs: &[usize],
    scalars: &[i32],
    shape: Shape,
) -> Case {
    let mut bench = Bench::of_file("given", name);
    let mut args = Vec::new();
    for (seed, count) in inputs.iter().enumerate() {
        args.push(Arg::Buffer(
            bench.upload("input", &numbers(seed as u64, *count)),
        ));
    }
    for bytes in outputs {
        args.push(Arg::Buffer(bench.upload("output", &vec![0_u8; *bytes])));
    }
    args.extend(ints(scalars));
    Case {
        name,
        bench,
        kernel,
        shape,
        args,
    }
}

fn tiles(grid: [u32; 3], block: [u32; 3]) -> Shape {
    Shape {
        grid,
        block,
        dynamic_shared: 0,
    }
}

fn cases() -> Vec<Case> {
    let m = 1 << 20;
    let mut cases = vec![
        case(
            ("01_relu_f4", "relu_kernel"),
            &[4 * m],
            &[16 * m],
            &[4 * m as i32],
            shape(1024, 256),
        ),
        case(
            ("02_gelu_act", "act_kernel"),
            &[m],
            &[4 * m],
            &[m as i32, 1],
            shape(1024, 256),
        ),
        case(
            ("03_fastmath", "fast"),
            &[m],
            &[4 * m],
            &[m as i32],
            shape(4096, 256),
        ),
        case(
            ("04_warp_reduce", "row_sum_max"),
            &[2 * m],
            &[8192, 8192],
            &[2048, 1024],
            shape(512, 128),
        ),
        case(
            ("05_block_reduce", "block_reduce_sum"),
            &[2 * m],
            &[4],
            &[2 * m as i32],
            shape(4096, 256),
        ),
        case(
            ("06_softmax_online", "softmax_online"),
            &[m],
            &[4 * m],
            &[512, 2048],
            Shape {
                dynamic_shared: 256,
                ..shape(512, 256)
            },
        ),
        case(
            ("08_sgemm_tiled", "sgemm_tiled"),
            &[1 << 16, 1 << 16],
            &[1 << 18],
            &[256, 256, 256],
            tiles([8, 8, 1], [32, 32, 1]),
        ),
        case(
            ("10_conv2d", "conv2d_direct"),
            &[16 * 4096, 16 * 16 * 9, 16],
            &[16 * 4096 * 4],
            &[1, 16, 64, 64, 16, 3, 3, 64, 64, 1, 1, 1, 1],
            shape(512, 128),
        ),
        case(
            ("11_maxpool", "maxpool2d"),
            &[16 * 256 * 256],
            &[16 * 128 * 128 * 4, 16 * 128 * 128 * 8],
            &[1, 16, 256, 256, 3, 2, 1, 128, 128],
            shape(1024, 256),
        ),
        case(
            ("12_argmax", "argmax_rows"),
            &[m],
            &[512 * 8],
            &[2048],
            shape(512, 256),
        ),
        case(
            ("15_half2", "half2_ops"),
            &[m / 2, m / 2],
            &[2 * m, 2 * m],
            &[m as i32 / 2],
            shape(m as u32 / 2 / 128, 128),
        ),
        case(
            ("22_batchnorm_welford", "bn_stats"),
            &[m],
            &[256, 256],
            &[16, 64, 1024],
            shape(64, 256),
        ),
        case(
            ("23_transpose_misc", "transpose"),
            &[m],
            &[4 * m],
            &[1024, 1024],
            tiles([32, 32, 1], [32, 8, 1]),
        ),
        case(
            ("23_transpose_misc", "conv1d_const"),
            &[m],
            &[4 * m],
            &[m as i32, 7],
            shape(8192, 128),
        ),
    ];
    let mut norm = case(
        ("07_layernorm", "layernorm"),
        &[m, 1024, 1024],
        &[4 * m],
        &[1024],
        shape(1024, 256),
    );
    norm.args.push(Arg::F32(1e-5));
    cases.insert(6, norm);
    cases.push(histogram());
    cases
}

fn histogram() -> Case {
    let mut bench = Bench::of_file("given", "14_atomics");
    let (n, bins) = (1 << 20, 256_usize);
    let x: Vec<i32> = numbers(1, n)
        .iter()
        .map(|x| ((x + 1.0) * 128.0) as i32)
        .collect();
    let mut args = vec![Arg::Buffer(bench.upload("x", &x))];
    for (name, bytes) in [("h", (bins + 3) * 4), ("mx", 4), ("ds", 8), ("cnt", 8)] {
        args.push(Arg::Buffer(bench.upload(name, &vec![0_u8; bytes])));
    }
    args.extend(ints(&[n as i32, bins as i32]));
    Case {
        name: "14_atomics",
        bench,
        kernel: "histo",
        shape: Shape {
            dynamic_shared: bins as u32 * 4,
            ..shape(256, 256)
        },
        args,
    }
}

/// Median and quartiles of the rate, in G thread-instructions per second.
fn rate(case: &mut Case, limits: Limits) -> [f64; 3] {
    case.bench.limits = limits;
    let mut rates: Vec<f64> = (0..=SAMPLES)
        .map(|_| {
            let start = Instant::now();
            let outcome = case.bench.launch(case.kernel, case.shape, &case.args);
            let seconds = start.elapsed().as_secs_f64();
            outcome.counts.instructions() as f64 / seconds / 1e9
        })
        .skip(1)
        .collect();
    rates.sort_by(f64::total_cmp);
    [
        rates[SAMPLES / 2],
        rates[SAMPLES / 4],
        rates[SAMPLES - 1 - SAMPLES / 4],
    ]
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let all = Limits {
        threads: 1,
        ..Limits::default()
    };
    let memory = Limits {
        checks: cuda_sim::Checks::Memory,
        ..all
    };
    let columns = [
        ("memory checks, 1 thread", memory),
        (
            "memory checks and counters, 1 thread",
            Limits {
                counters: true,
                ..memory
            },
        ),
        ("all checks, 1 thread", all),
        ("all checks, 2 threads", Limits { threads: 2, ..all }),
    ];
    println!("G thread-instructions per second, median [quartiles] of {SAMPLES} launches\n");
    print!("| kernel |");
    for (name, _) in &columns {
        print!(" {name} |");
    }
    println!("\n|---|---|---|---|---|");
    let mut logs = [0.0; 4];
    let mut count = 0_usize;
    for mut case in cases() {
        let name = format!("{} {}", case.name, case.kernel);
        if filter.as_ref().is_some_and(|part| !name.contains(part)) {
            continue;
        }
        print!("| {name} |");
        for ((_, limits), log) in columns.iter().zip(&mut logs) {
            let [median, low, high] = rate(&mut case, *limits);
            *log += median.ln();
            print!(" {median:.2} [{low:.2}, {high:.2}] |");
        }
        println!();
        count += 1;
    }
    if count > 0 {
        let [memory, counted, one, two] = logs.map(|log| (log / count as f64).exp());
        println!(
            "| geometric mean of {count} | {memory:.2} | {counted:.2} | {one:.2} | {two:.2} |"
        );
        println!("\n2 threads are {:.2} times as fast as one.", two / one);
    }
}
