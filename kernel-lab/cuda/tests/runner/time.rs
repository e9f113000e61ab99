//! Timed calls: that they are done as calls are, each with a sample. How long they take is
//! the simulator's affair.

use kernel_cuda::wire::{Block, ChannelError, Fault, Program, Reply, Request, Step, Timing, Work};
use sandbox::ExitReason;

use crate::harness::{PTX, Runner, bits, floats, step};

/// One call on each of these slots, after one on each of `warm` that there is time for: one.
fn block(work: Work, warm: &[usize], counted: &[usize]) -> Block {
    Block {
        work,
        warm: warm.to_vec(),
        warm_ms: 0.0,
        counted: counted.to_vec(),
        flush: false,
        limit_ms: 60_000.0,
    }
}

fn plan(warm: &[usize], counted: &[usize]) -> Block {
    block(Work::Plan, warm, counted)
}

impl Runner {
    fn time(&mut self, block: Block) -> Timing {
        let counted = block.counted.clone();
        let timing = match self.ask(&Request::Time(block), &[]) {
            Reply::Timed(timing) => timing,
            other => panic!("{other:?}"),
        };
        let slots: Vec<_> = timing.samples.iter().map(|sample| sample.slot).collect();
        assert_eq!(slots, counted);
        for sample in &timing.samples {
            assert!(sample.event_ns > 0.0 && sample.wall_ns > 0.0, "{sample:?}");
            assert_eq!(sample.clocks, None);
        }
        timing
    }
}

#[test]
fn each_counted_slot_is_called_once_and_has_a_sample() {
    let mut runner = Runner::simulated("256MiB");
    let steps = vec![
        step("scale", 32, &[bits(2.0), 3]),
        step("scale", 32, &[bits(-1.5), 2]),
    ];
    runner.ready(&[floats(3, 4)], steps);
    for flush in [false, true] {
        for slot in 0..4 {
            runner.write(slot, &[1.0, 2.0, 3.0]);
        }
        let timing = runner.time(Block {
            flush,
            ..plan(&[1, 0], &[3, 2])
        });
        assert!(timing.graphed);
        assert_eq!(runner.floats(0, 3), [1.0, 2.0, 3.0]);
        for slot in 1..4 {
            assert_eq!(runner.floats(slot, 3), [-3.0, -6.0, 6.0], "{slot} {flush}");
        }
    }
    assert_eq!(runner.findings(), "");
}

