//! Kernels with a bug, which must be found at its line, and kernels without,
//! in which nothing may be found.
//!
//! `tests/bugs/*.cu` mark a bug's line (`marks`). The PTX beside them was
//! compiled by NVRTC 13.0 for sm_80 with `-lineinfo`.

use crate::harness::{Arg, Bench, numbers, shape};
use crate::marks::{Marks, kernels};
use cuda_sim::{Outcome, Shape};

/// Elements of the buffers.
const N: usize = 101;

/// How a kernel is launched, by its name.
fn shape_of(kernel: &str) -> Shape {
    let flat = |block| shape(1, block);
    match kernel.trim_end_matches("_ok") {
        "transpose_without_barrier" => Shape {
            block: [16, 8, 1],
            ..flat(1)
        },
        "too_little_dynamic" => Shape {
            dynamic_shared: 256,
            ..flat(128)
        },
        "barrier_for_too_many"
        | "barrier_for_half_a_warp"
        | "barrier_that_there_is_not"
        | "warps_at_different_barriers"
        | "one_warp_stays_away"
        | "arrive_and_wait"
        | "nobody_arrives" => flat(64),
        "warp_without_barrier"
        | "shuffle_with_absent_lanes"
        | "shuffle_from_lanes_that_ended"
        | "mask_of_half_the_lanes"
        | "vote_in_a_branch"
        | "warp_barrier_in_a_branch"
        | "reduction_with_absent_lanes" => flat(32),
        "recursion_without_end" => flat(1),
        blocks if blocks.starts_with("blocks_") || is_cooperative(blocks) => shape(4, 32),
        lanes if lanes.starts_with("warp_fragment") => flat(32),
        _ => flat(128),
    }
}

fn launch(file: &str, kernel: &str, threads: Option<usize>) -> Outcome {
    let mut bench = Bench::of_file("bugs", file);
    bench.limits.budget = 1 << 18;
    bench.limits.counters = true;
    if let Some(threads) = threads {
        bench.limits.threads = threads;
    }
    let x = bench.upload("x", &numbers(3, N));
    let y = bench.empty("y", N * 4);
    if kernel.ends_with("_after_free") {
        bench.device.heap_mut().release(x.base()).unwrap();
    }
    let x = if kernel.starts_with("null_pointer") {
        Arg::U64(0)
    } else {
        Arg::Buffer(x)
    };
    let args = [x, Arg::Buffer(y), Arg::I32(N as i32)];
    if is_cooperative(kernel) {
        return bench
            .launch_together(kernel, shape_of(kernel), &args)
            .unwrap();
    }
    if kernel.starts_with("blocks_wait") {
        bench.limits.threads = 1;
    }
    bench.launch(kernel, shape_of(kernel), &args)
}

fn is_cooperative(kernel: &str) -> bool {
    kernel.starts_with("together_")
}

fn kernels_of(file: &str) -> Vec<(String, Marks)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bugs/");
    kernels(&std::fs::read_to_string(format!("{root}{file}.cu")).unwrap())
}

fn check(file: &str) {
    let mut wrong = Vec::new();
    for (kernel, marks) in kernels_of(file) {
        let outcome = launch(file, &kernel, None);
        let right = kernel.ends_with("_ok");
        assert_eq!(right, marks.is_empty(), "{kernel}");
        if let Err(error) = marks.judge(&outcome.findings, false) {
            wrong.push(format!("{kernel}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn memory() {
    check("memory");
}

#[test]
fn races() {
    check("races");
}

#[test]
fn races_between_blocks() {
    check("global");
}

#[test]
fn barriers() {
    check("barriers");
}

#[test]
fn copies() {
    check("copies");
}

#[test]
fn fragments() {
    check("fragments");
}

#[test]
fn blocks_that_wait_for_each_other() {
    check("together");
}

#[test]
fn memory_that_kernels_allocate() {
    check("heap");
}

#[test]
fn stacks() {
    check("stack");
}

/// All files.
const FILES: [&str; 10] = [
    "memory",
    "races",
    "global",
    "barriers",
    "together",
    "heap",
    "stack",
    "copies",
    "fragments",
    "control",
];

#[test]
fn one_thread_finds_the_same_every_time() {
    for file in FILES {
        for (kernel, _) in kernels_of(file) {
            let [first, second] = [0; 2].map(|_| launch(file, &kernel, Some(1)));
            assert_eq!(first.findings, second.findings, "{kernel}");
            assert_eq!(first.printed, second.printed, "{kernel}");
            assert_eq!(first.counts, second.counts, "{kernel}");
            assert_eq!(first.counters, second.counters, "{kernel}");
        }
    }
}

#[test]
fn control() {
    check("control");
}
