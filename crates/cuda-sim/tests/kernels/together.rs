//! Launches whose blocks are all there at once. The PTX beside
//! `language/together.cu` is what NVRTC 13.0 makes of it for sm_80 with the headers
//! of CUDA 13.0, without the variables of `cuda::std` that nobody uses.

use crate::harness::{Arg, Bench, download, nothing_found, shape};
use cuda_sim::model::{A100, H100, Needs};
use cuda_sim::{LaunchError, Problem, Shape};

fn bench() -> Bench {
    let mut bench = Bench::of_file("language", "together");
    bench.limits.budget = 1 << 20;
    bench
}

fn integers(count: usize) -> Vec<i32> {
    (0..count as i32).map(|i| (i * 37 + 11) % 101).collect()
}

#[test]
fn grid_sync_of_cooperative_groups() {
    for (blocks, threads, host) in [(1, 64, 1), (7, 96, 1), (12, 64, 3), (40, 32, 2)] {
        let mut bench = bench();
        bench.limits.threads = host;
        let n = (blocks * threads - 5) as usize;
        let mut expected = integers(n);
        let x = bench.upload("x", &expected);
        let y = bench.empty("y", n * 4);
        let sums = bench.empty("sums", blocks as usize * 5 * 4);
        let args = [
            Arg::Buffer(x),
            Arg::Buffer(y.clone()),
            Arg::Buffer(sums.clone()),
            Arg::I32(n as i32),
        ];
        let shape = shape(blocks, threads);
        let outcome = bench.launch_together("rounds", shape, &args).unwrap();
        nothing_found("rounds", &outcome);
        let mut totals = Vec::new();
        for _ in 0..5 {
            let total: i32 = expected.iter().sum();
            totals.push(total);
            for value in &mut expected {
                *value = (*value + total) % 1009;
            }
        }
        assert_eq!(download::<i32>(&y), expected);
        assert_eq!(download::<i32>(&sums), totals.repeat(blocks as usize));
    }
}

#[test]
fn barriers_of_a_kernels_own() {
    for threads in [1, 2] {
        let mut bench = bench();
        bench.limits.threads = threads;
        let mut expected = integers(1000);
        let x = bench.upload("x", &expected);
        let y = bench.empty("y", 4000);
        let args = [Arg::Buffer(x), Arg::Buffer(y.clone()), Arg::I32(1000)];
        let outcome = bench.launch_together("own_barrier", shape(16, 64), &args);
        nothing_found("own_barrier", &outcome.unwrap());
        expected.reverse();
        assert_eq!(download::<i32>(&y), expected);
    }
}

#[test]
fn blocks_in_a_row() {
    let mut bench = bench();
    let x = integers(50);
    let buffer = bench.upload("x", &x);
    let y = bench.empty("y", 200);
    let turn = bench.upload("turn", &[0_i32]);
    let args = [
        Arg::Buffer(buffer),
        Arg::Buffer(y.clone()),
        Arg::Buffer(turn),
    ];
    let outcome = bench.launch_together("one_after_the_other", shape(50, 32), &args);
    nothing_found("one_after_the_other", &outcome.unwrap());
    let mut sum = 0;
    let expected = x.iter().map(|x| {
        sum += x;
        sum
    });
    assert_eq!(download::<i32>(&y), expected.collect::<Vec<_>>());
}

// Blocks of an ordinary launch need not all have begun: cooperative groups
// refuse to wait there, and who waits by himself does so in vain.
#[test]
fn waiting_in_an_ordinary_launch() {
    let mut bench = bench();
    bench.limits.threads = 1;
    let x = bench.upload("x", &integers(128));
    let y = bench.empty("y", 512);
    let sums = bench.empty("sums", 80);
    let args = [
        Arg::Buffer(x.clone()),
        Arg::Buffer(y.clone()),
        Arg::Buffer(sums),
        Arg::I32(128),
    ];
    let outcome = bench.launch("rounds", shape(4, 32), &args);
    assert_eq!(outcome.fatal().unwrap().problem, Problem::Trap);

    let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(128)];
    let outcome = bench.launch("own_barrier", shape(4, 32), &args);
    let found = outcome.fatal().unwrap();
    let expected = Problem::TooLong {
        budget: 1 << 20,
        waits: Some(3),
    };
    assert_eq!(found.problem, expected);
    let text = found.to_string();
    assert!(
        text.starts_with(
            "more than 1048576 instructions, waiting for a change by others while 3 blocks have not begun in `own_barrier`"
        ),
        "{text}"
    );
}

#[test]
fn grids_that_are_too_large() {
    let mut bench = bench();
    let x = bench.upload("x", &integers(8));
    let y = bench.empty("y", 32);
    let args = [Arg::Buffer(x), Arg::Buffer(y), Arg::I32(8)];
    let mut refused = |blocks, block, registers, processor| {
        bench.limits.registers = registers;
        bench.limits.processor = processor;
        let shape = Shape {
            grid: [blocks, 2, 1],
            block: [block, 1, 1],
            dynamic_shared: 0,
        };
        bench.launch_together("own_barrier", shape, &args).err()
    };
    // 108 processors with two blocks of 1024 threads, or 16 of 128.
    let most = |blocks, most| Some(LaunchError::NotResident { blocks, most });
    assert_eq!(refused(108, 1024, 0, A100.processor), None);
    assert_eq!(refused(109, 1024, 0, A100.processor), most(218, 216));
    assert_eq!(refused(108, 1024, 40, A100.processor), most(216, 108));
    assert_eq!(refused(1000, 128, 0, H100.processor), most(2000, 16 * 108));
    let needs = Needs {
        threads: 1024,
        registers: 40,
        shared_bytes: 0,
    };
    assert_eq!(A100.processor.occupancy(needs).blocks(), 1);
}
