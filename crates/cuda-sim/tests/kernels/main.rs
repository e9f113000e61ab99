//! Kernels in CUDA C++, compiled by NVRTC: those given, those with a bug, and
//! those that use what the language has.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bugs;
mod convoy;
mod counted_copies;
mod counters;
mod given;
mod given_types;
mod harness;
mod language;
mod marks;
mod modelled;
mod named;
mod tensor;
mod together;
