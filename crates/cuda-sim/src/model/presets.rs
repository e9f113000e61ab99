//! What data sheets say about some GPUs.

use super::occupancy::Processor;

/// A GPU: peak figures, which no kernel reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// What it is called.
    pub name: &'static str,
    /// Compute capability.
    pub capability: (u32, u32),
    /// Streaming multiprocessors.
    pub processors: u32,
    /// What each of them has for blocks.
    pub processor: Processor,
    /// Boost clock in Hz.
    pub clock: f64,
    /// Operations a second on singles, a fused multiply-add being two.
    pub f32_flops: f64,
    /// On doubles.
    pub f64_flops: f64,
    /// On halves, without tensor cores.
    pub f16_flops: f64,
    /// On halves with tensor cores, dense.
    pub tensor_flops: f64,
    /// Bytes a second of device memory.
    pub bandwidth: f64,
    /// Bytes of the second-level cache.
    pub l2_bytes: u64,
    /// Bytes that it reads a clock, all processors together.
    pub l2_bytes_per_clock: f64,
    /// Where this is from.
    pub source: &'static str,
}

impl Preset {
    /// All there are.
    pub const ALL: [Self; 3] = [A100, H100, B200];

    /// By a compute capability's name, as `sm_90` or `sm_90a`.
    pub fn of_arch(arch: &str) -> Option<Self> {
        let digits = arch.strip_prefix("sm_")?.trim_end_matches('a');
        let number: u32 = digits.parse().ok()?;
        Self::ALL
            .into_iter()
            .find(|preset| preset.capability == (number / 10, number % 10))
    }
}

/// A100, SXM4 with 40 GB.
pub const A100: Preset = Preset {
    name: "A100",
    capability: (8, 0),
    processors: 108,
    processor: Processor::SM_80,
    clock: 1.41e9,
    f32_flops: 19.5e12,
    f64_flops: 9.7e12,
    f16_flops: 78e12,
    tensor_flops: 312e12,
    bandwidth: 1555e9,
    l2_bytes: 40 << 20,
    l2_bytes_per_clock: 5120.0,
    source: "NVIDIA A100 Tensor Core GPU Architecture, V1.0 (2020)",
};

/// H100, SXM5 with 80 GB.
pub const H100: Preset = Preset {
    name: "H100",
    capability: (9, 0),
    processors: 132,
    processor: Processor::SM_90,
    clock: 1.98e9,
    f32_flops: 66.9e12,
    f64_flops: 33.5e12,
    f16_flops: 133.8e12,
    tensor_flops: 989.4e12,
    bandwidth: 3352e9,
    l2_bytes: 50 << 20,
    l2_bytes_per_clock: 5120.0,
    source: "NVIDIA H100 Tensor Core GPU Architecture, as quoted on glennklockwood.com/garden/processors/h100; device memory and \
             reads of the second-level cache: table 3 of doi:10.1016/j.ultsonch.2023.106546",
};

/// B200, SXM6 with 180 GB, at 1000 W.
pub const B200: Preset = Preset {
    name: "B200",
    capability: (10, 0),
    processors: 148,
    processor: Processor::SM_100,
    clock: 1.98e9,
    f32_flops: 75e12,
    f64_flops: 37.5e12,
    f16_flops: 150e12,
    tensor_flops: 2250e12,
    bandwidth: 7.7e12,
    l2_bytes: 126 << 20,
    // Not published: that of two dies as the one before.
    l2_bytes_per_clock: 10240.0,
    source: "NVIDIA's data sheet of HGX B200, an eighth of eight GPUs, as quoted on hmc-tech.com/gpu; processors and second-level \
             cache: Chips and Cheese, \"Nvidia's B200: Keeping the CUDA Juggernaut Rolling\" (2025)",
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations of one processor in a clock, from the same white papers: a
    /// data sheet's peak is their product with clock and count.
    #[test]
    fn peaks_are_what_units_and_clocks_make() {
        let per_clock =
            |peak: f64, preset: &Preset| peak / (preset.clock * f64::from(preset.processors));
        for (preset, f32s, f64s, halves) in [
            (A100, 128.0, 64.0, 512.0),
            (H100, 256.0, 128.0, 512.0),
            (B200, 256.0, 128.0, 512.0),
        ] {
            let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.01;
            assert!(
                close(per_clock(preset.f32_flops, &preset), f32s),
                "{}",
                preset.name
            );
            assert!(
                close(per_clock(preset.f64_flops, &preset), f64s),
                "{}",
                preset.name
            );
            assert!(
                close(per_clock(preset.f16_flops, &preset), halves),
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn by_name() {
        assert_eq!(Preset::of_arch("sm_80"), Some(A100));
        assert_eq!(Preset::of_arch("sm_90a"), Some(H100));
        assert_eq!(Preset::of_arch("sm_100"), Some(B200));
        assert_eq!(Preset::of_arch("sm_75"), None);
        assert_eq!(Preset::of_arch("compute_80"), None);
    }
}
