//! Any bytes as PTX: they load, or are refused with their line.

#![no_main]

mod mutator;

use cuda_sim::{Device, LoadError, Module};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut device = Device::new(1 << 20);
    match Module::load(device.heap_mut(), &text) {
        Ok(module) => {
            for kernel in module.kernels() {
                assert!(module.attributes(kernel).is_some());
            }
        }
        Err(LoadError::Syntax(error)) => assert!(error.line > 0),
        Err(LoadError::NotSimulable { line, .. } | LoadError::Invalid { line, .. }) => {
            assert!(line > 0);
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutator::mutate(data, size, max_size, seed, 0)
});
