//! Starting, versions, names of errors, and what there is none of.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_char, c_int, c_uint, c_void};

use super::pointer::{Out, Text};
use super::{DRIVER, FAILURE, entries, guarded};
use crate::driver::Driver;
use crate::error::Error;
use crate::report::{Outside, Reporter};
use crate::settings::{self, Failure, Settings};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn start() -> Driver {
    let settings = Settings::read(variable).unwrap_or_default();
    let files = [settings::FINDINGS, settings::LAUNCHES].map(variable);
    let [findings, launches] = files.each_ref().map(Option::as_deref);
    let driver = Driver::new(settings, Box::new(Outside::new(findings, launches)));
    // SAFETY: the function is there as long as this library, which is never
    // unloaded, and takes nothing.
    let registered = unsafe { libc::atexit(on_exit) };
    if registered != 0 {
        Outside::new(None, None).message("leaks at the end of the program will not be found");
    }
    driver
}

/// The program ends: leaks are told, unless it ends in the middle of a call.
extern "C" fn on_exit() {
    guarded(|| {
        if let Some(mut machine) = DRIVER.get().and_then(Driver::try_enter) {
            machine.exit();
        }
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "C" fn cuInit(flags: c_uint) -> u32 {
    guarded(|| {
        if flags != 0 {
            return Err(Error::InvalidValue);
        }
        let known = |call: &str| super::find(call).is_some();
        let read = Settings::read(variable).and_then(|_| Failure::read(variable, known));
        match read {
            Err(error) => {
                Outside::new(None, None).message(&error.to_string());
                return Err(Error::NoDevice);
            }
            Ok(Some(failure)) => {
                FAILURE.get_or_init(|| failure);
            }
            Ok(None) => {}
        }
        DRIVER.get_or_init(start);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuDriverGetVersion(version: Out<c_int>) -> u32 {
    guarded(|| version.put(Settings::read(variable).unwrap_or_default().driver))
}

/// NVRTC looks here for what only it knows of; there is none of that.
#[unsafe(no_mangle)]
extern "C" fn cuGetExportTable(table: Out<*const c_void>, _id: *const c_void) -> u32 {
    guarded(|| {
        table.put(std::ptr::null())?;
        Err(Error::NotFound)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGetErrorName(error: u32, text: Out<*const c_char>) -> u32 {
    guarded(|| error_text(error, text, "CUDA_SUCCESS\0", Error::name_z))
}

#[unsafe(no_mangle)]
extern "C" fn cuGetErrorString(error: u32, text: Out<*const c_char>) -> u32 {
    guarded(|| error_text(error, text, "no error\0", Error::text_z))
}

fn error_text(
    code: u32,
    text: Out<*const c_char>,
    success: &'static str,
    of: fn(Error) -> &'static str,
) -> Result<(), Error> {
    let found = match code {
        0 => Some(success),
        code => Error::of_code(code).map(of),
    };
    text.put(found.map_or(std::ptr::null(), |found| found.as_ptr().cast()))?;
    found.map(|_| ()).ok_or(Error::InvalidValue)
}

/// The newest form of a name, as a toolkit's headers would have it.
fn newest(name: &str) -> Option<*const c_void> {
    let numbered = ["_v4", "_v3", "_v2", ""];
    numbered
        .iter()
        .find_map(|number| super::find(&format!("{name}{number}")))
}

#[unsafe(no_mangle)]
extern "C" fn cuGetProcAddress(
    symbol: Text,
    function: Out<*const c_void>,
    _version: c_int,
    _flags: u64,
) -> u32 {
    guarded(|| {
        let found = newest(symbol.get()?);
        function.put(found.unwrap_or(std::ptr::null()))?;
        found.map(|_| ()).ok_or(Error::NotFound)
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuGetProcAddress_v2(
    symbol: Text,
    function: Out<*const c_void>,
    version: c_int,
    flags: u64,
    status: Out<u32>,
) -> u32 {
    // `CU_GET_PROC_ADDRESS_SUCCESS` and `…_SYMBOL_NOT_FOUND`.
    let result = cuGetProcAddress(symbol, function, version, flags);
    status.put_if_there(u32::from(result != 0));
    result
}

entries! {
    fn cuProfilerStart() |_, _| Ok(());
    fn cuProfilerStop() |_, _| Ok(());
    fn cuImportExternalMemory(_memory: Out<u64>, _description: *const c_void)
        |_, _| Err(Error::NotSupported);
    fn cuExternalMemoryGetMappedBuffer(
        _address: Out<u64>,
        _memory: u64,
        _description: *const c_void,
    ) |_, _| Err(Error::NotSupported);
    fn cuDestroyExternalMemory(_memory: u64) |_, _| Err(Error::InvalidHandle);
}

/// What is declared by hand above, with its function.
pub(super) fn find_first(name: &str) -> Option<*const c_void> {
    Some(match name {
        "cuInit" => cuInit as *const c_void,
        "cuDriverGetVersion" => cuDriverGetVersion as *const c_void,
        "cuGetExportTable" => cuGetExportTable as *const c_void,
        "cuGetErrorName" => cuGetErrorName as *const c_void,
        "cuGetErrorString" => cuGetErrorString as *const c_void,
        "cuGetProcAddress" => cuGetProcAddress as *const c_void,
        "cuGetProcAddress_v2" => cuGetProcAddress_v2 as *const c_void,
        _ => return None,
    })
}

/// Names of what is declared by hand above.
#[cfg(test)]
pub(super) const FIRST: &[&str] = &[
    "cuInit",
    "cuDriverGetVersion",
    "cuGetExportTable",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuGetProcAddress",
    "cuGetProcAddress_v2",
];
