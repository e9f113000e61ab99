//! `kernel-runner-torch CPU,CPU,…`: the runner for plans with library nodes.
//! Not for people.

mod nodes;

use std::process::ExitCode;

fn main() -> ExitCode {
    kernel_runner::serve::main(Some(&nodes::Torch))
}
