//! What NVML says about the device: clocks, temperature, and why clocks are not higher.
//!
//! NVML is there on machines with a GPU and nowhere else, and it is asked only for what
//! stands beside a time: without it nothing is different but that this is not known.

use std::ffi::OsStr;
use std::sync::OnceLock;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::{Device, Nvml};

use crate::wire::Clocks;

/// Environment variable that keeps NVML from being asked where it is `off`: a simulated device
/// is none that it knows.
pub const NVML: &str = "ALPHALAB_NVML";

/// There for as long as the process: devices borrow from it.
static LIBRARY: OnceLock<Option<Nvml>> = OnceLock::new();

/// A device as NVML knows it.
pub(crate) struct Monitor {
    device: Device<'static>,
    driver: String,
}

impl Monitor {
    /// Finds the device of a UUID, or else of a place on the PCI bus (domain, bus, device):
    /// numbers of devices are not the same for CUDA and NVML. `None` where there is no NVML, it
    /// does not know the device, or `choice`, what [`NVML`] says, is `off`.
    pub(crate) fn of(uuid: Option<&str>, pci: [u32; 3], choice: Option<&OsStr>) -> Option<Self> {
        if choice.is_some_and(|choice| choice == "off") {
            return None;
        }
        let library = LIBRARY.get_or_init(|| Nvml::init().ok()).as_ref()?;
        let device = uuid
            .and_then(|uuid| library.device_by_uuid(uuid).ok())
            .or_else(|| library.device_by_pci_bus_id(bus_id(pci)).ok())?;
        Some(Self {
            device,
            driver: library.sys_driver_version().ok()?,
        })
    }

    /// Version of NVIDIA's driver.
    pub(crate) fn driver(&self) -> &str {
        &self.driver
    }

    /// What the device runs at now; `None` where it does not tell all of it.
    pub(crate) fn clocks(&self) -> Option<Clocks> {
        Some(Clocks {
            sm_mhz: self.device.clock_info(Clock::SM).ok()?,
            memory_mhz: self.device.clock_info(Clock::Memory).ok()?,
            temperature_c: self.device.temperature(TemperatureSensor::Gpu).ok()?,
            throttle: self.device.current_throttle_reasons().ok()?.bits(),
        })
    }
}

/// A UUID as `nvidia-smi -L` prints it.
pub(crate) fn uuid_text(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes);
    format!(
        "GPU-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        number >> 96,
        number >> 80 & 0xffff,
        number >> 64 & 0xffff,
        number >> 48 & 0xffff,
        number & 0xffff_ffff_ffff,
    )
}

fn bus_id([domain, bus, device]: [u32; 3]) -> String {
    format!("{domain:08x}:{bus:02x}:{device:02x}.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both forms are those of `nvidia-smi --query-gpu=uuid,pci.bus_id`.
    #[test]
    fn a_device_is_named_as_nvidia_smi_names_it() {
        let bytes = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba,
            0xdc, 0xfe,
        ];
        let text = "GPU-01234567-89ab-cdef-1032-547698badcfe";
        assert_eq!(uuid_text(bytes), text);
        assert_eq!(bus_id([0, 0x3b, 0]), "00000000:3b:00.0");
    }

    #[test]
    fn nvml_is_not_asked_where_it_is_off() {
        let off = Some(OsStr::new("off"));
        assert!(Monitor::of(None, [0, 0, 0], off).is_none());
        assert!(LIBRARY.get().is_none(), "it was loaded");
    }
}
