//! The modelled cost against sums done by hand.

use crate::harness::{Arg, Bench, numbers, shape};
use cuda_sim::model::{
    A100, B200, CostError, H100, Limit, ModelledCost, Needs, Occupancy, Preset, Term, modelled_cost,
};
use cuda_sim::{Checks, Limits, Outcome, Shape};

fn close(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 1e-9,
        "{found}, not {expected}"
    );
}

fn occupancy(preset: &Preset, shape: Shape, registers: u32, shared_bytes: u32) -> Occupancy {
    preset.processor.occupancy(Needs {
        threads: shape.block.iter().product(),
        registers,
        shared_bytes,
    })
}

fn counting(mut bench: Bench) -> Bench {
    bench.limits = Limits {
        counters: true,
        checks: Checks::Memory,
        ..bench.limits
    };
    bench
}

fn patterns() -> Bench {
    counting(Bench::of_file("counted", "patterns"))
}

fn cost(preset: &Preset, shape: Shape, outcome: &Outcome) -> ModelledCost {
    let blocks = shape.grid.iter().map(|&count| u64::from(count)).product();
    modelled_cost(preset, &occupancy(preset, shape, 32, 0), blocks, outcome).unwrap()
}

/// Sixteen megabytes there and sixteen back.
fn copied() -> (Shape, Outcome) {
    let mut bench = patterns();
    let shape = shape(4096, 256);
    let x = bench.upload("x", &numbers(1, 1 << 22));
    let y = bench.empty("y", 1 << 24);
    let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(2)];
    (shape, bench.clean("four_at_once", shape, &args))
}

#[test]
fn what_moves_many_bytes_is_limited_by_memory() {
    let (shape, outcome) = copied();
    let bytes = f64::from(2 << 24);
    for preset in [A100, H100, B200] {
        let cost = cost(&preset, shape, &outcome);
        assert_eq!(cost.limited_by(), Limit::Memory, "{}", preset.name);
        let expected = bytes / preset.bandwidth * 1e6;
        close(cost.modelled_microseconds_of(Term::Bytes), expected);
        close(cost.modelled_microseconds_at_least(), expected);
        close(cost.modelled_microseconds(), expected + 2.0);
    }
    // 33.6 MB at 1555 GB/s; all of it in sectors from the second-level cache at
    // 5120 bytes a clock; 4 Mi multiplications at 19.5 TFLOP/s, on the busiest of
    // 108 processors 38 of 4096 blocks.
    let cost = cost(&A100, shape, &outcome);
    let tail = 38.0 * 108.0 / 4096.0;
    close(
        cost.modelled_microseconds_of(Term::Bytes),
        33.554_432 / 1.555,
    );
    let sectors = 33.554_432e6 / (5120.0 * 1.41e9) * 1e6;
    close(cost.modelled_microseconds_of(Term::Sectors), sectors);
    let arithmetic = f64::from(1 << 22) / 19.5e12 * tail * 1e6;
    close(cost.modelled_microseconds_of(Term::Arithmetic), arithmetic);
    assert!(cost.modelled_microseconds_of(Term::Shared) == 0.0);
    let text = cost.to_string();
    assert_eq!(text, "modelled 23.58 µs, limited by memory, not measured");
}

// 1024 blocks of eight warps, each of which reads four columns of a tile, 32
// words of one bank, and writes four rows: 32,768 × 33 passes.
#[test]
fn what_waits_for_one_bank_is_limited_by_shared_memory() {
    let mut bench = patterns();
    let shape = Shape {
        grid: [32, 32, 1],
        block: [32, 8, 1],
        dynamic_shared: 0,
    };
    let x = bench.upload("x", &numbers(1, 1 << 20));
    let y = bench.empty("y", 1 << 22);
    let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(1024)];
    let outcome = bench.clean("transpose_by_tiles", shape, &args);
    let tiles = cost(&A100, shape, &outcome);
    assert_eq!(tiles.limited_by(), Limit::Shared);
    let tail = 10.0 * 108.0 / 1024.0;
    let expected = 32_768.0 * 33.0 / (108.0 * 1.41e9) * tail * 1e6;
    close(tiles.modelled_microseconds_of(Term::Shared), expected);
    let outcome = bench.clean("transpose_by_padded_tiles", shape, &args);
    let padded = cost(&A100, shape, &outcome);
    assert_eq!(padded.limited_by(), Limit::Memory);
    let expected = expected * 2.0 / 33.0;
    close(padded.modelled_microseconds_of(Term::Shared), expected);
}