#[test]
fn blocks_that_wait_for_each_other_are_timed_as_well() {
    let mut runner = Runner::simulated("64MiB");
    let large = Step {
        shared_bytes: 49152 + 16,
        cooperative: true,
        ..step("reversed", 4, &[])
    };
    runner.ready(&[floats(4, 2)], vec![large]);
    runner.write(0, &[1.0, 2.0, 3.0, 4.0]);
    runner.write(1, &[5.0, 6.0, 7.0, 8.0]);
    let timing = runner.time(plan(&[], &[1, 0, 1]));
    assert!(timing.graphed);
    assert_eq!(runner.floats(0, 4), [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(runner.floats(1, 4), [5.0, 6.0, 7.0, 8.0]);
    assert_eq!(runner.findings(), "");
}

#[test]
fn where_no_graph_can_be_made_kernels_are_launched_one_by_one() {
    for call in ["cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags"] {
        let failure = format!("{call}=CUDA_ERROR_NOT_SUPPORTED");
        let mut runner = Runner::simulated_with(&[("CUDA_SIM_FAIL", failure.as_str())]);
        let cooperative = Step {
            cooperative: true,
            ..step("scale", 32, &[bits(3.0), 2])
        };
        let steps = vec![step("scale", 32, &[bits(2.0), 2]), cooperative];
        runner.ready(&[floats(2, 2)], steps);
        runner.write(0, &[1.0, 2.0]);
        runner.write(1, &[1.0, 2.0]);
        for _ in 0..2 {
            let timing = runner.time(plan(&[0], &[1]));
            assert!(!timing.graphed, "{call}");
        }
        for slot in [0, 1] {
            assert_eq!(runner.floats(slot, 2), [36.0, 72.0], "{call}");
        }
        assert_eq!(runner.findings(), "");
    }
}

#[test]
fn a_launch_that_is_refused_leaves_the_runner_as_it_was() {
    let mut runner = Runner::simulated("64MiB");
    let clusters = Step {
        cluster: Some([1, 1, 1]),
        ..step("scale", 1, &[bits(1.0), 1])
    };
    let first = step("scale", 1, &[bits(2.0), 1]);
    runner.ready(&[floats(1, 1)], vec![first.clone(), clusters]);
    let text = runner.refused(&Request::Time(plan(&[], &[0])), &[]);
    let expected =
        "failed to run step 1 (kernel `scale`): cuLaunchKernelEx: CUDA_ERROR_NOT_SUPPORTED";
    assert!(text.starts_with(expected), "{text}");
    runner.ready(&[floats(1, 1)], vec![first]);
    runner.write(0, &[1.0]);
    assert!(runner.time(plan(&[], &[0])).graphed);
    assert_eq!(runner.floats(0, 1), [2.0]);
}

#[test]
fn graphs_are_of_the_module_and_the_memory_that_are_there() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![step("scale", 1, &[bits(1.0), 1]), step("count", 1, &[])];
    runner.ready(&[floats(1, 1)], steps.clone());
    let mut calls = Vec::new();
    for fresh in [false, false, true] {
        if fresh {
            runner.done(&Request::Load, PTX.as_bytes());
        }
        runner.write(0, &[0.0]);
        assert!(runner.time(plan(&[], &[0])).graphed);
        calls.push(runner.floats(0, 1)[0].to_bits());
    }
    assert_eq!(calls, [1, 2, 1]);
    runner.ready(&[floats(1 << 10, 2)], steps);
    runner.write(1, &[0.0]);
    runner.time(plan(&[], &[1]));
    assert_eq!(runner.floats(1, 1)[0].to_bits(), 1);
    assert_eq!(runner.findings(), "");
}

#[test]
fn a_copy_needs_no_plan() {
    let mut runner = Runner::simulated("256MiB");
    let opened = runner.ask(&Request::Open, &[]);
    assert!(matches!(opened, Reply::Opened(_)), "{opened:?}");
    for bytes in [1 << 20, 100_003] {
        for flush in [false, true] {
            let copy = block(Work::Copy { bytes }, &[0], &[0, 7]);
            let timing = runner.time(Block { flush, ..copy });
            assert!(!timing.graphed);
        }
    }
    let copy = |bytes| Request::Time(block(Work::Copy { bytes }, &[], &[0]));
    let text = runner.refused(&copy(0), &[]);
    assert!(text.contains("`work.copy.bytes` is 0"), "{text}");
    let text = runner.refused(&copy(1 << 30), &[]);
    let expected = "no 1073741824 bytes for the source of a copy";
    assert!(text.contains(expected), "{text}");
    runner.time(block(Work::Copy { bytes: 4096 }, &[], &[1]));
    assert_eq!(runner.findings(), "");
}

#[test]
fn without_memory_to_empty_the_cache_there_is_no_time() {
    let mut runner = Runner::simulated("64MiB");
    runner.ready(&[floats(1, 1)], vec![step("scale", 1, &[bits(1.0), 1])]);
    let flushed = Block {
        flush: true,
        ..plan(&[], &[0])
    };
    let text = runner.refused(&Request::Time(flushed), &[]);
    let expected = "the device has no 83886080 bytes for what empties the L2 cache (";
    assert!(text.starts_with(expected), "{text}");
    runner.write(0, &[1.0]);
    runner.time(plan(&[], &[0]));
}

#[test]
fn a_block_that_makes_no_sense_is_refused() {
    let mut runner = Runner::simulated("64MiB");
    let wrong = |change: fn(&mut Block)| {
        let mut block = plan(&[0], &[0]);
        change(&mut block);
        Request::Time(block)
    };
    let text = runner.refused(&Request::Time(plan(&[], &[0])), &[]);
    assert_eq!(text, "no context has been made");
    let opened = runner.ask(&Request::Open, &[]);
    assert!(matches!(opened, Reply::Opened(_)), "{opened:?}");
    let text = runner.refused(&Request::Time(plan(&[], &[0])), &[]);
    assert_eq!(text, "nothing is loaded");
    let text = runner.refused(&wrong(|block| block.warm_ms = -1.0), &[]);
    let expected = "`warm_ms` is -1; it is a number of milliseconds, 0 or more";
    assert_eq!(text, expected);
    let text = runner.refused(&wrong(|block| block.limit_ms = 1e300), &[]);
    assert!(text.starts_with("`limit_ms` is 1"), "{text}");
    let arranged = runner.ask(&Request::Arrange(Program::default()), &[]);
    assert!(matches!(arranged, Reply::Arranged(_)), "{arranged:?}");
}

#[test]
fn a_call_that_takes_too_long_ends_the_process() {
    let budget = ("CUDA_SIM_BUDGET", "1000000000000000");
    let mut runner = Runner::simulated_with(&[budget]);
    runner.ready(&[floats(1, 1)], vec![step("endless", 1, &[])]);
    let fault = runner.broken(&Request::Time(Block {
        limit_ms: 20.0,
        ..plan(&[], &[0])
    }));
    assert_eq!(fault.error, Fault::TIMEOUT);
    assert_eq!(fault.doing, "time a call on slot 0");
    assert!(fault.text.starts_with("it was not done after 20 ms"));
    assert!(!fault.is_of_the_machine());
    let gone = runner.channel.receive::<Reply>();
    assert!(matches!(gone, Err(ChannelError::Gone)), "{gone:?}");
    assert_eq!(runner.child.wait().unwrap(), ExitReason::Exited(0));
}

#[test]
fn what_ends_a_timed_call_has_the_drivers_name() {
    let access = step("scale", 4, &[bits(1.0), 4]);
    for (step, error) in [
        (access, "CUDA_ERROR_ILLEGAL_ADDRESS"),
        (step("endless", 1, &[]), "CUDA_ERROR_LAUNCH_TIMEOUT"),
    ] {
        let mut runner = Runner::simulated("64MiB");
        runner.ready(&[floats(3, 1)], vec![step]);
        runner.write(0, &[0.0; 3]);
        let fault = runner.broken(&Request::Time(plan(&[0], &[0])));
        assert_eq!(fault.error, error);
        assert_eq!(fault.doing, "time a call on slot 0");
        assert!(!fault.is_of_the_machine());
    }
}

#[test]
fn a_device_that_is_lost_while_it_is_timed_says_what_to_do() {
    let failure = "cuEventQuery=CUDA_ERROR_ECC_UNCORRECTABLE";
    let mut runner = Runner::simulated_with(&[("CUDA_SIM_FAIL", failure)]);
    runner.ready(&[floats(1, 1)], vec![step("scale", 1, &[bits(1.0), 1])]);
    let fault = runner.broken(&Request::Time(plan(&[], &[0])));
    assert_eq!(fault.error, "CUDA_ERROR_ECC_UNCORRECTABLE");
    assert!(fault.is_of_the_machine());
    assert!(fault.text.contains("`nvidia-smi --gpu-reset`"), "{fault:?}");
}
