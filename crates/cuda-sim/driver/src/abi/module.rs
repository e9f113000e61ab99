//! Modules and functions.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_int, c_uint, c_void};

use super::pointer::{Image, JitOptions, Out, Text};
use super::{entries, wait};
use crate::caller::Caller;
use crate::driver::Driver;
use crate::error::Error;
use crate::handle::{FunctionId, ModuleId};
use crate::machine::{FunctionAttribute, LoadFailure};

fn load(driver: &Driver, caller: &Caller, text: Option<&str>) -> Result<ModuleId, LoadFailure> {
    let mut machine = driver.enter();
    match text {
        Some(text) => machine.module_load(caller, text),
        None => Err(machine.module_binary(caller)),
    }
}

fn module(raw: u64) -> Result<ModuleId, Error> {
    ModuleId::from_raw(raw).ok_or(Error::InvalidHandle)
}

pub(super) fn function(raw: u64) -> Result<FunctionId, Error> {
    FunctionId::from_raw(raw).ok_or(Error::InvalidHandle)
}

fn attribute(number: c_uint) -> Result<FunctionAttribute, Error> {
    FunctionAttribute::of_code(number).ok_or(Error::InvalidValue)
}

entries! {
    fn cuModuleLoad(to: Out<u64>, path: Text) |driver, caller| {
        let bytes = std::fs::read(path.get()?).map_err(|_| Error::FileNotFound)?;
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
        let text = std::str::from_utf8(bytes).ok();
        let text = text.filter(|text| !text.starts_with("\u{7f}ELF"));
        to.put(load(driver, caller, text).map_err(|failure| failure.error)?.raw())
    };
    fn cuModuleLoadData(to: Out<u64>, image: Image) as cuModuleLoadFatBinary |driver, caller| {
        let loaded = load(driver, caller, image.text()?);
        to.put(loaded.map_err(|failure| failure.error)?.raw())
    };
    fn cuModuleLoadDataEx(
        to: Out<u64>,
        image: Image,
        count: c_uint,
        kinds: Out<u32>,
        values: Out<*mut c_void>,
    ) |driver, caller| {
        match load(driver, caller, image.text()?) {
            Ok(module) => to.put(module.raw()),
            Err(failure) => {
                let options = JitOptions { count, kinds, values };
                options.log_error(&failure.text)?;
                Err(failure.error)
            }
        }
    };
    fn cuModuleUnload(raw: u64) |driver, caller| {
        let pending = driver.enter().module_unload(caller, module(raw)?)?;
        wait(driver, pending)
    };
    fn cuModuleGetFunction(to: Out<u64>, raw: u64, name: Text) |driver, caller| {
        let found = driver.enter().module_function(caller, module(raw)?, name.get()?)?;
        to.put(found.raw())
    };
    fn cuModuleGetGlobal_v2(
        address: Out<u64>,
        bytes: Out<usize>,
        raw: u64,
        name: Text,
    ) as cuModuleGetGlobal |driver, caller| {
        let found = driver.enter().module_global(caller, module(raw)?, name.get()?)?;
        address.put_if_there(found.0);
        bytes.put_if_there(found.1 as usize);
        Ok(())
    };
    fn cuModuleGetFunctionCount(count: Out<c_uint>, raw: u64) |driver, _| {
        let kernels = driver.enter().module_kernels(module(raw)?)?;
        count.put(kernels.len() as c_uint)
    };
    fn cuFuncGetAttribute(value: Out<c_int>, number: c_uint, raw: u64) |driver, caller| {
        let machine = driver.enter();
        value.put(machine.function_attribute(caller, function(raw)?, attribute(number)?)?)
    };
    fn cuFuncSetAttribute(raw: u64, number: c_uint, value: c_int) |driver, caller| {
        let mut machine = driver.enter();
        machine.function_set_attribute(caller, function(raw)?, attribute(number)?, value)
    };
    fn cuFuncSetCacheConfig(raw: u64, config: c_uint) |driver, caller| {
        driver.enter().function_check(caller, function(raw)?)?;
        if config > 3 { Err(Error::InvalidValue) } else { Ok(()) }
    };
    fn cuFuncSetSharedMemConfig(raw: u64, config: c_uint) |driver, caller| {
        driver.enter().function_check(caller, function(raw)?)?;
        if config > 2 { Err(Error::InvalidValue) } else { Ok(()) }
    };
}
