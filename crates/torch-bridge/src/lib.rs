//! One embedded CPython interpreter with torch, on one thread, whose tensors
//! are shared with Rust without copies.
//!
//! [`Interp::start`] brings it up; [`Interp::load_task`] loads a task in the
//! KernelBench format; a [`TaskModule`] makes inputs and a [`Model`]; a model
//! is called through a [`BoundCall`], eagerly or compiled, and described by an
//! [`OpGraph`]. The Python half is `python/bridge.py`.
//!
//! Nothing here measures or judges: the labs do.

mod fault;
mod graph;
mod handle;
mod interp;
mod model;
mod startup;
mod task;
mod tensor;

/// The Python half, for a process of its own that needs tasks and models as they are here.
pub const BRIDGE: &str = include_str!("../python/bridge.py");

pub use fault::PyFault;
pub use graph::{Arg, GraphSource, GraphValue, OpGraph, OpNode, TensorMeta, ValueKind};
pub use interp::{Interp, InterpConfig, required_env};
pub use model::{BoundCall, Callable, CompileMode, Model, Output, Without};
pub use startup::keep_freed_pages;
pub use task::{Footprint, Literal, TaskModule};
pub use tch;
pub use tensor::{Plain, Value, bytes, bytes_mut, dtype_name, elements, elements_mut};
