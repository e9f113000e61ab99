//! Modules and their kernels.

use std::ffi::{CString, c_void};
use std::rc::Rc;

use cudarc::driver::{DriverError, result, sys};

use super::{Context, CudaError};

/// Bytes of a loader's messages that are kept.
const LOG_BYTES: usize = 8 << 10;
/// Blocks of a cluster beyond which a kernel must say that it takes them.
const PORTABLE_CLUSTER: u32 = 8;

impl Context {
    /// Loads PTX or machine code.
    pub fn load(&self, image: &[u8]) -> Result<Module, CudaError> {
        // PTX is a text that ends with a zero; machine code knows its own length.
        let mut image = image.to_vec();
        image.push(0);
        let mut log = vec![0_u8; LOG_BYTES];
        let mut options = [
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER,
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
        ];
        let mut values: [*mut c_void; 2] = [
            log.as_mut_ptr().cast(),
            // The driver takes the number itself where a pointer stands.
            std::ptr::without_provenance_mut(LOG_BYTES),
        ];
        let mut raw = std::ptr::null_mut();
        // SAFETY: image, options, values and log outlive the call, and the log is as long
        // as it says.
        let loaded = unsafe {
            sys::cuModuleLoadDataEx(
                &raw mut raw,
                image.as_ptr().cast(),
                options.len() as u32,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        loaded.result().map_err(|error| {
            let end = log.iter().position(|byte| *byte == 0).unwrap_or(LOG_BYTES);
            let text = String::from_utf8_lossy(&log[..end]).trim().to_owned();
            CudaError::of("cuModuleLoadDataEx")(error).or(text)
        })?;
        Ok(Module(Rc::new(RawModule(raw))))
    }
}

/// A loaded module.
#[derive(Debug)]
pub struct Module(Rc<RawModule>);

#[derive(Debug)]
struct RawModule(sys::CUmodule);

impl Drop for RawModule {
    fn drop(&mut self) {
        // SAFETY: loaded in `Context::load`, and neither module nor function is left.
        let _ = unsafe { result::module::unload(self.0) };
    }
}

/// A kernel, which keeps its module loaded.
#[derive(Clone, Debug)]
pub struct Function {
    pub(super) raw: sys::CUfunction,
    /// Held, not read.
    _module: Rc<RawModule>,
}

impl Module {
    /// A kernel by its name, `None` if there is none of it.
    pub fn function(&self, name: &str) -> Result<Option<Function>, CudaError> {
        let Ok(text) = CString::new(name) else {
            return Ok(None);
        };
        // SAFETY: the module is loaded.
        match unsafe { result::module::get_function(self.0.0, text) } {
            Ok(raw) => Ok(Some(Function {
                raw,
                _module: Rc::clone(&self.0),
            })),
            Err(DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND)) => Ok(None),
            Err(error) => Err(CudaError::of("cuModuleGetFunction")(error)),
        }
    }
}

impl Function {
    /// Lets launches bring so much shared memory, and clusters of so many blocks.
    pub fn allow(&self, shared_bytes: u32, cluster_blocks: u32) -> Result<(), CudaError> {
        use sys::CUfunction_attribute::{
            CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES as SHARED,
            CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED as CLUSTER,
        };
        let set = |attribute, value: u32| {
            // SAFETY: the function's module is held, so it is loaded.
            let done = unsafe {
                result::function::set_function_attribute(self.raw, attribute, value as i32)
            };
            done.map_err(CudaError::of("cuFuncSetAttribute"))
        };
        if shared_bytes > 0 {
            set(SHARED, shared_bytes)?;
        }
        if cluster_blocks > PORTABLE_CLUSTER {
            set(CLUSTER, 1)?;
        }
        Ok(())
    }
}
