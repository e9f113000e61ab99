//! The program that compiles, for those that can't start themselves again.

use std::process::ExitCode;

fn main() -> ExitCode {
    match kernel_nvrtc::child::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("kernel-nvrtc: {problem}");
            ExitCode::FAILURE
        }
    }
}
