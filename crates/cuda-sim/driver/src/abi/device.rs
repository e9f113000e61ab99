//! Devices: there is one.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_char, c_int, c_uint};

use super::pointer::Out;
use super::{entries, wait};
use crate::attributes::attribute;
use crate::error::Error;
use crate::handle::PoolId;

/// Bytes of a `CUuuid`.
const UUID_BYTES: usize = 16;

entries! {
    fn cuDeviceGetCount(count: Out<c_int>) |driver, _| count.put(driver.enter().device_count());
    fn cuDeviceGet(device: Out<c_int>, ordinal: c_int) |driver, _| {
        driver.enter().device(ordinal)?;
        device.put(ordinal)
    };
    fn cuDeviceGetName(name: Out<c_char>, length: c_int, device: c_int) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        let text = machine.settings().device.device_name();
        let room = usize::try_from(length).unwrap_or(0).checked_sub(1);
        let room = room.ok_or(Error::InvalidValue)?;
        let text: Vec<c_char> = text.bytes().take(room).map(|byte| byte as c_char).collect();
        name.put_all(&text)?;
        name.at(text.len()).put(0)
    };
    fn cuDeviceGetUuid_v2(uuid: Out<[u8; UUID_BYTES]>, device: c_int) as cuDeviceGetUuid |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        let mut bytes = *b"cuda-sim        ";
        let name = machine.settings().device.figures.name.bytes();
        for (place, byte) in bytes[8..].iter_mut().zip(name) {
            *place = byte;
        }
        uuid.put(bytes)
    };
    fn cuDeviceTotalMem_v2(bytes: Out<usize>, device: c_int) as cuDeviceTotalMem |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        bytes.put(machine.settings().memory as usize)
    };
    fn cuDeviceGetAttribute(value: Out<c_int>, number: c_uint, device: c_int) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        let found = attribute(machine.settings().device, number);
        value.put(found.ok_or(Error::InvalidValue)?)
    };
    fn cuDeviceComputeCapability(major: Out<c_int>, minor: Out<c_int>, device: c_int) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        let capability = machine.settings().device.figures.capability;
        major.put(capability.0.cast_signed())?;
        minor.put(capability.1.cast_signed())
    };
    fn cuDeviceCanAccessPeer(can: Out<c_int>, device: c_int, peer: c_int) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        machine.device(peer)?;
        can.put(0)
    };
    fn cuDeviceGetDefaultMemPool(pool: Out<u64>, device: c_int) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        pool.put(machine.pool_default().raw())
    };
    fn cuDeviceGetMemPool(pool: Out<u64>, device: c_int) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        pool.put(machine.pool_current().raw())
    };
    fn cuDeviceSetMemPool(device: c_int, pool: u64) |driver, _| {
        let mut machine = driver.enter();
        machine.device(device)?;
        machine.pool_set_current(PoolId::from_raw(pool).ok_or(Error::InvalidValue)?)
    };
    fn cuDevicePrimaryCtxRetain(context: Out<u64>, device: c_int) |driver, _| {
        let mut machine = driver.enter();
        machine.device(device)?;
        context.put(machine.primary_retain().raw())
    };
    fn cuDevicePrimaryCtxRelease_v2(device: c_int) as cuDevicePrimaryCtxRelease |driver, _| {
        driver.enter().device(device)?;
        let pending = driver.enter().primary_release()?;
        wait(driver, pending)
    };
    fn cuDevicePrimaryCtxReset_v2(device: c_int) as cuDevicePrimaryCtxReset |driver, _| {
        driver.enter().device(device)?;
        let pending = driver.enter().primary_reset();
        wait(driver, pending)
    };
    fn cuDevicePrimaryCtxSetFlags_v2(device: c_int, flags: c_uint) as cuDevicePrimaryCtxSetFlags |driver, _| {
        let mut machine = driver.enter();
        machine.device(device)?;
        machine.primary_set_flags(flags);
        Ok(())
    };
    fn cuDevicePrimaryCtxGetState(device: c_int, flags: Out<c_uint>, active: Out<c_int>) |driver, _| {
        let machine = driver.enter();
        machine.device(device)?;
        let (value, there) = machine.primary_state();
        flags.put(value)?;
        active.put(there.into())
    };
}
