//! Fresh values for inputs that nobody can predict, cheaply.
//!
//! A task draws its inputs with PyTorch, at tens of milliseconds per call; a
//! measurement needs hundreds of calls. So [`infer()`] looks at two
//! draws of the task's own `get_inputs` and recognises the plain distributions,
//! and [`fill()`] draws from them at memory speed. What it does not recognise
//! beyond doubt stays with the task's own code. [`Special`] makes the awkward
//! values that random ones never hit. Everything here is pure: the seeds come from
//! outside, and whoever needs secrecy must draw them from the operating system.

mod evidence;
mod family;
mod fit;
mod generate;
mod mix;
mod normal;
mod special;

pub use family::{Draw, Family, infer, infer_all};
pub use generate::{Distribution, fill, fill_at};
pub use mix::{Key, one_way};
pub use special::{Domain, Special};

#[cfg(test)]
mod family_tests;
#[cfg(test)]
mod tests;
