//! Steps, and what the device makes of them.

use kernel_cuda::wire::{Buffer, ChannelError, Place, Program, Reply, Request, Step};
use sandbox::ExitReason;

use crate::harness::{CALL, PTX, Runner, bits, call, floats, place, step};

#[test]
fn steps_run_in_order_on_the_slot_that_is_asked_for() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![
        step("scale", 32, &[bits(2.0), 3]),
        step("scale", 32, &[bits(-1.5), 2]),
    ];
    runner.ready(&[floats(3, 2)], steps);
    runner.write(0, &[1.0, 2.0, 3.0]);
    runner.write(1, &[4.0, 5.0, 6.0]);
    runner.done(&call(1, 0, usize::MAX), &[]);
    assert_eq!(runner.floats(0, 3), [1.0, 2.0, 3.0]);
    assert_eq!(runner.floats(1, 3), [-12.0, -15.0, 12.0]);
    runner.done(&call(0, 1, 1), &[]);
    assert_eq!(runner.floats(0, 3), [-1.5, -3.0, 3.0]);
    assert_eq!(runner.findings(), "");
}

#[test]
fn a_module_that_is_loaded_again_has_forgotten() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![step("scale", 1, &[bits(1.0), 1]), step("count", 1, &[])];
    runner.ready(&[floats(1, 1)], steps);
    let mut calls = Vec::new();
    for fresh in [false, false, true] {
        if fresh {
            runner.done(&Request::Load, PTX.as_bytes());
        }
        runner.write(0, &[0.0]);
        runner.done(&CALL, &[]);
        calls.push(runner.floats(0, 1)[0].to_bits());
    }
    assert_eq!(calls, [1, 2, 1]);
}

#[test]
fn an_illegal_access_ends_the_process_and_has_a_name() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![step("scale", 4, &[bits(1.0), 4])];
    runner.ready(&[floats(3, 1)], steps);
    runner.write(0, &[0.0; 3]);
    let fault = runner.broken(&CALL);
    assert_eq!(fault.error, "CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_eq!(fault.doing, "run step 1 (kernel `scale`)");
    assert!(runner.findings().contains("\"code\":\"out-of-bounds\""));
    let gone = runner.channel.receive::<Reply>();
    assert!(matches!(gone, Err(ChannelError::Gone)), "{gone:?}");
    assert_eq!(runner.child.wait().unwrap(), ExitReason::Exited(0));
}

#[test]
fn what_is_written_beside_a_buffer_lands_in_its_guard() {
    let mut runner = Runner::simulated("64MiB");
    let guarded = Buffer {
        guard_bytes: 64,
        ..floats(3, 1)
    };
    runner.ready(&[guarded], vec![step("scale", 4, &[bits(0.0), 4])]);
    let all = place(0, 64 + 12 + 64);
    runner.done(&Request::Write(all), &[0x41; 140]);
    runner.done(&CALL, &[]);
    let bytes = runner.read(all);
    assert!(bytes[..64].iter().all(|byte| *byte == 0x41));
    assert_eq!(bytes[64..80], [0; 16]);
    assert!(bytes[80..].iter().all(|byte| *byte == 0x41));
}

#[test]
fn shared_memory_beyond_48_kib_and_blocks_that_wait_for_each_other() {
    let mut runner = Runner::simulated("64MiB");
    let large = Step {
        shared_bytes: 49152 + 16,
        cooperative: true,
        ..step("reversed", 4, &[])
    };
    runner.ready(&[floats(4, 1)], vec![large]);
    runner.write(0, &[1.0, 2.0, 3.0, 4.0]);
    runner.done(&CALL, &[]);
    assert_eq!(runner.floats(0, 4), [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(runner.findings(), "");
}

#[test]
fn what_the_device_refuses_leaves_the_runner_as_it_was() {
    let mut runner = Runner::simulated("16MiB");
    let has = |text: String, words: &[&str]| {
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    let clusters = Step {
        cluster: Some([1, 1, 1]),
        ..step("scale", 1, &[bits(1.0), 1])
    };
    runner.ready(&[floats(1, 1)], vec![clusters]);
    has(
        runner.refused(&CALL, &[]),
        &["step 1 (kernel `scale`)", "CUDA_ERROR_NOT_SUPPORTED"],
    );
    let huge = Program {
        buffers: vec![floats(1 << 23, 1)],
        ..Program::default()
    };
    has(
        runner.refused(&Request::Arrange(huge), &[]),
        &[
            "no 33554432 bytes for copy 1 of 1 of buffer 0 (",
            " of 16 MiB are free): cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY",
            "`nvidia-smi`",
        ],
    );
    let one = |kernel: &str| Program {
        buffers: vec![floats(1, 1)],
        prepare: Vec::new(),
        steps: vec![step(kernel, 1, &[bits(1.0), 1])],
    };
    runner.ask(&Request::Arrange(one("scales")), &[]);
    has(
        runner.refused(&Request::Load, PTX.as_bytes()),
        &["there is no kernel `scales`"],
    );
    let nonsense = b".version 8.3\n.target sm_80\n.entry";
    has(
        runner.refused(&Request::Load, nonsense),
        &["CUDA_ERROR_INVALID_PTX", "line 3"],
    );
    has(runner.refused(&CALL, &[]), &["nothing is loaded"]);
    let far = Request::Write(Place {
        at: u64::MAX,
        ..place(0, 4)
    });
    has(runner.refused(&far, &[0; 4]), &["no 4 bytes"]);
    runner.ask(&Request::Arrange(one("scale")), &[]);
    runner.done(&Request::Load, PTX.as_bytes());
    runner.write(0, &[1.0]);
    runner.done(&CALL, &[]);
}

#[test]
fn a_device_says_what_it_is() {
    let mut runner = Runner::simulated("64MiB");
    let Reply::Opened(facts) = runner.ask(&Request::Open, &[]) else {
        panic!("there is a simulator")
    };
    assert_eq!((facts.capability, facts.l2_bytes), ((8, 0), 40 << 20));
    let uuid = facts.uuid.expect("it has one");
    assert!(uuid.starts_with("GPU-63756461-2d73-696d-"), "{uuid}");
    assert_eq!(facts.nvml, None);
}

#[test]
fn a_kernel_that_never_ends_is_found() {
    let mut runner = Runner::simulated("64MiB");
    runner.ready(&[floats(1, 1)], vec![step("endless", 1, &[])]);
    let fault = runner.broken(&CALL);
    assert_eq!(fault.error, "CUDA_ERROR_LAUNCH_TIMEOUT");
    assert!(runner.findings().contains("\"code\":\"too-long\""));
}
