//! Any bytes as PTX, and what loads is launched: it ends, and touches only
//! what is its own.

#![no_main]

#[path = "../../tests/hostile/drive.rs"]
mod drive;
mod mutator;

use drive::Wish;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

/// Bytes that say how it is launched; the text follows.
const WISH: usize = 16;

fuzz_target!(|data: &[u8]| {
    let Some((wish, text)) = data.split_at_checked(WISH) else {
        return;
    };
    // What does not load is the other target's business.
    let _ = drive::run(&String::from_utf8_lossy(text), &Wish(wish));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if size > WISH && seed % 8 == 0 {
        data[seed as usize / 8 % WISH] = (seed >> 16) as u8;
        return size;
    }
    mutator::mutate(data, size, max_size, seed / 8, WISH)
});
