//! `kernel-runner-cuda`: started by kernel-lab, with one end of a socket.

use std::process::ExitCode;

fn main() -> ExitCode {
    kernel_cuda::serve::main()
}
