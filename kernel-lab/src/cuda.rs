//! `kernel-lab compile`: CUDA C++ to PTX and machine code, GPU or not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kernel_nvrtc::{Arch, Compiler, Failure, Options, Outcome, Places, Resources, Toolchain};
use serde::Serialize;

use crate::cli::CompileArgs;
use crate::error::HarnessError;
use crate::paths::Surroundings;

/// Exit code where a source does not compile.
pub const REFUSED: u8 = 11;

/// The program that compiles.
const CHILD: &str = "kernel-nvrtc";

/// `kernel-lab compile --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// Version of this document.
    pub schema: u32,
    /// One for each file and GPU, files first.
    pub compiled: Vec<Row>,
}

/// One file for one GPU.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The source.
    pub file: PathBuf,
    /// For which GPU.
    pub arch: Arch,
    /// Whether it compiles.
    pub ok: bool,
    /// The first errors, where it does not.
    pub errors: Option<String>,
    /// What was made of it.
    pub made: Option<Made>,
}

/// What was made of a source.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Version of NVRTC.
    pub nvrtc: String,
    /// Options as NVRTC got them, without include paths.
    pub options: Vec<String>,
    /// File with the PTX.
    pub ptx: PathBuf,
    /// File with the machine code.
    pub cubin: PathBuf,
    /// Hash of all that went in.
    pub key: String,
    /// Whether it was there already.
    pub cached: bool,
    /// Milliseconds in NVRTC, when it was made.
    pub nvrtc_ms: f64,
    /// Milliseconds that it took now.
    pub elapsed_ms: f64,
    /// By function, as mangled.
    pub resources: BTreeMap<String, Resources>,
    /// Warnings.
    pub warnings: String,
}

/// Compiles what `args` says; `variable` reads the environment.
pub fn compile(
    args: &CompileArgs,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Document, HarnessError> {
    let input = |error: &dyn std::error::Error| HarnessError::CudaInput(error.to_string());
    let options = Options::parse(&args.option).map_err(|error| input(&error))?;
    let archs: Result<Vec<Arch>, _> = args.arch.iter().map(|arch| Arch::parse(arch)).collect();
    let archs = archs.map_err(|error| input(&error))?;
    let mut jobs = Vec::new();
    for path in &args.files {
        let source = std::fs::read_to_string(path).map_err(|source| HarnessError::File {
            doing: "read",
            path: path.clone(),
            source,
        })?;
        jobs.extend(
            archs
                .iter()
                .map(|arch| (source.clone(), arch.clone(), options.clone())),
        );
    }
    let compiler = compiler(variable)?;
    let threads = args.jobs.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let many = jobs.len() > 1;
    let place = |at: usize| (&args.files[at / archs.len()], &archs[at % archs.len()]);
    let done = |at: usize, result: &Result<Outcome, Failure>| {
        if many {
            let (file, arch) = place(at);
            let word = match result {
                Ok(Outcome::Built(_)) => "compiled",
                Ok(Outcome::Refused(_)) => "refused",
                Err(_) => "failed",
            };
            eprintln!("compile: {} {arch}: {word}", file.display());
        }
    };
    let results = compiler.compile_all(&jobs, threads, &done);
    let mut compiled = Vec::with_capacity(results.len());
    for (at, result) in results.into_iter().enumerate() {
        let (file, arch) = place(at);
        let outcome = result.map_err(|error| HarnessError::Cuda(Box::new(error)))?;
        compiled.push(row(file, arch, outcome, args.out.as_deref())?);
    }
    Ok(Document {
        schema: 1,
        compiled,
    })
}

fn compiler(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Compiler, HarnessError> {
    let surroundings = Surroundings::read(variable);
    let mut places = Places::read(variable);
    if let Some(home) = &surroundings.home {
        let venv = home.join(".venv").into_os_string();
        let beside = Places::read(|name| (name == "ALPHALAB_VENV").then(|| venv.clone()));
        places.packages.extend(beside.packages);
    }
    let toolchain =
        Toolchain::find(&places).map_err(|error| HarnessError::CudaInput(error.to_string()))?;
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

fn row(
    file: &Path,
    arch: &Arch,
    outcome: Outcome,
    out: Option<&Path>,
) -> Result<Row, HarnessError> {
    let mut row = Row {
        file: file.to_owned(),
        arch: arch.clone(),
        ok: false,
        errors: None,
        made: None,
    };
    match outcome {
        Outcome::Refused(errors) => row.errors = Some(errors),
        Outcome::Built(mut built) => {
            if let Some(out) = out {
                built.ptx = copy(&built.ptx, file, arch, "ptx", out)?;
                built.cubin = copy(&built.cubin, file, arch, "cubin", out)?;
            }
            row.ok = true;
            row.made = Some(Made {
                nvrtc: format!("{}.{}", built.version.0, built.version.1),
                options: built.options,
                ptx: built.ptx,
                cubin: built.cubin,
                key: built.key.to_string(),
                cached: built.cached,
                nvrtc_ms: built.nvrtc_ms,
                elapsed_ms: built.elapsed_ms,
                resources: built.resources,
                warnings: built.warnings,
            });
        }
    }
    Ok(row)
}

fn copy(
    from: &Path,
    file: &Path,
    arch: &Arch,
    ending: &str,
    out: &Path,
) -> Result<PathBuf, HarnessError> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let to = out.join(format!("{stem}.{arch}.{ending}"));
    std::fs::create_dir_all(out)
        .and_then(|()| std::fs::copy(from, &to))
        .map_err(|source| HarnessError::File {
            doing: "write",
            path: to.clone(),
            source,
        })?;
    Ok(to)
}

impl Document {
    /// Whether every source compiles for every GPU.
    pub fn all_compile(&self) -> bool {
        self.compiled.iter().all(|row| row.ok)
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for row in &self.compiled {
            let file = row.file.display();
            let Some(made) = &row.made else {
                let errors = row.errors.as_deref().unwrap_or_default();
                let _ = writeln!(text, "{file} {}: does not compile\n{errors}", row.arch);
                continue;
            };
            let how = if made.cached {
                "from the cache".to_owned()
            } else {
                format!("{:.0} ms in NVRTC {}", made.nvrtc_ms, made.nvrtc)
            };
            let _ = writeln!(text, "{file} {}: {how}, {}", row.arch, made.ptx.display());
            for (name, takes) in &made.resources {
                let _ = write!(
                    text,
                    "  {name}: {} registers, {} bytes shared",
                    takes.registers, takes.shared_bytes
                );
                if takes.spill_store_bytes + takes.spill_load_bytes > 0 {
                    let _ = write!(
                        text,
                        ", spills {} bytes out and {} in",
                        takes.spill_store_bytes, takes.spill_load_bytes
                    );
                }
                text.push('\n');
            }
            if !made.warnings.is_empty() {
                let _ = writeln!(text, "{}", made.warnings);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}
