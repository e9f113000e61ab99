//! What a device answers when it is asked about itself.
//!
//! Numbers are those of `CUdevice_attribute` in the CUDA driver API 13.0.
//! What no kernel here can use (textures, surfaces, clusters, sharing between
//! processes, …) is 0: there is none of it.

use cuda_sim::{MAX_THREADS, Properties, SHARED_BYTES};

/// The greatest number of an attribute that is known.
const LAST: u32 = 148;

/// An attribute of a device by its number; `None` if there is none.
#[expect(
    clippy::match_same_arms,
    reason = "numbers go by what they mean, not by their values"
)]
pub fn attribute(device: &Properties, number: u32) -> Option<i32> {
    let processor = &device.figures.processor;
    let value: u32 = match number {
        // Threads of a block, its sizes, those of a grid: programming guide,
        // "Technical Specifications per Compute Capability".
        1..=3 => MAX_THREADS,
        4 => 64,
        5 => i32::MAX as u32,
        6 | 7 => 65_535,
        8 => SHARED_BYTES,
        // Bytes of constants, threads of a warp, greatest pitch.
        9 => 64 << 10,
        10 => 32,
        11 => i32::MAX as u32,
        12 | 82 => processor.registers,
        13 => device.clock_khz(),
        // Alignments of textures, their pitch and surfaces.
        14 | 30 => 512,
        51 => 32,
        // Copies and kernels at once; how many copies.
        15 | 31 => 1,
        40 => 3,
        16 => device.figures.processors,
        // Mapped host memory, one address space, priorities, managed memory
        // that both sides may use at once, its addresses for registered
        // memory, preemption.
        19 | 41 | 78 | 79 | 80 | 83 | 89 | 90 | 91 => 1,
        // Cooperative launches.
        95 => 1,
        // Error correction; a driver for computing only.
        32 | 35 => 1,
        36 => device.memory_clock_khz(),
        37 => device.memory_bits,
        38 => u32::try_from(device.figures.l2_bytes).ok()?,
        39 => processor.threads,
        75 => device.figures.capability.0,
        76 => device.figures.capability.1,
        81 => processor.shared_bytes,
        87 => (device.figures.f32_flops / device.figures.f64_flops).round() as u32,
        97 => device.shared_per_block(),
        106 => processor.blocks,
        111 => device.shared_reserved(),
        // Memory pools.
        115 => 1,
        _ if (1..=LAST).contains(&number) => 0,
        _ => return None,
    };
    i32::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As deviceQuery of the CUDA samples prints them for an A100.
    #[test]
    fn an_a100_is_one() {
        let a100 = Properties::named("A100").unwrap();
        for (number, value) in [
            (1, 1024),
            (8, 49_152),
            (10, 32),
            (12, 65_536),
            (16, 108),
            (38, 41_943_040),
            (39, 2048),
            (75, 8),
            (76, 0),
            (81, 167_936),
            (97, 166_912),
        ] {
            assert_eq!(attribute(a100, number), Some(value), "{number}");
        }
        assert_eq!(attribute(a100, 0), None);
        assert_eq!(attribute(a100, LAST + 1), None);
        assert_eq!(attribute(a100, 120), Some(0));
    }
}