/// A kernel that repeats lines.
fn repeated(line: &str, times: usize) -> Bench {
    let head = "
.version 8.3
.target sm_80
.address_size 64
.visible .entry k(.param .u64 x)
{
    .reg .f32 %f<4>;
    .reg .b64 %rd<3>;
    mov.f32 %f1, 0f3F800000;
    mov.f32 %f2, 0f3F000000;
    ld.param.u64 %rd1, [x];
";
    let lines = format!("    {line}\n").repeat(times);
    counting(Bench::of_text(&format!("{head}{lines}    ret;\n}}")))
}

// 864 blocks of 256 threads, eight on each processor: no tail.
#[test]
fn what_computes_is_limited_by_that() {
    let shape = shape(864, 256);
    let run = |line: &str, times: usize| {
        let mut bench = repeated(line, times);
        let x = bench.upload("x", &[0_u64; 4]);
        cost(&A100, shape, &bench.clean("k", shape, &[Arg::Buffer(x)]))
    };
    let threads = 864.0 * 256.0;
    let fused = run("fma.rn.f32 %f1, %f1, %f2, %f2;", 400);
    assert_eq!(fused.limited_by(), Limit::Compute);
    let expected = threads * 800.0 / 19.5e12 * 1e6;
    close(fused.modelled_microseconds_of(Term::Arithmetic), expected);
    close(fused.modelled_microseconds_at_least(), expected);
    let issue = threads / 32.0 * 404.0 / (4.0 * 108.0 * 1.41e9) * 1e6;
    close(fused.modelled_microseconds_of(Term::Issue), issue);

    let special = run("ex2.approx.f32 %f3, %f1;", 100);
    assert_eq!(special.limited_by(), Limit::Compute);
    let expected = threads * 100.0 / (16.0 * 108.0 * 1.41e9) * 1e6;
    close(special.modelled_microseconds_of(Term::Special), expected);
}

// One warp: 200 reads of 400 clocks, four at once, and 204 instructions of four.
#[test]
fn a_warp_alone_is_limited_by_latency() {
    let shape = shape(1, 32);
    let mut bench = repeated("ld.global.u64 %rd2, [%rd1];", 200);
    let x = bench.upload("x", &[0_u64; 4]);
    let outcome = bench.clean("k", shape, &[Arg::Buffer(x)]);
    let cost = cost(&H100, shape, &outcome);
    assert_eq!(cost.limited_by(), Limit::Latency);
    let expected = (200.0 * 400.0 / 4.0 + 204.0 * 4.0) / 1.98e9 * 1e6;
    close(cost.modelled_microseconds_of(Term::Latency), expected);
}

#[test]
fn a_short_kernel_is_limited_by_its_launch() {
    let mut bench = repeated("ld.global.u64 %rd2, [%rd1];", 1);
    let x = bench.upload("x", &[0_u64; 4]);
    let shape = shape(1, 32);
    let outcome = bench.clean("k", shape, &[Arg::Buffer(x)]);
    assert_eq!(cost(&B200, shape, &outcome).limited_by(), Limit::Launch);
}

#[test]
fn what_has_no_cost() {
    let mut bench = repeated("ld.global.u64 %rd2, [%rd1+16];", 1);
    let shape = shape(1, 32);
    let right = Arg::Buffer(bench.upload("x", &[0_u64; 4]));
    let wrong = Arg::Buffer(bench.upload("short", &[0_u64; 1]));
    let of = |bench: &Bench, arg: &Arg, shared| {
        let outcome = bench.launch("k", shape, std::slice::from_ref(arg));
        modelled_cost(&A100, &occupancy(&A100, shape, 0, shared), 1, &outcome)
    };
    assert!(of(&bench, &right, 0).is_ok());
    assert_eq!(of(&bench, &right, 200 << 10), Err(CostError::NoRoom));
    assert!(matches!(of(&bench, &wrong, 0), Err(CostError::Ended(_))));
    bench.limits.counters = false;
    assert_eq!(of(&bench, &right, 0), Err(CostError::NotCounted));
}
