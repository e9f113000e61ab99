//! What was found, to be used elsewhere: a source tree with a Makefile, and a
//! `ModelNew` in the format of KernelBench, with the proof of its figure.

mod python;
mod tree;

pub use tree::{Export, Exported, write};
