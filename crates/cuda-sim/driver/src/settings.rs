//! What the environment says.

use cuda_sim::{Checks, Limits, Properties};
use thiserror::Error;

use crate::error::Error as CallError;

/// Name of the device that is simulated: one of [`Properties::ALL`].
pub const DEVICE: &str = "CUDA_SIM_DEVICE";
/// Bytes of its memory: `268435456`, `512MiB`, `2GiB`.
pub const MEMORY: &str = "CUDA_SIM_MEMORY";
/// File that findings are appended to, a JSON object a line.
pub const FINDINGS: &str = "CUDA_SIM_FINDINGS";
/// File that each launch is appended to with what was counted, a JSON object a
/// line; without it nothing is counted.
pub const LAUNCHES: &str = "CUDA_SIM_LAUNCHES";
/// Instructions that a warp may run before a launch is too long.
pub const BUDGET: &str = "CUDA_SIM_BUDGET";
/// Threads of this machine for each launch.
pub const THREADS: &str = "CUDA_SIM_THREADS";
/// What is looked for: `all`, or `memory`, which leaves out races.
pub const CHECKS: &str = "CUDA_SIM_CHECKS";

/// Version of CUDA that the driver says it is for: `12.4`.
pub const DRIVER: &str = "CUDA_SIM_DRIVER";
/// A call that fails, and with what: `cuMemAlloc_v2=CUDA_ERROR_OUT_OF_MEMORY`, to see what a
/// program makes of it.
pub const FAIL: &str = "CUDA_SIM_FAIL";

/// Memory of a device that nobody asks more for. Pages that nobody touches
/// cost nothing.
const DEFAULT_MEMORY: u64 = 4 << 30;
/// CUDA 13.0, whose driver API this is, as `cuDriverGetVersion` counts.
const DRIVER_VERSION: i32 = 13_000;

/// An environment that can't be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// No such device.
    #[error("{DEVICE}={0} is not known; there are {known}", known = names())]
    Device(String),
    /// A value that can't be.
    #[error("{variable}={value} is not {wanted}")]
    Value {
        /// Which variable.
        variable: &'static str,
        /// What it has.
        value: String,
        /// What it should have.
        wanted: &'static str,
    },
}

fn names() -> String {
    let names = Properties::ALL.iter();
    let names: Vec<_> = names.map(|device| device.figures.name).collect();
    names.join(", ")
}

/// What is simulated, and how carefully.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The device.
    pub device: &'static Properties,
    /// Bytes of its memory.
    pub memory: u64,
    /// How launches run.
    pub limits: Limits,
    /// What `cuDriverGetVersion` answers.
    pub driver: i32,
}

/// A call that fails whenever it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The newest form of its name.
    pub call: String,
    /// What it answers.
    pub error: CallError,
}

impl Failure {
    /// From variables by their name; `known` says whether there is such a call.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        known: impl Fn(&str) -> bool,
    ) -> Result<Option<Self>, SettingsError> {
        let Some(value) = variable(FAIL) else {
            return Ok(None);
        };
        let parts = value.split_once('=').and_then(|(call, name)| {
            let mut errors = CallError::ALL.iter();
            let error = errors.find(|error| error.name() == name)?;
            known(call).then(|| Self {
                call: call.to_owned(),
                error: *error,
            })
        });
        parts.map(Some).ok_or(SettingsError::Value {
            variable: FAIL,
            value,
            wanted: "a call and an error, such as cuMemAlloc_v2=CUDA_ERROR_OUT_OF_MEMORY",
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(&Properties::ALL[0])
    }
}

impl Settings {
    fn of(device: &'static Properties) -> Self {
        Self {
            device,
            memory: DEFAULT_MEMORY,
            limits: Limits {
                processors: device.figures.processors,
                processor: device.figures.processor,
                ..Limits::default()
            },
            driver: DRIVER_VERSION,
        }
    }

    /// From variables by their name.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        let wrong = |name, value: String, wanted| SettingsError::Value {
            variable: name,
            value,
            wanted,
        };
        if let Some(name) = variable(DEVICE) {
            let Some(device) = Properties::named(&name) else {
                return Err(SettingsError::Device(name));
            };
            settings = Self::of(device);
        }
        if let Some(value) = variable(MEMORY) {
            const WANTED: &str = "a number of bytes, such as 512MiB";
            let bytes = bytes(&value).filter(|&bytes| (1 << 20..1 << 44).contains(&bytes));
            settings.memory = bytes.ok_or_else(|| wrong(MEMORY, value, WANTED))?;
        }
        let positive = |name, wanted| match variable(name) {
            None => Ok(None),
            Some(value) => match value.parse::<u64>() {
                Ok(number) if number > 0 => Ok(Some(number)),
                _ => Err(wrong(name, value, wanted)),
            },
        };
        if let Some(budget) = positive(BUDGET, "a number of instructions above 0")? {
            settings.limits.budget = budget;
        }
        if let Some(threads) = positive(THREADS, "a number of threads above 0")? {
            settings.limits.threads = usize::try_from(threads).unwrap_or(usize::MAX);
        }
        if let Some(value) = variable(DRIVER) {
            const WANTED: &str = "a version of CUDA, such as 12.4";
            settings.driver = version(&value).ok_or_else(|| wrong(DRIVER, value, WANTED))?;
        }
        settings.limits.counters = variable(LAUNCHES).is_some();
        if let Some(value) = variable(CHECKS) {
            settings.limits.checks = match value.as_str() {
                "all" => Checks::All,
                "memory" => Checks::Memory,
                _ => return Err(wrong(CHECKS, value, "all or memory")),
            };
        }
        Ok(settings)
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let number: u64 = digits.trim_end().parse().ok()?;
    number.checked_mul(1 << shift)
}

