//! Machines on which nothing can run, or not any more: what is said, and what to do.

use std::os::unix::fs::symlink;

use kernel_cuda::wire::{Fault, Program, Reply, Request};
use sandbox::Policy;

use crate::harness::{CALL, PTX, Runner, bits, floats, step};

#[test]
fn without_a_driver_that_is_what_it_says() {
    if std::path::Path::new("/dev/nvidiactl").exists() {
        eprintln!("skipped: this machine has a GPU");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut runner = Runner::start(Policy::trusted(), folder);
    let text = runner.refused(&Request::Open, &[]);
    assert!(text.contains("libcuda.so.1 can't be loaded"), "{text}");
}

#[test]
fn an_old_driver_is_to_be_updated() {
    let mut runner = Runner::simulated_with(&[("CUDA_SIM_DRIVER", "12.4")]);
    let text = runner.refused(&Request::Open, &[]);
    let expected = "is for CUDA 12.4, which is older than 13.0: update NVIDIA's driver";
    assert!(text.contains(expected), "{text}");
}

/// The binding panics where a driver lacks a call.
#[test]
fn a_library_that_is_no_driver_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let library = paths.find(|path| path.ends_with("/libc.so.6")).unwrap();
    for name in ["libcuda.so", "libcuda.so.1"] {
        symlink(library, folder.path().join(name)).unwrap();
    }
    let policy = Policy::trusted().env("LD_LIBRARY_PATH", folder.path());
    let mut runner = Runner::start(policy, folder);
    let fault = runner.broken(&Request::Open);
    assert_eq!(fault.error, Fault::PANIC);
    assert!(fault.text.contains("cuDriverGetVersion"), "{fault:?}");
    assert!(fault.is_of_the_machine());
}

#[test]
fn a_machine_without_a_device_says_where_to_look() {
    let variables = [("CUDA_SIM_FAIL", "cuDeviceGet=CUDA_ERROR_NO_DEVICE")];
    let mut runner = Runner::simulated_with(&variables);
    let text = runner.refused(&Request::Open, &[]);
    assert!(text.contains("CUDA_ERROR_NO_DEVICE"), "{text}");
    assert!(text.contains("`nvidia-smi -L`"), "{text}");
}

#[test]
fn code_for_another_gpu_is_to_be_compiled_again() {
    let mut runner = Runner::simulated("64MiB");
    runner.ready(&[floats(1, 1)], vec![step("scale", 1, &[bits(1.0), 1])]);
    let newer = PTX.replace(".target sm_80", ".target sm_90a");
    let text = runner.refused(&Request::Load, newer.as_bytes());
    let expected = "the code is for sm_90a, and the device is sm_80: compile for it (--arch sm_80)";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn no_memory_left_says_how_much_there_was() {
    let variables = [("CUDA_SIM_FAIL", "cuMemAlloc_v2=CUDA_ERROR_OUT_OF_MEMORY")];
    let mut runner = Runner::simulated_with(&variables);
    let opened = runner.ask(&Request::Open, &[]);
    assert!(matches!(opened, Reply::Opened(_)), "{opened:?}");
    let program = Program {
        buffers: vec![floats(256, 2)],
        ..Program::default()
    };
    let text = runner.refused(&Request::Arrange(program), &[]);
    let expected = "the device has no 1024 bytes for copy 1 of 2 of buffer 0 (4096 of 4096 MiB are \
                    free): cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_device_that_is_lost_is_not_the_kernels_fault() {
    let failure = "cuCtxSynchronize=CUDA_ERROR_ECC_UNCORRECTABLE";
    let mut runner = Runner::simulated_with(&[("CUDA_SIM_FAIL", failure)]);
    runner.ready(&[floats(1, 1)], vec![step("scale", 1, &[bits(1.0), 1])]);
    let fault = runner.broken(&CALL);
    assert_eq!(fault.error, "CUDA_ERROR_ECC_UNCORRECTABLE");
    assert!(fault.is_of_the_machine());
    assert!(fault.text.contains("`nvidia-smi --gpu-reset`"), "{fault:?}");
}
