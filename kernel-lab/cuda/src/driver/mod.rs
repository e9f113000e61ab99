//! The CUDA driver API, as far as a plan needs it: a context, memory, a module, events and
//! graphs.
//!
//! Everything here is the thinnest cover over cudarc: handles that are given back, errors
//! that name the call. Work goes into one stream, in whose order launches, fills, copies
//! on the device and events are done; all other calls wait until they are done.

#![expect(unsafe_code, reason = "the driver API is C")]

mod error;
mod event;
mod graph;
mod launch;
mod memory;
mod module;

use std::ffi::c_int;
use std::marker::PhantomData;

use cudarc::driver::{DriverError, result, sys};

pub(crate) use error::remedy;
pub use error::{CudaError, OpenError};
pub use event::Event;
pub use graph::Graph;
pub use launch::Launch;
pub use memory::Memory;
pub use module::{Function, Module};

use error::CUDA;

/// The primary context of the first device, current on this thread.
#[derive(Debug)]
pub struct Context {
    device: sys::CUdevice,
    stream: sys::CUstream,
    /// A context is current on one thread.
    here: PhantomData<*const ()>,
}

impl Context {
    /// Loads the driver and takes the device's primary context.
    pub fn open() -> Result<Self, OpenError> {
        // SAFETY: loads whatever the loader finds by that name, once.
        if !unsafe { sys::is_culib_present() } {
            return Err(OpenError::NoDriver);
        }
        let mut version: c_int = 0;
        // SAFETY: the driver writes one integer.
        let asked = unsafe { sys::cuDriverGetVersion(&raw mut version) };
        asked
            .result()
            .map_err(CudaError::of("cuDriverGetVersion"))?;
        if version < CUDA {
            return Err(OpenError::Old(version));
        }
        result::init().map_err(CudaError::of("cuInit"))?;
        let device = result::device::get(0).map_err(CudaError::of("cuDeviceGet"))?;
        // SAFETY: the device was just found; the context is given back when `Self` goes.
        let context = unsafe { result::primary_ctx::retain(device) };
        let context = context.map_err(CudaError::of("cuDevicePrimaryCtxRetain"))?;
        // SAFETY: the context was just taken.
        unsafe { result::ctx::set_current(context) }.map_err(CudaError::of("cuCtxSetCurrent"))?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking)
            .map_err(CudaError::of("cuStreamCreate"))?;
        Ok(Self {
            device,
            stream,
            here: PhantomData,
        })
    }

    /// The device's name.
    pub fn name(&self) -> Result<String, CudaError> {
        result::device::get_name(self.device).map_err(CudaError::of("cuDeviceGetName"))
    }

    /// Bytes of its memory.
    pub fn memory_bytes(&self) -> Result<u64, CudaError> {
        // SAFETY: a device that the driver has given.
        let bytes = unsafe { result::device::total_mem(self.device) };
        Ok(bytes.map_err(CudaError::of("cuDeviceTotalMem"))? as u64)
    }

    /// An attribute that is a count.
    fn attribute(&self, which: sys::CUdevice_attribute) -> Result<u32, CudaError> {
        // SAFETY: a device that the driver has given.
        let value = unsafe { result::device::get_attribute(self.device, which) };
        let value = value.map_err(CudaError::of("cuDeviceGetAttribute"))?;
        Ok(value.max(0).cast_unsigned())
    }

    /// Its compute capability: major, minor.
    pub fn capability(&self) -> Result<(u32, u32), CudaError> {
        use sys::CUdevice_attribute::{
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
        };
        Ok((self.attribute(MAJOR)?, self.attribute(MINOR)?))
    }

    /// Its multiprocessors.
    pub fn processors(&self) -> Result<u32, CudaError> {
        self.attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
    }

    /// Bytes of its L2 cache.
    pub fn l2_bytes(&self) -> Result<u64, CudaError> {
        let bytes = self.attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?;
        Ok(bytes.into())
    }

    /// Its UUID.
    pub fn uuid(&self) -> Result<[u8; 16], CudaError> {
        let uuid = result::device::get_uuid(self.device);
        let uuid = uuid.map_err(CudaError::of("cuDeviceGetUuid"))?;
        Ok(uuid.bytes.map(|byte| byte.to_ne_bytes()[0]))
    }

    /// Where it is on the PCI bus: domain, bus, device.
    pub fn pci(&self) -> Result<[u32; 3], CudaError> {
        use sys::CUdevice_attribute::{
            CU_DEVICE_ATTRIBUTE_PCI_BUS_ID as BUS, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID as DEVICE,
            CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID as DOMAIN,
        };
        Ok([
            self.attribute(DOMAIN)?,
            self.attribute(BUS)?,
            self.attribute(DEVICE)?,
        ])
    }

    /// Version of CUDA that the driver has.
    pub fn driver(&self) -> Result<u32, CudaError> {
        let mut version: c_int = 0;
        // SAFETY: the driver writes one integer.
        let asked = unsafe { sys::cuDriverGetVersion(&raw mut version) };
        asked
            .result()
            .map_err(CudaError::of("cuDriverGetVersion"))?;
        Ok(version.max(0).cast_unsigned())
    }

    /// Waits until all that was asked for is done, and hears what went wrong.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        synchronize()
    }

    /// Lets go what is meant to stay in the L2 cache, if this device has such a thing.
    pub fn reset_persisting_l2(&self) -> Result<(), CudaError> {
        // SAFETY: it takes nothing.
        match unsafe { sys::cuCtxResetPersistingL2Cache() }.result() {
            Err(DriverError(sys::CUresult::CUDA_ERROR_NOT_SUPPORTED)) => Ok(()),
            done => done.map_err(CudaError::of("cuCtxResetPersistingL2Cache")),
        }
    }
}

fn synchronize() -> Result<(), CudaError> {
    result::ctx::synchronize().map_err(CudaError::of("cuCtxSynchronize"))
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both were taken in `open` and nothing uses them any more. A context that
        // an error has ended can't be given back properly, and the process ends.
        unsafe {
            let _ = result::stream::destroy(self.stream);
            let _ = result::primary_ctx::release(self.device);
        }
    }
}
