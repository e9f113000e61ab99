//! `cuda-sim`: runs and checks CUDA kernels on a machine without a GPU.

mod argument;
mod cli;
mod commands;
mod compare;
mod element;
mod excerpt;
mod fill;
mod launch;
mod model;
mod names;
mod npy;
mod numbers;
mod opcodes;
mod patience;
mod probes;
mod problem;
mod report;
mod source;
mod values;

use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // The compiler runs in a confined child, which is this program again.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|it| it == source::CHILD)
    {
        return match kernel_nvrtc::child::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::FAILURE
            }
        };
    }
    let cli = cli::Cli::parse();
    match catch_unwind(|| commands::run(&cli)) {
        Ok(Ok(code)) => ExitCode::from(code),
        // Where it happened was printed then.
        Err(_) => {
            eprintln!("cuda-sim: this is a fault of the simulator, not of the kernel");
            ExitCode::FAILURE
        }
        Ok(Err(problem)) => {
            eprintln!("cuda-sim: {}", problem::chain(&problem));
            ExitCode::from(problem.exit_code())
        }
    }
}
