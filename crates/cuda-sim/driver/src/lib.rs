//! A stand-in for the NVIDIA driver library on a machine without a GPU.
//!
//! The shared object exports the functions of the CUDA driver API that cudarc
//! 0.19 calls, under the name by which programs load the driver
//! (`libcuda.so.1`), and runs kernels from PTX on the processor with all of
//! cuda-sim's checks. Nothing installs it: a parent puts it on the library
//! path of the one child that needs it (docs/cuda-sim.md).
//!
//! [`machine`] is the driver as a state machine, without threads, clock or
//! pointers; [`driver`] puts it behind a lock and gives it threads; `abi`, the
//! only place with unsafe code, is what C sees of it.
//!
//! ```
//! use cuda_sim_driver::{Caller, Driver, Outside, Settings, StreamRef};
//!
//! let driver = Driver::new(Settings::default(), Box::new(Outside::new(None, None)));
//! let mut caller = Caller::default();
//! let context = driver.enter().primary_retain();
//! caller.set_current(Some(context));
//! let memory = driver.enter().allocate(&caller, 64)?;
//! driver.enter().fill_async(&caller, StreamRef::Legacy, memory, &[7], 64)?;
//! let wait = driver.enter().free(&caller, memory)?;
//! wait.map_or(Ok(()), |wait| driver.wait(wait))?;
//! # Ok::<(), cuda_sim_driver::Error>(())
//! ```

#![deny(unsafe_code)]

mod abi;
pub mod attributes;
mod caller;
pub mod driver;
mod error;
mod handle;
pub mod machine;
pub mod report;
pub mod settings;

pub use caller::{Caller, CaptureMode};
pub use driver::Driver;
pub use error::Error;
pub use handle::{
    ContextId, EventId, ExecId, FunctionId, GraphId, ModuleId, PoolId, StreamId, StreamRef,
};
pub use machine::Machine;
pub use report::{Found, Launched, Outside, Reporter};
pub use settings::Settings;
