//! `kernel-runner CPU,CPU,…`: started by kernel-lab with the control block
//! as an inherited file descriptor. Not for people.
//!
//! It links no libtorch, so that it is up within milliseconds; plans with
//! library nodes run in `kernel-runner-torch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kernel_runner::serve::main(None)
}
