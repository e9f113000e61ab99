//! `cargo bench -p benches`: candidates against their baselines.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::main()
}
