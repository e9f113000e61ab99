//! Memory.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_int, c_uint};

use super::pointer::{Host, Out};
use super::stream::stream;
use super::{entries, wait};
use crate::caller::Caller;
use crate::driver::Driver;
use crate::error::Error;
use crate::handle::{ContextId, PoolId};
use crate::machine::{CopyEnd, Transfer};

fn copy(
    driver: &Driver,
    caller: &Caller,
    to: CopyEnd,
    from: CopyEnd,
    bytes: usize,
) -> Result<(), Error> {
    let bytes = bytes as u64;
    let pending = driver.enter().copy(caller, &Transfer { from, to, bytes })?;
    wait(driver, pending)
}

fn copy_async(
    driver: &Driver,
    caller: &Caller,
    (to, from): (CopyEnd, CopyEnd),
    bytes: usize,
    at: u64,
) -> Result<(), Error> {
    let bytes = bytes as u64;
    let copy = Transfer { from, to, bytes };
    let pending = driver.enter().copy_async(caller, stream(at)?, &copy)?;
    wait(driver, pending)
}

/// Either kind of memory, by its address.
fn either(driver: &Driver, address: u64, bytes: usize) -> Result<CopyEnd, Error> {
    if driver.enter().is_device_address(address) {
        Ok(CopyEnd::Device(address))
    } else {
        Host::of_address(address).end(bytes)
    }
}

fn fill(
    driver: &Driver,
    caller: &Caller,
    to: u64,
    pattern: &[u8],
    count: usize,
) -> Result<(), Error> {
    let bytes = bytes_of(pattern, count)?;
    let pending = driver.enter().fill(caller, to, pattern, bytes)?;
    wait(driver, pending)
}

fn fill_async(
    driver: &Driver,
    caller: &Caller,
    to: u64,
    pattern: &[u8],
    (count, at): (usize, u64),
) -> Result<(), Error> {
    let bytes = bytes_of(pattern, count)?;
    let mut machine = driver.enter();
    machine.fill_async(caller, stream(at)?, to, pattern, bytes)
}

fn bytes_of(pattern: &[u8], count: usize) -> Result<u64, Error> {
    let bytes = count.checked_mul(pattern.len());
    bytes.map(|bytes| bytes as u64).ok_or(Error::InvalidValue)
}

fn contexts_exist(driver: &Driver, contexts: [u64; 2]) -> Result<(), Error> {
    for raw in contexts {
        let context = ContextId::from_raw(raw).ok_or(Error::InvalidContext)?;
        driver.enter().context_exists(context)?;
    }
    Ok(())
}

/// `CUmemLocation`: a kind and a number.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Location {
    kind: c_uint,
    id: c_int,
}

impl Location {
    /// A device is 1; 2 to 4 are the host and its nodes.
    fn check(self, driver: &Driver) -> Result<(), Error> {
        match self.kind {
            1 => driver.enter().device(self.id),
            2..=4 => Ok(()),
            _ => Err(Error::InvalidValue),
        }
    }
}

