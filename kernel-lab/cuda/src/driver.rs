//! The CUDA driver API, as far as a plan needs it: a context, memory, a module.
//!
//! Everything here is the thinnest cover over cudarc: handles that are given back, errors
//! that name the call. Calls are synchronous; work goes into one stream.

#![expect(unsafe_code, reason = "the driver API is C")]

use std::ffi::{CString, c_int, c_void};
use std::marker::PhantomData;
use std::rc::Rc;

use cudarc::driver::{DriverError, result, sys};

/// The CUDA that this is written for, as the driver counts: an older driver can't load what
/// the lab's NVRTC makes.
const CUDA: i32 = 13_000;
/// Bytes of a loader's messages that are kept.
const LOG_BYTES: usize = 8 << 10;
/// Blocks of a cluster beyond which a kernel must say that it takes them.
const PORTABLE_CLUSTER: u32 = 8;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {name}{}", if .detail.is_empty() { String::new() } else { format!(" ({})", .detail) })]
pub struct CudaError {
    /// Which call.
    pub call: &'static str,
    /// The driver's name for what went wrong.
    pub name: String,
    /// More about it; may be empty.
    pub detail: String,
}

impl CudaError {
    fn of(call: &'static str) -> impl FnOnce(DriverError) -> Self {
        move |error| {
            let text = |found: Result<&std::ffi::CStr, DriverError>| {
                found.map(|text| text.to_string_lossy().into_owned())
            };
            Self {
                call,
                name: text(error.error_name()).unwrap_or_else(|_| format!("{:?}", error.0)),
                detail: text(error.error_string()).unwrap_or_default(),
            }
        }
    }

    fn or(self, log: String) -> Self {
        if log.is_empty() {
            return self;
        }
        Self {
            detail: log,
            ..self
        }
    }
}

/// Why there is no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The loader finds no driver.
    #[error(
        "there is no CUDA driver: libcuda.so.1 can't be loaded; install NVIDIA's driver, or use \
         the simulator (ALPHALAB_CUDA=simulator)"
    )]
    NoDriver,
    /// The driver is older than the lab's CUDA.
    #[error(
        "the CUDA driver is for CUDA {}, which is older than {}: update NVIDIA's driver",
        version(*.0),
        version(CUDA)
    )]
    Old(i32),
    /// No device.
    #[error("the CUDA driver finds no device: {0}")]
    NoDevice(CudaError),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] CudaError),
}

fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

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
        result::init()
            .map_err(CudaError::of("cuInit"))
            .map_err(OpenError::NoDevice)?;
        let device = result::device::get(0)
            .map_err(CudaError::of("cuDeviceGet"))
            .map_err(OpenError::NoDevice)?;
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
        result::ctx::synchronize().map_err(CudaError::of("cuCtxSynchronize"))
    }

    /// Takes memory.
    pub fn allocate(&self, bytes: u64) -> Result<Memory, CudaError> {
        // SAFETY: given back when `Memory` goes. No memory at all can't be taken.
        let address = unsafe { result::malloc_sync(bytes.max(1) as usize) };
        Ok(Memory {
            address: address.map_err(CudaError::of("cuMemAlloc"))?,
            bytes,
        })
    }

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

    /// Launches a kernel and returns at once. `arguments` are the kernel's, each with its
    /// bytes first.
    pub fn launch(&self, launch: &Launch<'_>) -> Result<(), CudaError> {
        let mut arguments = launch.arguments.to_vec();
        let mut pointers: Vec<*mut c_void> = arguments
            .iter_mut()
            .map(|value| std::ptr::from_mut(value).cast())
            .collect();
        if let Some(cluster) = launch.cluster {
            return self.launch_clusters(launch, cluster, &mut pointers);
        }
        let [grid, block] = [launch.grid, launch.block].map(|[x, y, z]| (x, y, z));
        let (function, shared_bytes) = (launch.function.raw, launch.shared_bytes);
        // SAFETY: the function holds its module; the driver copies as many bytes of each
        // argument as the kernel's parameter has, which is eight at most and checked
        // against the module's text; what the kernel does with them is looked at by whoever
        // asked for it.
        unsafe {
            if launch.cooperative {
                result::launch_cooperative_kernel(
                    function,
                    grid,
                    block,
                    shared_bytes,
                    self.stream,
                    &mut pointers,
                )
                .map_err(CudaError::of("cuLaunchCooperativeKernel"))
            } else {
                result::launch_kernel(
                    function,
                    grid,
                    block,
                    shared_bytes,
                    self.stream,
                    &mut pointers,
                )
                .map_err(CudaError::of("cuLaunchKernel"))
            }
        }
    }

    fn launch_clusters(
        &self,
        launch: &Launch<'_>,
        [x, y, z]: [u32; 3],
        pointers: &mut [*mut c_void],
    ) -> Result<(), CudaError> {
        let attribute = |id, value| sys::CUlaunchAttribute {
            id,
            pad: [0; 4],
            value,
        };
        let mut attributes = vec![attribute(
            sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
            sys::CUlaunchAttributeValue {
                clusterDim: sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x, y, z },
            },
        )];
        if launch.cooperative {
            attributes.push(attribute(
                sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_COOPERATIVE,
                sys::CUlaunchAttributeValue { cooperative: 1 },
            ));
        }
        let config = sys::CUlaunchConfig {
            gridDimX: launch.grid[0],
            gridDimY: launch.grid[1],
            gridDimZ: launch.grid[2],
            blockDimX: launch.block[0],
            blockDimY: launch.block[1],
            blockDimZ: launch.block[2],
            sharedMemBytes: launch.shared_bytes,
            hStream: self.stream,
            attrs: attributes.as_mut_ptr(),
            numAttrs: attributes.len() as u32,
        };
        // SAFETY: as in `launch`; configuration and attributes outlive the call.
        unsafe {
            sys::cuLaunchKernelEx(
                &raw const config,
                launch.function.raw,
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        }
        .result()
        .map_err(CudaError::of("cuLaunchKernelEx"))
    }
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
        Some(done.map_err(CudaError::of("cuMemcpyHtoD")))
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
    raw: sys::CUfunction,
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

/// A kernel with all that it is launched with.
#[derive(Clone, Debug)]
pub struct Launch<'l> {
    /// The kernel.
    pub function: &'l Function,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory of a block.
    pub shared_bytes: u32,
    /// Whether all blocks must be there at the same time.
    pub cooperative: bool,
    /// Blocks of a cluster in x, y and z.
    pub cluster: Option<[u32; 3]>,
    /// Arguments: of each, the lowest bytes count.
    pub arguments: &'l [u64],
}
