//! Tasks: files in the KernelBench format, their sizes, and what is needed to
//! measure against them.

mod library;
mod loaded;
pub mod sizes;

pub use library::{TaskLibrary, TaskSource, sized_hash, source_hash};
pub use loaded::{Draw, Expected, InputSet, LoadedTask, SETS};
