//! Files of CUDA C++, each for several GPUs, and the document that says what
//! came of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::compile::{Answer, Compiler, Failure, Job, Outcome};
use crate::options::{Arch, Options};
use crate::resources::Resources;

/// Nothing can be said about the sources.
#[derive(Debug, Error)]
pub enum FilesError {
    /// A source that can't be read.
    #[error("failed to read {}", path.display())]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A copy that can't be written.
    #[error("failed to write {}", path.display())]
    Unwritable {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The compiler can't be used.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What is to be compiled.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Sources.
    pub files: Vec<PathBuf>,
    /// Each is compiled for each of these.
    pub archs: Vec<Arch>,
    /// Of all of them.
    pub options: Options,
    /// Where copies of what is made go: `NAME.ARCH.ptx` and `NAME.ARCH.cubin`.
    pub out: Option<PathBuf>,
    /// So many at the same time.
    pub threads: usize,
}

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

/// Compiles files; `progress` gets a line for each.
pub fn compile_files(
    compiler: &Compiler,
    ask: &Ask,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Document, FilesError> {
    let jobs: Result<Vec<Job>, FilesError> = ask
        .files
        .iter()
        .map(|path| {
            let source = fs::read_to_string(path).map_err(|source| FilesError::Unreadable {
                path: path.clone(),
                source,
            })?;
            Ok(Job {
                source,
                archs: ask.archs.clone(),
                options: ask.options.clone(),
            })
        })
        .collect();
    let jobs = jobs?;
    let many = jobs.len() > 1;
    let done = |at: usize, result: &Answer| {
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(_));
        let word = match result {
            Ok(outcomes) if outcomes.iter().any(refused) => "refused",
            Ok(_) => "compiled",
            Err(_) => "failed",
        };
        if many {
            progress(&format!("{}: {word}", ask.files[at].display()));
        }
    };
    let mut compiled = Vec::new();
    let results = compiler.compile_all(&jobs, ask.threads, &done);
    for (file, result) in ask.files.iter().zip(results) {
        for (arch, outcome) in ask.archs.iter().zip(result?) {
            compiled.push(row(file, arch, outcome, ask.out.as_deref())?);
        }
    }
    Ok(Document {
        schema: 1,
        compiled,
    })
}

fn row(file: &Path, arch: &Arch, outcome: Outcome, out: Option<&Path>) -> Result<Row, FilesError> {
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
) -> Result<PathBuf, FilesError> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let to = out.join(format!("{stem}.{arch}.{ending}"));
    fs::create_dir_all(out)
        .and_then(|()| fs::copy(from, &to))
        .map_err(|source| FilesError::Unwritable {
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
