//! Whether a candidate's answers are right, decided on plain slices.
//!
//! [`compare()`] holds an output against the truth within an error budget
//! ([`tolerance`]); [`Finding`] says what happened in words a reader can act
//! on; [`poison`], [`guard`] and [`ContentHash`] detect what a comparison of
//! values can't: outputs never written, writes beside a buffer, answers
//! returned twice. [`Roofline`] bounds how fast anything can be. Everything here
//! is pure.

mod compare;
mod exact;
mod findings;
mod floor;
pub mod guard;
mod hash;
pub mod poison;
mod rows;
mod simd;
pub mod tolerance;

pub use compare::{Expected, Outcome, Site, compare};
pub use findings::{DeviceFinding, Finding, Near, Side, ValueClass};
pub use floor::Roofline;
pub use hash::{ContentHash, is_uniform};
pub(crate) use simd::dispatch;

#[cfg(test)]
mod tests;
