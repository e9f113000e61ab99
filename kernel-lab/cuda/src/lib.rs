//! The process that runs CUDA candidates, and how it is talked to.
//!
//! A candidate is device code and a plan: nothing of it runs in this process
//! itself, which loads the driver, holds the plan's buffers and launches. It is
//! confined all the same, and gone with its candidate: an error of a kernel stays
//! with a context until the context is gone.
//!
//! [`wire`] is what the host and the runner say to each other; [`driver`] is the
//! CUDA driver API as far as a plan needs it, and all but a few lines of the unsafe code;
//! [`serve`] answers, and times calls; [`nvml`] reads the device's clocks. The driver is
//! whatever `libcuda.so.1` the loader finds: a GPU's own, or the simulator's
//! (docs/cuda-sim.md).

#![deny(unsafe_code)]

pub mod driver;
pub mod nvml;
pub mod serve;
pub mod wire;
