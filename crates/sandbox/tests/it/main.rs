//! The sandbox with real processes, on every backend that works here.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;
mod confinement;
mod control;
mod limits;
mod lockdown;
