//! Instructions on registers against exact references, case by case.
//!
//! Each check runs one instruction in many threads. `CUDA_SIM_CASES` says how
//! many cases each has; a million takes some minutes.

#![expect(clippy::unwrap_used, reason = "tests")]

mod approximations;
mod bits;
mod cases;
mod comparisons;
mod conversions;
mod floats;
mod fragments;
mod halves;
mod instruction;
mod integers;
mod layouts;
mod products;
mod reference;
mod small;
mod warp;
