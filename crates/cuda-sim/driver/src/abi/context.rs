//! Contexts.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_int, c_uint, c_void};

use super::pointer::Out;
use super::{entries, wait};
use crate::caller::Caller;
use crate::driver::Driver;
use crate::error::Error;
use crate::handle::ContextId;
use crate::machine::PRIORITIES;

fn create(
    driver: &Driver,
    caller: &mut Caller,
    context: Out<u64>,
    flags: c_uint,
    device: c_int,
) -> Result<(), Error> {
    let mut machine = driver.enter();
    machine.device(device)?;
    context.put(machine.context_create(caller, flags).raw())
}

/// Affinities and sharing with graphics: there is none of either.
fn no_parameters(parameters: *const c_void) -> Result<(), Error> {
    if parameters.is_null() {
        Ok(())
    } else {
        Err(Error::NotSupported)
    }
}

fn id(context: u64) -> Result<ContextId, Error> {
    ContextId::from_raw(context).ok_or(Error::InvalidContext)
}

entries! {
    fn cuCtxCreate_v2(context: Out<u64>, flags: c_uint, device: c_int) as cuCtxCreate |driver, caller| {
        create(driver, caller, context, flags, device)
    };
    fn cuCtxCreate_v3(
        context: Out<u64>,
        parameters: *const c_void,
        _count: c_int,
        flags: c_uint,
        device: c_int,
    ) |driver, caller| {
        no_parameters(parameters)?;
        create(driver, caller, context, flags, device)
    };
    fn cuCtxCreate_v4(
        context: Out<u64>,
        parameters: *const c_void,
        flags: c_uint,
        device: c_int,
    ) |driver, caller| {
        no_parameters(parameters)?;
        create(driver, caller, context, flags, device)
    };
    fn cuCtxDestroy_v2(context: u64) as cuCtxDestroy |driver, caller| {
        let pending = driver.enter().context_destroy(caller, id(context)?)?;
        wait(driver, pending)
    };
    fn cuCtxGetCurrent(context: Out<u64>) |_, caller| {
        context.put(caller.current().map_or(0, ContextId::raw))
    };
    fn cuCtxSetCurrent(context: u64) |driver, caller| {
        if context == 0 {
            caller.set_current(None);
            return Ok(());
        }
        let context = id(context)?;
        driver.enter().context_exists(context)?;
        caller.set_current(Some(context));
        Ok(())
    };
    fn cuCtxPushCurrent_v2(context: u64) as cuCtxPushCurrent |driver, caller| {
        let context = id(context)?;
        driver.enter().context_exists(context)?;
        caller.contexts.push(context);
        Ok(())
    };
    fn cuCtxPopCurrent_v2(context: Out<u64>) as cuCtxPopCurrent |_, caller| {
        let popped = caller.contexts.pop().ok_or(Error::InvalidContext)?;
        context.put_if_there(popped.raw());
        Ok(())
    };
    fn cuCtxGetDevice(device: Out<c_int>) |driver, caller| {
        driver.enter().context_check(caller)?;
        device.put(0)
    };
    fn cuCtxSynchronize() |driver, caller| {
        let pending = driver.enter().context_synchronize(caller)?;
        wait(driver, pending)
    };
    fn cuCtxGetFlags(flags: Out<c_uint>) |driver, caller| {
        flags.put(*driver.enter().context_flags(caller)?)
    };
    fn cuCtxSetFlags(flags: c_uint) |driver, caller| {
        *driver.enter().context_flags(caller)? = flags;
        Ok(())
    };
    fn cuCtxGetApiVersion(context: u64, version: Out<c_uint>) |driver, _| {
        if context != 0 {
            driver.enter().context_exists(id(context)?)?;
        }
        version.put(13_000)
    };
    fn cuCtxGetLimit(value: Out<usize>, limit: c_uint) |driver, caller| {
        value.put(*driver.enter().context_limit(caller, limit)? as usize)
    };
    fn cuCtxSetLimit(limit: c_uint, value: usize) |driver, caller| {
        *driver.enter().context_limit(caller, limit)? = value as u64;
        Ok(())
    };
    fn cuCtxGetCacheConfig(config: Out<c_uint>) |driver, caller| {
        config.put(*driver.enter().context_cache_config(caller)?)
    };
    fn cuCtxSetCacheConfig(config: c_uint) |driver, caller| {
        if config > 3 {
            return Err(Error::InvalidValue);
        }
        *driver.enter().context_cache_config(caller)? = config;
        Ok(())
    };
    /// There is no cache that anything could stay in.
    fn cuCtxResetPersistingL2Cache() |driver, caller| {
        driver.enter().context_check(caller)?;
        Ok(())
    };
    fn cuCtxGetStreamPriorityRange(least: Out<c_int>, greatest: Out<c_int>) |driver, caller| {
        driver.enter().context_check(caller)?;
        least.put_if_there(PRIORITIES.0);
        greatest.put_if_there(PRIORITIES.1);
        Ok(())
    };
}
