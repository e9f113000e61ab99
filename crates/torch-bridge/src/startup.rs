//! Bringing the process's one interpreter up: allocator, CPython, `sys`.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use pyo3::prelude::*;
use pyo3::{ffi, intern};

use crate::fault::PyFault;
use crate::handle::raised;
use crate::interp::InterpConfig;

/// Makes glibc keep freed pages. By default every large tensor is mapped
/// afresh and faults in page by page: a 2048 × 4096 softmax takes 14.8 ms
/// instead of 3.7 ms, which would flatter every candidate that writes into
/// warm buffers.
///
/// [`Interp::start`](crate::Interp::start) does this too. Off the main thread
/// that is late: a thread that exists already has an arena of its own, which
/// maps what exceeds 64 MiB whatever the settings. A program that starts the
/// interpreter on another thread calls this first in `main`.
///
/// # Errors
/// [`PyFault::Allocator`] if the C library refuses.
pub fn keep_freed_pages() -> Result<(), PyFault> {
    /// In bytes, the most that `mallopt`'s int holds: only tensors of 2 GiB
    /// and more are still mapped.
    const LIMIT: libc::c_int = libc::c_int::MAX;
    let options = [
        ("M_MMAP_THRESHOLD", libc::M_MMAP_THRESHOLD, LIMIT),
        ("M_TRIM_THRESHOLD", libc::M_TRIM_THRESHOLD, LIMIT),
        // Threads that start from now on share the main arena.
        ("M_ARENA_MAX", libc::M_ARENA_MAX, 1),
    ];
    for (option, parameter, value) in options {
        // SAFETY: `mallopt` only changes the allocator's own settings.
        if unsafe { libc::mallopt(parameter, value) } != 1 {
            return Err(PyFault::Allocator { option });
        }
    }
    Ok(())
}

/// Makes the process end without the static destructors of its libraries:
/// torch's take the GIL, which the interpreter's thread never gives up, so any
/// other thread that ended the process would wait for ever. Handlers run last
/// first: this belongs after the imports, which register such destructors.
pub(crate) fn end_without_destructors() {
    unsafe extern "C" {
        /// glibc's `atexit` whose handler is told the exit status.
        fn on_exit(
            handler: unsafe extern "C" fn(libc::c_int, *mut libc::c_void),
            argument: *mut libc::c_void,
        ) -> libc::c_int;
    }
    /// Runs inside `exit`, after Rust has flushed its own standard output.
    unsafe extern "C" fn end(status: libc::c_int, _: *mut libc::c_void) {
        // SAFETY: flushing all C streams and ending the process are allowed in
        // an exit handler.
        unsafe {
            libc::fflush(ptr::null_mut());
            libc::_exit(status);
        }
    }
    // SAFETY: `on_exit` has this signature in glibc, and the handler uses no
    // argument. A failure leaves the ordinary end of the process in place.
    unsafe { on_exit(end, ptr::null_mut()) };
}

/// Starts CPython as the environment's own interpreter and leaves the calling
/// thread holding the GIL for good.
///
/// Setting the executable before initialisation makes CPython find
/// `pyvenv.cfg` and with it the standard library of the interpreter that the
/// environment was made from, whatever `python3` is first in `PATH`.
pub(crate) fn start_python(venv: &Path) -> Result<Python<'static>, PyFault> {
    let failed = |reason: String| PyFault::Start {
        venv: venv.to_owned(),
        reason,
    };
    let executable = venv.join("bin/python");
    if !executable.exists() {
        return Err(failed("it has no `bin/python`".to_owned()));
    }
    let executable = CString::new(executable.as_os_str().as_bytes())
        .map_err(|_| failed("its path holds a NUL byte".to_owned()))?;
    let check = |status: ffi::PyStatus| {
        // SAFETY: a status is plain data; its message is a static C string or
        // null.
        unsafe {
            if ffi::PyStatus_Exception(status) == 0 {
                Ok(())
            } else if status.err_msg.is_null() {
                Err(failed("initialisation ended early".to_owned()))
            } else {
                let message = CStr::from_ptr(status.err_msg);
                Err(failed(message.to_string_lossy().into_owned()))
            }
        }
    };
    // SAFETY: the documented order of PEP 587: both structures are initialised
    // by CPython before use, the configuration is cleared after; the caller
    // has made sure that no interpreter exists yet.
    unsafe {
        let mut preconfig = MaybeUninit::<ffi::PyPreConfig>::zeroed();
        ffi::PyPreConfig_InitIsolatedConfig(preconfig.as_mut_ptr());
        // Isolated from the locale too, text would otherwise be ASCII.
        (*preconfig.as_mut_ptr()).utf8_mode = 1;
        check(ffi::Py_PreInitialize(preconfig.as_ptr()))?;

        let mut config = MaybeUninit::<ffi::PyConfig>::zeroed();
        let config = config.as_mut_ptr();
        ffi::PyConfig_InitIsolatedConfig(config);
        // The order of sets reaches the names and cache keys of compiled code.
        (*config).use_hash_seed = 1;
        (*config).hash_seed = 0;
        let status = ffi::PyConfig_SetBytesString(
            config,
            &raw mut (*config).executable,
            executable.as_ptr(),
        );
        let result = check(status).and_then(|()| check(ffi::Py_InitializeFromConfig(config)));
        ffi::PyConfig_Clear(config);
        result?;
        Ok(Python::assume_attached())
    }
}

/// Sets the variables that Python code reads, keeps `print` off the process's
/// standard output, and makes sure that this is the environment's Python.
pub(crate) fn prepare_sys(py: Python<'_>, config: &InterpConfig) -> Result<(), PyFault> {
    let prefix = (|| {
        let environ = py.import("os")?.getattr("environ")?;
        for (name, value) in &config.env {
            environ.set_item(name, value)?;
        }
        let sys = py.import("sys")?;
        sys.setattr(intern!(py, "stdout"), sys.getattr("stderr")?)?;
        sys.getattr("prefix")?.extract::<String>()
    })()
    .map_err(|error: PyErr| raised(py, &error, "preparing `sys`".to_owned()))?;
    if Path::new(&prefix).canonicalize().ok() == config.venv.canonicalize().ok() {
        Ok(())
    } else {
        Err(PyFault::Start {
            venv: config.venv.clone(),
            reason: format!("python runs in `{prefix}` instead"),
        })
    }
}

/// The Python half of the bridge.
const SOURCE: &CStr = match CStr::from_bytes_with_nul(
    concat!(include_str!("../python/bridge.py"), "\0").as_bytes(),
) {
    Ok(source) => source,
    Err(_) => panic!("bridge.py holds a NUL byte"),
};

/// Loads the Python half of the bridge, which imports torch.
pub(crate) fn load_bridge<'py>(py: Python<'py>, venv: &Path) -> Result<Bound<'py, PyAny>, PyFault> {
    let import = |module: &'static str, result: PyResult<Bound<'py, PyModule>>| {
        result.map_err(|error| PyFault::Import {
            module,
            venv: venv.to_owned(),
            source: Box::new(raised(py, &error, format!("importing `{module}`"))),
        })
    };
    import("torch", py.import("torch"))?;
    let module = PyModule::from_code(py, SOURCE, c"<torch-bridge>/bridge.py", c"alphalab_bridge");
    Ok(import("alphalab_bridge", module)?.into_any())
}
