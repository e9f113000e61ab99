//! Measuring, whatever the device: who runs when, what is dropped, when it
//! is enough. Nothing in here knows a kernel.

pub mod contention;
pub mod lock;
pub(crate) mod priority;
pub mod sampler;
pub mod scrub;
pub mod wake;
