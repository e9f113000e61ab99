//! Memory of the device.

use cudarc::driver::{result, sys};

use super::{Context, CudaError, synchronize};

impl Context {
    /// Takes memory.
    pub fn allocate(&self, bytes: u64) -> Result<Memory, CudaError> {
        // SAFETY: given back when `Memory` goes. No memory at all can't be taken.
        let address = unsafe { result::malloc_sync(bytes.max(1) as usize) };
        Ok(Memory {
            address: address.map_err(CudaError::of("cuMemAlloc"))?,
            bytes,
        })
    }

    /// Bytes of the device's memory that nobody has, and all of them.
    pub fn free_bytes(&self) -> Result<(u64, u64), CudaError> {
        let (free, all) = result::mem_get_info().map_err(CudaError::of("cuMemGetInfo"))?;
        Ok((free as u64, all as u64))
    }

    /// Fills memory with a byte, in the stream's order.
    pub fn fill(&self, memory: &Memory, value: u8) -> Result<(), CudaError> {
        // SAFETY: memory and stream are ours; it is given back only when all is done
        // (cuMemFree waits).
        unsafe {
            result::memset_d8_async(memory.address, value, memory.bytes as usize, self.stream)
        }
        .map_err(CudaError::of("cuMemsetD8Async"))
    }

    /// Copies one piece of memory to another, as much of it as both have, in the stream's
    /// order.
    pub fn copy(&self, from: &Memory, to: &Memory) -> Result<(), CudaError> {
        let bytes = from.bytes.min(to.bytes) as usize;
        // SAFETY: as in `fill`; both ranges are inside.
        unsafe { result::memcpy_dtod_async(to.address, from.address, bytes, self.stream) }
            .map_err(CudaError::of("cuMemcpyDtoDAsync"))
    }
}

/// Memory of the device.
#[derive(Debug)]
pub struct Memory {
    address: sys::CUdeviceptr,
    bytes: u64,
}

impl Memory {
    /// Its first byte's address.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes from `at` on. `None` if that is not inside.
    pub fn write(&self, at: u64, from: &[u8]) -> Option<Result<(), CudaError>> {
        let to = self.inside(at, from.len())?;
        // SAFETY: the range is inside memory that is ours.
        let done = unsafe { result::memcpy_htod_sync(to, from) };
        let done = done.map_err(CudaError::of("cuMemcpyHtoD"));
        // The call may return while the last bytes are still on their way to the device, and
        // the stream does not wait for them.
        Some(done.and_then(|()| synchronize()))
    }

    /// Reads from `at` on. `None` if that is not inside.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Option<Result<(), CudaError>> {
        let from = self.inside(at, into.len())?;
        // SAFETY: the range is inside memory that is ours.
        let done = unsafe { result::memcpy_dtoh_sync(into, from) };
        Some(done.map_err(CudaError::of("cuMemcpyDtoH")))
    }

    fn inside(&self, at: u64, bytes: usize) -> Option<sys::CUdeviceptr> {
        let end = at.checked_add(bytes as u64)?;
        (end <= self.bytes).then_some(self.address + at)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: taken in `Context::allocate`, and nobody uses it any more. If the context is
        // gone, so is the memory.
        let _ = unsafe { result::free_sync(self.address) };
    }
}
