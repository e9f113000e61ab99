//! Calls of the driver in any order, with any handles, three bytes each: all
//! work comes to an end, and all memory comes back.

#![no_main]

#[path = "../../tests/hostile/mutate.rs"]
#[expect(dead_code, reason = "it is for texts, but for its dice")]
mod mutate;
#[path = "../../driver/tests/machine/program.rs"]
mod program;
#[path = "../../driver/tests/machine/wild.rs"]
mod wild;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use mutate::Dice;
use wild::{Step, Wild};

/// Calls of a program.
const MOST: usize = 400;

fuzz_target!(|data: &[u8]| {
    let mut wild = Wild::new();
    for step in data.as_chunks().0.iter().take(MOST) {
        // What the answer is, is the tests' business.
        let _ = wild.step(Step::of(*step));
    }
    wild.end();
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(u64::from(seed));
    if dice.below(4) == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let mut calls: Vec<[u8; 3]> = data[..size].as_chunks().0.to_vec();
    for _ in 0..=dice.below(4) {
        let (at, other) = (dice.below(calls.len()), dice.below(calls.len() + 1));
        match (dice.below(4), calls.get(at).copied()) {
            (1, Some(call)) => calls.insert(other, call),
            (2, Some(_)) => {
                calls.remove(at);
            }
            (3, Some(mut call)) => {
                call[dice.below(3)] = dice.next() as u8;
                calls[at] = call;
            }
            _ => {
                let [what, a, b, ..] = dice.next().to_le_bytes();
                calls.insert(other, [what, a, b]);
            }
        }
    }
    calls.truncate(max_size / 3);
    let bytes = calls.as_flattened();
    data[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
});
