//! `kernel-bench`: candidates against their baselines.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::main()
}
