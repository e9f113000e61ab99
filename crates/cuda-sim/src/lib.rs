//! CUDA kernels on a machine without a GPU, checked.
//!
//! [`ptx`] parses what NVRTC emits, `decode` turns functions into steps whose
//! work on registers is in `ops`, and `exec` runs them: warps of 32 lanes, each
//! step in all lanes at once, blocks on the processors of this machine. What a
//! kernel must not do becomes a [`Finding`] with its line in the source. An
//! instruction that is not known keeps a module from loading: what loads does
//! what its text says. No time is measured: nothing here says how fast a GPU
//! would be.
//!
//! ```
//! use cuda_sim::{Device, Limits, Module, Shape};
//!
//! let text = "
//!     .version 8.3
//!     .target sm_80
//!     .address_size 64
//!     .visible .entry twice(.param .u64 x)
//!     {
//!         .reg .b32 %r<3>;
//!         .reg .b64 %rd<3>;
//!         ld.param.u64 %rd1, [x];
//!         mov.u32 %r1, %tid.x;
//!         mad.wide.u32 %rd2, %r1, 4, %rd1;
//!         ld.global.u32 %r2, [%rd2];
//!         add.s32 %r2, %r2, %r2;
//!         st.global.u32 [%rd2], %r2;
//!         ret;
//!     }";
//! let mut device = Device::new(1 << 20);
//! let module = Module::load(device.heap_mut(), text)?;
//! let x = device.upload("x", &[1, 0, 0, 0, 2, 0, 0, 0])?;
//! let shape = |threads| Shape {
//!     grid: [1, 1, 1],
//!     block: [threads, 1, 1],
//!     dynamic_shared: 0,
//! };
//! let arguments = x.base().to_le_bytes();
//!
//! let outcome = module.launch(device.heap(), "twice", shape(2), &arguments, Limits::default())?;
//! assert!(outcome.findings.is_empty());
//! let mut bytes = [0; 8];
//! x.read(0, &mut bytes);
//! assert_eq!(bytes, [2, 0, 0, 0, 4, 0, 0, 0]);
//!
//! let outcome = module.launch(device.heap(), "twice", shape(3), &arguments, Limits::default())?;
//! assert_eq!(
//!     outcome.findings[0].to_string(),
//!     "out-of-bounds global read in `twice` at line 12 of the PTX: block (0,0,0), \
//!      thread (2,0,0), 4 bytes at 0x700000008 (byte 8 of `x`, which has 8)"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

mod cooperative;
mod decode;
mod device;
mod exec;
mod finding;
mod memory;
pub mod model;
mod ops;
pub mod ptx;
mod survey;

pub use decode::LoadError;
pub use device::{
    Attributes, Checks, Device, LaunchError, Limits, MAX_THREADS, Module, NAME_PREFIX, Properties,
    SHARED_BYTES, Shape,
};
pub use exec::counters::{Counters, SharedTraffic, Traffic};
pub use exec::launch::{Counts, Outcome};
pub use finding::{Buffer, Finding, Problem, Touched};
pub use memory::{Allocation, Heap, HeapError, Snapshot};
pub use ops::Class;
pub use survey::{Usage, survey};
