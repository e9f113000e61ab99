//! Criterion benches of kernels: for each task a candidate, eager PyTorch and
//! `torch.compile`, timed by kernel-lab and reported as HTML.
//!
//! [`HostTime`] is Criterion's `Measurement` on the lab's clock. Each
//! iteration is a call of [`kernel_lab::evaluate::Solo`], so inputs, caches,
//! threads and lock are those of an evaluation, and a candidate that is not
//! verified is not timed. Criterion runs one function after the other: its
//! ratios are for looking, the speedup of record is the paired one of
//! `kernel-lab evaluate` (`docs/benches.md`).

mod candidates;
mod measurement;
mod options;
mod outcome;
mod run;

use std::io;
use std::process::ExitCode;

pub use measurement::HostTime;

/// Why there are no benches.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    /// The lab could not be started, or could not do something.
    #[error(transparent)]
    Lab(#[from] kernel_lab::error::HarnessError),
    /// Something that was asked for can't be.
    #[error("{0}")]
    Input(String),
    /// A system call.
    #[error("failed to {doing}")]
    System {
        /// What for.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BenchError {
    /// Whether the user can do something about it.
    fn is_input(&self) -> bool {
        match self {
            Self::Lab(error) => error.is_input(),
            Self::Input(_) => true,
            Self::System { .. } => false,
        }
    }
}

/// Runs the benches that the process's arguments ask for.
///
/// Exit codes: 0 all were timed; 1 a candidate was not verified, or a task
/// failed; 2 usage; 3 input.
pub fn main() -> ExitCode {
    match run::main() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench: {}", kernel_lab::error::chain(&error));
            ExitCode::from(if error.is_input() { 3 } else { 1 })
        }
    }
}