entries! {
    fn cuMemGetInfo_v2(free: Out<usize>, all: Out<usize>) as cuMemGetInfo |driver, caller| {
        let (free_bytes, all_bytes) = driver.enter().memory_info(caller)?;
        free.put(free_bytes as usize)?;
        all.put(all_bytes as usize)
    };
    fn cuMemAlloc_v2(to: Out<u64>, bytes: usize) as cuMemAlloc |driver, caller| {
        to.put(driver.enter().allocate(caller, bytes as u64)?)
    };
    fn cuMemFree_v2(address: u64) as cuMemFree |driver, caller| {
        let pending = driver.enter().free(caller, address)?;
        wait(driver, pending)
    };
    fn cuMemAllocAsync(to: Out<u64>, bytes: usize, at: u64) |driver, caller| {
        let mut machine = driver.enter();
        to.put(machine.allocate_async(caller, stream(at)?, bytes as u64, None)?)
    };
    fn cuMemAllocFromPoolAsync(to: Out<u64>, bytes: usize, pool: u64, at: u64) |driver, caller| {
        let pool = PoolId::from_raw(pool).ok_or(Error::InvalidValue)?;
        let mut machine = driver.enter();
        to.put(machine.allocate_async(caller, stream(at)?, bytes as u64, Some(pool))?)
    };
    fn cuMemFreeAsync(address: u64, at: u64) |driver, caller| {
        driver.enter().free_async(caller, address, stream(at)?)
    };
    fn cuMemAllocManaged(to: Out<u64>, bytes: usize, flags: c_uint) |driver, caller| {
        to.put(driver.enter().allocate_managed(caller, bytes as u64, flags)?)
    };
    fn cuMemHostAlloc(to: Out<Host>, bytes: usize, flags: c_uint) |driver, caller| {
        let address = driver.enter().allocate_host(caller, bytes as u64, flags)?;
        to.put(Host::of_address(address))
    };
    fn cuMemAllocHost_v2(to: Out<Host>, bytes: usize) as cuMemAllocHost |driver, caller| {
        let address = driver.enter().allocate_host(caller, bytes as u64, 0)?;
        to.put(Host::of_address(address))
    };
    fn cuMemFreeHost(from: Host) |driver, caller| {
        let pending = driver.enter().free_host(caller, from.address())?;
        wait(driver, pending)
    };
    fn cuMemHostGetDevicePointer_v2(
        to: Out<u64>,
        from: Host,
        flags: c_uint,
    ) as cuMemHostGetDevicePointer |driver, _| {
        let span = driver.enter().span(from.address()).filter(|span| span.pinned);
        if span.is_none() || flags != 0 {
            return Err(Error::InvalidValue);
        }
        to.put(from.address())
    };
    fn cuMemGetAddressRange_v2(
        base: Out<u64>,
        bytes: Out<usize>,
        address: u64,
    ) as cuMemGetAddressRange |driver, caller| {
        let machine = driver.enter();
        machine.context_check(caller)?;
        let span = machine.span(address).ok_or(Error::NotFound)?;
        base.put_if_there(span.base);
        bytes.put_if_there(span.bytes as usize);
        Ok(())
    };
    fn cuMemcpyHtoD_v2(to: u64, from: Host, bytes: usize) as cuMemcpyHtoD |driver, caller| {
        copy(driver, caller, CopyEnd::Device(to), from.end(bytes)?, bytes)
    };
    fn cuMemcpyDtoH_v2(to: Host, from: u64, bytes: usize) as cuMemcpyDtoH |driver, caller| {
        copy(driver, caller, to.end(bytes)?, CopyEnd::Device(from), bytes)
    };
    fn cuMemcpyDtoD_v2(to: u64, from: u64, bytes: usize) as cuMemcpyDtoD |driver, caller| {
        copy(driver, caller, CopyEnd::Device(to), CopyEnd::Device(from), bytes)
    };
    fn cuMemcpy(to: u64, from: u64, bytes: usize) |driver, caller| {
        let ends = (either(driver, to, bytes)?, either(driver, from, bytes)?);
        copy(driver, caller, ends.0, ends.1, bytes)
    };
    fn cuMemcpyHtoDAsync_v2(
        to: u64,
        from: Host,
        bytes: usize,
        at: u64,
    ) as cuMemcpyHtoDAsync |driver, caller| {
        copy_async(driver, caller, (CopyEnd::Device(to), from.end(bytes)?), bytes, at)
    };
    fn cuMemcpyDtoHAsync_v2(
        to: Host,
        from: u64,
        bytes: usize,
        at: u64,
    ) as cuMemcpyDtoHAsync |driver, caller| {
        copy_async(driver, caller, (to.end(bytes)?, CopyEnd::Device(from)), bytes, at)
    };
    fn cuMemcpyDtoDAsync_v2(
        to: u64,
        from: u64,
        bytes: usize,
        at: u64,
    ) as cuMemcpyDtoDAsync |driver, caller| {
        copy_async(driver, caller, (CopyEnd::Device(to), CopyEnd::Device(from)), bytes, at)
    };
    fn cuMemcpyAsync(to: u64, from: u64, bytes: usize, at: u64) |driver, caller| {
        let ends = (either(driver, to, bytes)?, either(driver, from, bytes)?);
        copy_async(driver, caller, ends, bytes, at)
    };
    fn cuMemcpyPeer(
        to: u64,
        to_context: u64,
        from: u64,
        from_context: u64,
        bytes: usize,
    ) |driver, caller| {
        contexts_exist(driver, [to_context, from_context])?;
        copy(driver, caller, CopyEnd::Device(to), CopyEnd::Device(from), bytes)
    };
    fn cuMemcpyPeerAsync(
        to: u64,
        to_context: u64,
        from: u64,
        from_context: u64,
        bytes: usize,
        at: u64,
    ) |driver, caller| {
        contexts_exist(driver, [to_context, from_context])?;
        copy_async(driver, caller, (CopyEnd::Device(to), CopyEnd::Device(from)), bytes, at)
    };
    fn cuMemsetD8_v2(to: u64, value: u8, count: usize) as cuMemsetD8 |driver, caller| {
        fill(driver, caller, to, &[value], count)
    };
    fn cuMemsetD16_v2(to: u64, value: u16, count: usize) as cuMemsetD16 |driver, caller| {
        fill(driver, caller, to, &value.to_le_bytes(), count)
    };
    fn cuMemsetD32_v2(to: u64, value: u32, count: usize) as cuMemsetD32 |driver, caller| {
        fill(driver, caller, to, &value.to_le_bytes(), count)
    };
    fn cuMemsetD8Async(to: u64, value: u8, count: usize, at: u64) |driver, caller| {
        fill_async(driver, caller, to, &[value], (count, at))
    };
    fn cuMemsetD16Async(to: u64, value: u16, count: usize, at: u64) |driver, caller| {
        fill_async(driver, caller, to, &value.to_le_bytes(), (count, at))
    };
    fn cuMemsetD32Async(to: u64, value: u32, count: usize, at: u64) |driver, caller| {
        fill_async(driver, caller, to, &value.to_le_bytes(), (count, at))
    };
    fn cuMemAdvise(address: u64, bytes: usize, _advice: c_uint, _device: c_int) |driver, caller| {
        driver.enter().managed_hint(caller, address, bytes as u64)
    };
    fn cuMemAdvise_v2(
        address: u64,
        bytes: usize,
        _advice: c_uint,
        location: Location,
    ) |driver, caller| {
        location.check(driver)?;
        driver.enter().managed_hint(caller, address, bytes as u64)
    };
    fn cuMemPrefetchAsync(address: u64, bytes: usize, _device: c_int, at: u64) |driver, caller| {
        stream(at)?;
        driver.enter().managed_hint(caller, address, bytes as u64)
    };
    fn cuMemPrefetchAsync_v2(
        address: u64,
        bytes: usize,
        location: Location,
        flags: c_uint,
        at: u64,
    ) |driver, caller| {
        stream(at)?;
        location.check(driver)?;
        if flags != 0 {
            return Err(Error::InvalidValue);
        }
        driver.enter().managed_hint(caller, address, bytes as u64)
    };
}
