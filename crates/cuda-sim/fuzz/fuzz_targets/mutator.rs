//! What both targets change: text as text that still looks like PTX, or as bytes.

#[path = "../../tests/hostile/mutate.rs"]
mod mutate;

use mutate::Dice;

/// Changes the text behind `prefix` bytes of an input; the answer is its new length.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32, prefix: usize) -> usize {
    let mut dice = Dice::new(u64::from(seed));
    let text = match data.get(prefix..size).map(std::str::from_utf8) {
        Some(Ok(text)) if dice.below(8) != 0 => text,
        _ => return libfuzzer_sys::fuzzer_mutate(data, size, most),
    };
    let text = if dice.below(64) == 0 {
        let kernels = mutate::kernels(text);
        kernels.into_iter().next().unwrap_or_default()
    } else {
        mutate::mutated(text, &mut dice)
    };
    let length = text.len().min(most.saturating_sub(prefix));
    data[prefix..prefix + length].copy_from_slice(&text.as_bytes()[..length]);
    prefix + length
}
