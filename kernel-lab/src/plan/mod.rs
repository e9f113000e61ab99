//! What a candidate asks to be run: `plan.toml`, checked and bound to a task.
//!
//! [`parse()`] turns text into a [`Plan`] that knows no task; [`bind()`] checks
//! it against a task's buffers and yields a [`BoundPlan`] in which every size
//! is a number and every argument a buffer index or a value;
//! [`trampoline()`] writes the C++ that lets a CPU's runner call the kernels without
//! knowing their types. Everything here is pure.

mod bind;
mod bind_library;
mod bound;
mod convolution;
mod dtype;
mod error;
mod expr;
mod launch;
mod library;
mod parse;
mod spec;
mod suggest;
mod toml_view;
mod trampoline;

pub use bind::{BufferMeta, Limits, Signature, bind, of_module};
pub use bound::{
    ArgType, BoundArg, BoundBuffer, BoundLaunch, BoundPlan, BoundStep, KernelSignature, Role, Track,
};
pub use convolution::Convolution;
pub use dtype::Dtype;
pub use error::{PlanError, Problem};
pub use expr::{BinaryOp, Env, Expr, ExprError, ExprErrorKind, Function, Node};
pub use library::{LibraryAttrs, LibraryOp};
pub use parse::{Target, parse};
pub use spec::{AttrValue, Dim, Launch, Plan, PlanArg, Step, StepKind, Temp};
pub use suggest::did_you_mean;
pub use trampoline::{entries, entry_symbol, trampoline};

#[cfg(test)]
mod tests;
