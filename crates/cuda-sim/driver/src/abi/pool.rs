//! Memory pools.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_int, c_uint};

use super::entries;
use super::pointer::Out;
use crate::error::Error;
use crate::handle::PoolId;
use crate::machine::{Machine, PoolAttribute};

/// The start of `CUmemPoolProps`: pinned memory, no handles to share it by,
/// of a device.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Properties {
    kind: c_uint,
    handles: c_uint,
    location: c_uint,
    device: c_int,
}

fn pool(raw: u64) -> Result<PoolId, Error> {
    PoolId::from_raw(raw).ok_or(Error::InvalidValue)
}

entries! {
    fn cuMemPoolCreate(to: Out<u64>, properties: Out<Properties>) |driver, _| {
        let properties = properties.get()?;
        let mut machine = driver.enter();
        if properties.kind != 1 || properties.location != 1 {
            return Err(Error::InvalidValue);
        }
        if properties.handles != 0 {
            return Err(Error::NotSupported);
        }
        machine.device(properties.device)?;
        to.put(machine.pool_create().raw())
    };
    fn cuMemPoolDestroy(raw: u64) |driver, _| driver.enter().pool_destroy(pool(raw)?);
    fn cuMemPoolTrimTo(raw: u64, bytes: usize) |driver, _| {
        driver.enter().pool_trim(pool(raw)?, bytes as u64)
    };
    fn cuMemPoolGetAttribute(raw: u64, number: c_uint, value: Out<u8>) |driver, _| {
        match driver.enter().pool_attribute(pool(raw)?, number)? {
            PoolAttribute::Int(found) => value.cast::<c_int>().put(found),
            PoolAttribute::Bytes(found) => value.cast::<u64>().put(found),
        }
    };
    fn cuMemPoolSetAttribute(raw: u64, number: c_uint, value: Out<u8>) |driver, _| {
        let value = if Machine::pool_attribute_is_int(number) {
            PoolAttribute::Int(value.cast::<c_int>().get()?)
        } else {
            PoolAttribute::Bytes(value.cast::<u64>().get()?)
        };
        driver.enter().pool_set_attribute(pool(raw)?, number, value)
    };
}
