//! `kernel-lab compile`: CUDA C++ to PTX and machine code, GPU or not.

use std::ffi::OsString;

use kernel_nvrtc::{Arch, Ask, Compiler, Document, FilesError, Options, Places, Toolchain};

use crate::cli::CompileArgs;
use crate::error::{HarnessError, chain};
use crate::paths::Surroundings;

/// Exit code where a source does not compile: it is input, as a file that can't
/// be read.
pub const REFUSED: u8 = 3;

/// The program that compiles.
const CHILD: &str = "kernel-nvrtc";

/// Compiles what `args` says; `variable` reads the environment.
pub fn compile(
    args: &CompileArgs,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Document, HarnessError> {
    let input = |error: &dyn std::error::Error| HarnessError::CudaInput(chain(error));
    let options = Options::parse(&args.option).map_err(|error| input(&error))?;
    let archs: Result<Vec<Arch>, _> = args.arch.iter().map(|arch| Arch::parse(arch)).collect();
    let threads = args.jobs.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let ask = Ask {
        files: args.files.clone(),
        archs: archs.map_err(|error| input(&error))?,
        options,
        out: args.out.clone(),
        threads,
    };
    let compiler = compiler(variable)?;
    let progress = |line: &str| eprintln!("compile: {line}");
    let done = kernel_nvrtc::compile_files(&compiler, &ask, &progress);
    if let Some(note) = compiler.note() {
        eprintln!("kernel-lab: {note}");
    }
    done.map_err(|error| match error {
        error @ FilesError::Unreadable { .. } => input(&error),
        other => HarnessError::Cuda(Box::new(other)),
    })
}

/// Where NVRTC is.
pub(crate) fn toolchain(
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Toolchain, HarnessError> {
    let mut places = Places::read(variable);
    if let Some(home) = Surroundings::read(variable).home {
        places = places.and_venv(&home.join(".venv"));
    }
    Toolchain::find(&places).map_err(|error| HarnessError::CudaInput(error.to_string()))
}

/// NVRTC, with the lab's cache.
pub(crate) fn compiler(
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Compiler, HarnessError> {
    let surroundings = Surroundings::read(variable);
    let toolchain = toolchain(variable)?;
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.to_owned()));
    let folders = surroundings.bin_dir.into_iter().chain(beside);
    let child = folders
        .map(|folder| folder.join(CHILD))
        .find(|path| path.is_file());
    let child = child.ok_or_else(|| HarnessError::Runner {
        doing: "be found",
        problem: format!(
            "no `{CHILD}` beside kernel-lab; build it with `cargo build --release -p kernel-nvrtc`"
        ),
    })?;
    let cache = surroundings
        .cache
        .unwrap_or_else(|| std::env::temp_dir().join("alphalab-cache"));
    Compiler::new(toolchain, &child, &cache.join("nvrtc"))
        .map_err(|error| HarnessError::Cuda(Box::new(error)))
}
