//! Criterion's `Measurement` for times that the lab has taken.

use std::time::Instant;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// Nanoseconds of host time, with fractions: the lab subtracts from a
/// candidate's time what its hand-shake costs.
///
/// `iter_custom` takes the lab's own times; `iter` and the like read the
/// host's monotonic clock, as the lab does.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostTime;

/// Formats nanoseconds.
static FORMAT: WallTime = WallTime;

impl Measurement for HostTime {
    type Intermediate = Instant;
    type Value = f64;

    fn start(&self) -> Instant {
        Instant::now()
    }

    fn end(&self, start: Instant) -> f64 {
        start.elapsed().as_nanos() as f64
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        FORMAT.formatter()
    }
}

#[cfg(test)]
mod tests {
    use criterion::Throughput;

    use super::*;

    #[test]
    fn values_are_nanoseconds() {
        let format = |ns| HostTime.formatter().format_value(ns);
        assert_eq!(format(1.25e6).trim(), "1.2500 ms");
        assert_eq!(format(830.0).trim(), "830.00 ns");
        let mut ns = [2.5];
        assert_eq!(HostTime.formatter().scale_for_machines(&mut ns), "ns");
        assert!((ns[0] - 2.5).abs() < 1e-12);
    }

    #[test]
    fn throughput_is_per_second_of_them() {
        // 1 GiB in 0.5 s.
        let bytes = Throughput::Bytes(1 << 30);
        let text = HostTime.formatter().format_throughput(&bytes, 5e8);
        assert_eq!(text.trim(), "2.0000 GiB/s");
    }

    #[test]
    fn batches_add_up() {
        let measurement = HostTime;
        let sum = [1.5, 2.25]
            .iter()
            .fold(measurement.zero(), |sum, time| measurement.add(&sum, time));
        assert!((measurement.to_f64(&sum) - 3.75).abs() < f64::EPSILON);
        let elapsed = measurement.end(measurement.start());
        assert!((0.0..1e9).contains(&elapsed), "{elapsed}");
    }
}
