//! What the driver answers when something went wrong, and what to do about it.

use std::ffi::CStr;

use cudarc::driver::DriverError;

/// The CUDA that this is written for, as the driver counts: an older driver can't load what
/// the lab's NVRTC makes.
pub(super) const CUDA: i32 = 13_000;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {name}{}{}", aside(.detail), advice(.name))]
pub struct CudaError {
    /// Which call.
    pub call: &'static str,
    /// The driver's name for what went wrong.
    pub name: String,
    /// More about it; may be empty.
    pub detail: String,
}

impl CudaError {
    pub(super) fn of(call: &'static str) -> impl FnOnce(DriverError) -> Self {
        move |error| {
            let text = |found: Result<&CStr, DriverError>| {
                found.map(|text| text.to_string_lossy().into_owned())
            };
            Self {
                call,
                name: text(error.error_name()).unwrap_or_else(|_| format!("{:?}", error.0)),
                detail: text(error.error_string()).unwrap_or_default(),
            }
        }
    }

    pub(super) fn or(self, log: String) -> Self {
        if log.is_empty() {
            return self;
        }
        Self {
            detail: log,
            ..self
        }
    }
}

/// Why there is no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The loader finds no driver.
    #[error(
        "there is no CUDA driver: libcuda.so.1 can't be loaded; install NVIDIA's driver, or use \
         the simulator (ALPHALAB_CUDA=simulator)"
    )]
    NoDriver,
    /// The driver is older than the lab's CUDA.
    #[error(
        "the CUDA driver is for CUDA {}, which is older than {}: update NVIDIA's driver",
        version(*.0),
        version(CUDA)
    )]
    Old(i32),
    /// No device, or a device or driver that can't be used.
    #[error(transparent)]
    Failed(#[from] CudaError),
}

fn aside(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

fn advice(name: &str) -> String {
    remedy(name).map_or_else(String::new, |remedy| format!("; {remedy}"))
}

/// What to do about an error that no kernel is to blame for, by the driver's name for it.
pub(crate) fn remedy(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("CUDA_ERROR_")?;
    Some(match name {
        "OUT_OF_MEMORY" => {
            "free some of the device's memory (`nvidia-smi` lists the processes that have it), or \
             take a smaller size"
        }
        "NO_DEVICE" | "INVALID_DEVICE" => {
            "see what `nvidia-smi -L` lists, and whether CUDA_VISIBLE_DEVICES hides it"
        }
        "STUB_LIBRARY" => {
            "the libcuda.so.1 that was found is the CUDA toolkit's stub: take it off \
             LD_LIBRARY_PATH, or install NVIDIA's driver"
        }
        "DEVICE_UNAVAILABLE" => {
            "another process has the device for itself: wait for it, or set the compute mode to \
             Default (`nvidia-smi -q -d COMPUTE` shows it)"
        }
        "UNSUPPORTED_PTX_VERSION" => "the code is newer than the driver: update NVIDIA's driver",
        "SYSTEM_NOT_READY" => {
            "a service of NVIDIA's driver is not running, on machines with NVSwitch the fabric \
             manager: `systemctl status nvidia-fabricmanager`"
        }
        "SYSTEM_DRIVER_MISMATCH" | "COMPAT_NOT_SUPPORTED_ON_DEVICE" => {
            "the driver in the kernel and libcuda.so.1 are of different versions: reboot after an \
             update, or take a `compat` folder off LD_LIBRARY_PATH"
        }
        "OPERATING_SYSTEM" => {
            "the operating system refused a call of the driver's: see that /dev/nvidia* may be \
             opened, and what `dmesg` says"
        }
        "ECC_UNCORRECTABLE" | "NVLINK_UNCORRECTABLE" | "CONTAINED" | "UNKNOWN" => {
            "the device may be lost: see `nvidia-smi` and the lines with Xid in `dmesg`, reset it \
             (`nvidia-smi --gpu-reset`) or reboot, and try again"
        }
        _ => return None,
    })
}

fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> CudaError {
        CudaError {
            call: "cuEventQuery",
            name: name.to_owned(),
            detail: "words".to_owned(),
        }
    }

    #[test]
    fn an_error_says_what_to_do_unless_a_kernel_made_it() {
        let text = error("CUDA_ERROR_ECC_UNCORRECTABLE").to_string();
        let start = "cuEventQuery: CUDA_ERROR_ECC_UNCORRECTABLE (words); the device may be lost: ";
        assert!(text.starts_with(start), "{text}");
        let text = error("CUDA_ERROR_ILLEGAL_ADDRESS").to_string();
        assert_eq!(text, "cuEventQuery: CUDA_ERROR_ILLEGAL_ADDRESS (words)");
    }

    #[test]
    fn versions_are_shown_as_people_write_them() {
        let text = OpenError::Old(12_080).to_string();
        assert!(
            text.contains("for CUDA 12.8, which is older than 13.0"),
            "{text}"
        );
    }
}
