//! The driver without the ABI: what calls answer, and what becomes of work.

#![expect(clippy::unwrap_used, reason = "tests")]

mod capture;
mod errors;
mod harness;
mod memory;
mod modules;
mod program;
mod random;
mod streams;
mod wild;
