//! CUDA C++ to PTX and machine code by NVRTC, without a GPU.
//!
//! NVRTC runs in a confined child with limits ([`child`]): its input is hostile. A template bomb is stopped, a file of
//! this machine can't be included, and a crash is an answer. What it makes is
//! kept under a hash of all that went in.

pub mod child;
mod compile;
mod files;
mod find;
mod headers;
mod messages;
mod options;
mod resources;
mod run;
pub mod wire;

pub use compile::{Answer, Built, Compiler, Failure, Job, Outcome};
pub use files::{Ask, Document, FilesError, Made, Row, compile_files};
pub use find::{FindError, Places, Toolchain, cache_folder};
pub use options::{Arch, OptionError, Options};
pub use resources::Resources;
pub use run::NAME;