/// As `cuDriverGetVersion` counts.
fn version(text: &str) -> Option<i32> {
    let (major, minor) = text.split_once('.')?;
    let (major, minor): (i32, i32) = (major.parse().ok()?, minor.parse().ok()?);
    ((1..100).contains(&major) && (0..100).contains(&minor)).then_some(1000 * major + 10 * minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let mut found = pairs.iter().filter(|(known, _)| *known == name);
            found.next().map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_set_counts() {
        let settings = read(&[]).unwrap();
        assert_eq!(
            (settings.device.figures.name, settings.memory),
            ("A100", 4 << 30)
        );
        let settings = read(&[
            (DEVICE, "h100"),
            (MEMORY, "512MiB"),
            (BUDGET, "1000"),
            (THREADS, "3"),
            (CHECKS, "memory"),
            (LAUNCHES, "launches.jsonl"),
            (DRIVER, "12.4"),
        ])
        .unwrap();
        assert_eq!(settings.driver, 12_040);
        assert_eq!(
            (settings.device.figures.name, settings.memory),
            ("H100", 512 << 20)
        );
        assert_eq!(
            settings.limits,
            Limits {
                budget: 1000,
                threads: 3,
                processors: 132,
                processor: cuda_sim::model::Processor::SM_90,
                checks: Checks::Memory,
                counters: true,
                ..Limits::default()
            }
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value, message) in [
            (
                DEVICE,
                "V100",
                "CUDA_SIM_DEVICE=V100 is not known; there are A100, H100, B200",
            ),
            (
                MEMORY,
                "lots",
                "CUDA_SIM_MEMORY=lots is not a number of bytes, such as 512MiB",
            ),
            (
                MEMORY,
                "1KiB",
                "CUDA_SIM_MEMORY=1KiB is not a number of bytes, such as 512MiB",
            ),
            (
                THREADS,
                "0",
                "CUDA_SIM_THREADS=0 is not a number of threads above 0",
            ),
            (
                BUDGET,
                "-1",
                "CUDA_SIM_BUDGET=-1 is not a number of instructions above 0",
            ),
            (CHECKS, "no", "CUDA_SIM_CHECKS=no is not all or memory"),
            (
                DRIVER,
                "13",
                "CUDA_SIM_DRIVER=13 is not a version of CUDA, such as 12.4",
            ),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_failure_names_a_call_and_an_error() {
        let read = |value: &str| {
            let value = value.to_owned();
            Failure::read(|_| Some(value.clone()), |call| call == "cuEventQuery")
        };
        let failure = read("cuEventQuery=CUDA_ERROR_ECC_UNCORRECTABLE").unwrap();
        assert_eq!(failure.unwrap().error, CallError::EccUncorrectable);
        for wrong in [
            "cuEventQuery",
            "cuEventQuery=214",
            "cuNothing=CUDA_ERROR_UNKNOWN",
        ] {
            let text = read(wrong).unwrap_err().to_string();
            assert!(text.starts_with(&format!("CUDA_SIM_FAIL={wrong} is not a call and")));
        }
        assert_eq!(Failure::read(|_| None, |_| true), Ok(None));
    }
}
