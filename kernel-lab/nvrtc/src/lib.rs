//! CUDA C++ to PTX and machine code by NVRTC, without a GPU.
//!
//! NVRTC runs in a confined child with limits (the program `kernel-nvrtc` of
//! this package): its input is hostile. A template bomb is stopped, a file of
//! this machine can't be included, and a crash is an answer. What it makes is
//! kept under a hash of all that went in.

mod compile;
mod find;
mod headers;
mod messages;
mod options;
mod resources;
pub mod wire;

pub use compile::{Built, Compiler, Failure, Outcome};
pub use find::{FindError, Places, Toolchain};
pub use options::{Arch, OptionError, Options};
pub use resources::Resources;
