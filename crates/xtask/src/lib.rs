//! The developer tasks behind `cargo xtask`: set up the Python environments
//! (one with torch, one for agents), build the binaries, run the default campaign, test, check.
//!
//! Nothing here needs torch, so that the first command on a fresh machine
//! compiles in under a minute. Decisions (which interpreter, what to do with a
//! half-finished environment, what a test run amounts to) are pure functions;
//! [`spawn`] is the only module that starts processes.
//!
//! Progress goes to stderr; stdout carries the result line of a verb, the
//! output of the tests, and what `alphalab` prints.

#![forbid(unsafe_code)]

mod acceptance;
mod agents_python;
mod bench;
mod checks;
mod ci;
mod cli;
mod compile;
mod deny;
mod environment;
mod problem;
mod python;
mod red_team;
mod run;
mod setup;
mod soak;
mod spawn;
mod tally;
mod testing;
mod trials;
mod ui;
mod venv;
mod workspace;

pub use cli::main;
