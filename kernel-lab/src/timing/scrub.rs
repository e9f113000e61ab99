//! Puts the caches into the same state before every timed call: full of
//! something that nobody reads.

use std::fs;

/// Largest buffer that is streamed through, in bytes: two last-level caches
/// of a server would take longer than the calls they separate.
const MAX_BYTES: usize = 96 << 20;
/// Where the cache's size is unknown.
const DEFAULT_LLC_BYTES: usize = 32 << 20;
/// Bytes of a cache line on x86-64.
const LINE: usize = 64;

/// A buffer larger than the last-level cache.
#[derive(Debug)]
pub struct Scrubber {
    buffer: Vec<u8>,
    llc_bytes: usize,
    round: u8,
}

impl Scrubber {
    /// For this machine's last-level cache.
    pub fn new() -> Self {
        let llc_bytes = last_level_cache_bytes().unwrap_or(DEFAULT_LLC_BYTES);
        let bytes = (llc_bytes + llc_bytes / 4).min(MAX_BYTES);
        Self {
            // Touched here, so that no page fault falls into a measurement.
            buffer: vec![1; bytes],
            llc_bytes,
            round: 0,
        }
    }

    /// Size of the last-level cache, in bytes.
    pub fn llc_bytes(&self) -> usize {
        self.llc_bytes
    }

    /// Bytes per second at which one thread streams through the buffer: the
    /// best of a few passes.
    pub fn bandwidth_bytes_per_s(&mut self) -> f64 {
        let bytes = self.buffer.len() as f64;
        (0..3)
            .map(|_| {
                let start = std::time::Instant::now();
                self.scrub();
                bytes / start.elapsed().as_secs_f64()
            })
            .fold(0.0, f64::max)
    }

    /// Writes one byte of every line.
    pub fn scrub(&mut self) {
        self.round = self.round.wrapping_add(1);
        let round = self.round;
        for line in self.buffer.iter_mut().step_by(LINE) {
            *line = round;
        }
        std::hint::black_box(&self.buffer);
    }
}

impl Default for Scrubber {
    fn default() -> Self {
        Self::new()
    }
}

/// Size of the largest cache that sysfs lists for cpu 0, in bytes.
fn last_level_cache_bytes() -> Option<usize> {
    (0..6)
        .filter_map(|index| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
            parse_size(fs::read_to_string(path).ok()?.trim())
        })
        .max()
}

fn parse_size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1 << 20),
            None => (text, 1),
        },
    };
    digits.parse::<usize>().ok().map(|number| number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysfs_sizes_are_read() {
        assert_eq!(parse_size("32768K"), Some(32 << 20));
        assert_eq!(parse_size("2M"), Some(2 << 20));
        assert_eq!(parse_size("x"), None);
    }
}
