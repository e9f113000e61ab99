//! What a device says that it is like.
//!
//! Sizes and limits that a program asks for before it launches. They change
//! nothing in how instructions run, and none of the rates is ever reached
//! here.

use crate::model::{A100, B200, H100, Preset};

/// Prefix of every device's name: no program can take one for a GPU.
pub const NAME_PREFIX: &str = "AlphaLab cuda-sim";

/// Bytes of shared memory of each block that the system keeps: CUDA C++
/// programming guide 13.0, "Shared memory" of compute capability 8.x and 9.x.
const SHARED_RESERVED: u32 = 1 << 10;

/// A device that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Properties {
    /// The GPU that it is like.
    pub figures: Preset,
    /// Width of its memory in bits, from the same data sheets.
    pub memory_bits: u32,
}

impl Properties {
    /// All there are; the first is the one that nobody has to ask for.
    pub const ALL: &[Self] = &[
        Self {
            figures: A100,
            memory_bits: 5120,
        },
        Self {
            figures: H100,
            memory_bits: 5120,
        },
        Self {
            figures: B200,
            memory_bits: 8192,
        },
    ];

    /// By its name, in letters of either case.
    pub fn named(name: &str) -> Option<&'static Self> {
        let mut all = Self::ALL.iter();
        all.find(|device| device.figures.name.eq_ignore_ascii_case(name))
    }

    /// What a device calls itself: `AlphaLab cuda-sim A100 (simulator)`.
    pub fn device_name(&self) -> String {
        format!("{NAME_PREFIX} {} (simulator)", self.figures.name)
    }

    /// Bytes of shared memory of each block that the system keeps.
    pub fn shared_reserved(&self) -> u32 {
        SHARED_RESERVED
    }

    /// Bytes of shared memory of a block that asks for more than 48 KiB.
    pub fn shared_per_block(&self) -> u32 {
        self.figures.processor.shared_bytes - SHARED_RESERVED
    }

    /// Clock of the processors in kHz.
    pub fn clock_khz(&self) -> u32 {
        (self.figures.clock / 1e3) as u32
    }

    /// Clock of the memory in kHz: what makes its bandwidth with two transfers
    /// in a cycle.
    pub fn memory_clock_khz(&self) -> u32 {
        let bytes = f64::from(self.memory_bits) / 8.0;
        (self.figures.bandwidth / bytes / 2.0 / 1e3).round() as u32
    }

    /// Whether PTX for a target such as `sm_80`, `compute_75` or `sm_90a` can
    /// be compiled for it: that of an earlier one can, that of features of
    /// one architecture (`a`) or family (`f`) only there. PTX ISA 9.0,
    /// section 11.1.2.
    pub fn takes(&self, target: &str) -> bool {
        let Some((_, number)) = target.split_once('_') else {
            return false;
        };
        let digits = number.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        let suffix = &number[digits.len()..];
        let Ok(wanted) = digits.parse::<u32>() else {
            return false;
        };
        let (major, minor) = self.figures.capability;
        let own = major * 10 + minor;
        match suffix {
            "" => wanted <= own,
            "a" => wanted == own,
            "f" => wanted <= own && wanted / 10 == own / 10,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_name() {
        for device in Properties::ALL {
            let name = device.figures.name.to_lowercase();
            assert_eq!(Properties::named(&name), Some(device));
            assert!(device.device_name().starts_with(NAME_PREFIX));
            assert!(device.device_name().contains("simulator"));
        }
        assert_eq!(Properties::named("V100"), None);
    }

    /// Programming guide, "Technical specifications per compute capability":
    /// 163 and 227 KiB. Memory clocks as `nvidia-smi` prints them for the
    /// first two: 1215 and 2619 MHz.
    #[test]
    fn sizes_are_as_published() {
        let device = |name| Properties::named(name).unwrap();
        assert_eq!(device("A100").shared_per_block(), 163 << 10);
        assert_eq!(device("H100").shared_per_block(), 227 << 10);
        assert_eq!(device("B200").shared_per_block(), 227 << 10);
        for (name, megahertz) in [("A100", 1215.0), ("H100", 2619.0)] {
            let clock = f64::from(device(name).memory_clock_khz()) / 1e3;
            assert!((clock - megahertz).abs() < 1.0, "{name}: {clock}");
        }
    }

    #[test]
    fn older_code_runs_on_newer_devices() {
        let hopper = Properties::named("H100").unwrap();
        for target in ["sm_75", "compute_80", "sm_90", "sm_90a"] {
            assert!(hopper.takes(target), "{target}");
        }
        for target in ["sm_100", "sm_100a", "sm_80a", "sm_x", "90", "sm_90b"] {
            assert!(!hopper.takes(target), "{target}");
        }
        assert!(Properties::named("B200").unwrap().takes("sm_100f"));
        assert!(!Properties::named("B200").unwrap().takes("sm_90a"));
    }
}
