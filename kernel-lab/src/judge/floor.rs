//! The speed of light: the least time any implementation can take.

/// What a machine can do at best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// Memory bandwidth, in bytes per second. Where a working set fits a cache, the
    /// bandwidth of that cache.
    pub bandwidth_bytes_per_s: f64,
    /// Arithmetic, in floating-point operations per second over all threads.
    pub peak_flop_per_s: f64,
}

impl Roofline {
    /// Least time in ns to move `bytes` (inputs and outputs, each once) and to do `flop`
    /// operations, which may overlap. A limit that is not positive is no limit.
    pub fn floor_ns(&self, bytes: u64, flop: f64) -> f64 {
        let seconds = |amount: f64, per_second: f64| {
            if per_second > 0.0 {
                amount / per_second
            } else {
                0.0
            }
        };
        let memory_s = seconds(bytes as f64, self.bandwidth_bytes_per_s);
        let arithmetic_s = seconds(flop, self.peak_flop_per_s);
        memory_s.max(arithmetic_s) * 1e9
    }

    /// The fraction of the speed of light that `time_ns` is. Not clamped: above 1, the
    /// machine's figures or the measurement are wrong.
    pub fn fraction(&self, bytes: u64, flop: f64, time_ns: f64) -> f64 {
        self.floor_ns(bytes, flop) / time_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_memory_and_arithmetic_counts() {
        let machine = Roofline {
            bandwidth_bytes_per_s: 20e9,
            peak_flop_per_s: 100e9,
        };
        // 64 MiB in and 64 MiB out at 20 GB/s.
        assert!((machine.floor_ns(2 << 26, 0.0) - 6_710_886.4).abs() < 0.1);
        // 2·1024³ operations at 100 GFLOP/s.
        assert!((machine.floor_ns(3 << 22, 2.0 * 1024.0_f64.powi(3)) - 21_474_836.48).abs() < 0.1);
        assert!((machine.fraction(20, 0.0, 2.0) - 0.5).abs() < 1e-12);
        let unknown = Roofline {
            bandwidth_bytes_per_s: 0.0,
            peak_flop_per_s: 0.0,
        };
        assert!(unknown.floor_ns(1, 1.0) < f64::MIN_POSITIVE);
    }
}
