//! `cargo xtask`: the one developer entry to the workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
