//! The real `kernel-lab`, run to its end.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use sandbox::{Command, ExitReason, Limits};

use super::environment;

/// Exit code, standard output and error with these arguments, and these variables besides those
/// by which the lab finds its tools.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let policy = variables
        .iter()
        .fold(environment::of_labs(), |policy, (name, value)| {
            policy.env(*name, *value)
        });
    let finished = Command::new(env!("CARGO_BIN_EXE_kernel-lab"), policy, Limits::none())
        .args(arguments)
        .run()
        .unwrap();
    let ExitReason::Exited(code) = finished.reason else {
        panic!("{}: {}", finished.reason, finished.stderr.text())
    };
    (code, finished.stdout.text(), finished.stderr.text())
}
