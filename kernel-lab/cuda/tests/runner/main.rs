//! The runner on the simulator, asked as kernel-lab asks it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod failures;
mod harness;
mod run;
mod time;
