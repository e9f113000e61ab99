//! A file with CUDA C++ or PTX, as PTX.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use cuda_sim::LoadError;
use kernel_nvrtc::{Arch, Compiler, NAME, Options, Outcome, Places, Toolchain, cache_folder};

use crate::cli::CompileArgs;
use crate::problem::{Problem, file};

/// What makes this program the compiler's child.
pub(crate) const CHILD: &str = "compile-in-this-folder";

/// What was read, and what was made of it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    /// CUDA C++, if it is that.
    pub(crate) text: Option<String>,
    pub(crate) ptx: String,
    /// Registers of each thread by kernel, if the assembler has said so.
    pub(crate) registers: BTreeMap<String, u32>,
}

impl Source {
    /// Reads a file, and compiles it if it is not PTX.
    pub(crate) fn read(path: &Path, args: &CompileArgs) -> Result<Self, Problem> {
        let bytes = fs::read(path).map_err(file("read", path))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Problem::input(format!("{} is no text", path.display())))?;
        if is_ptx(path, &text) {
            return Ok(Self {
                file: path.to_owned(),
                text: None,
                ptx: text,
                registers: BTreeMap::new(),
            });
        }
        let arch = Arch::parse(&args.arch).map_err(|error| Problem::input(error.to_string()))?;
        let options =
            Options::parse(&args.option).map_err(|error| Problem::input(error.to_string()))?;
        let compiler = compiler()?;
        let outcome = compiler.compile(&text, &arch, &options)?;
        if let Some(note) = compiler.note() {
            eprintln!("cuda-sim: {note}");
        }
        match outcome {
            Outcome::Built(built) => Ok(Self {
                file: path.to_owned(),
                ptx: fs::read_to_string(&built.ptx).map_err(file("read", &built.ptx))?,
                text: Some(text),
                registers: built
                    .resources
                    .into_iter()
                    .map(|(name, takes)| (name, takes.registers))
                    .collect(),
            }),
            Outcome::Refused(errors) => {
                let errors = renamed(&errors, path);
                let shown = path.display();
                Err(Problem::Refused(format!(
                    "{shown} does not compile for {arch}:\n{errors}"
                )))
            }
        }
    }

    /// The file's name, as findings say it.
    pub(crate) fn name(&self) -> String {
        name(&self.file)
    }

    /// Why it can't be loaded.
    pub(crate) fn refused(&self, error: &LoadError) -> Problem {
        let what = renamed(&error.to_string(), &self.file);
        Problem::Refused(format!("{}: {what}", self.file.display()))
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The compiler has its own name for all sources.
fn renamed(text: &str, path: &Path) -> String {
    let name = name(path);
    text.replace(&format!("{NAME}("), &format!("{name}("))
        .replace(&format!("{NAME}:"), &format!("{name}:"))
}

fn is_ptx(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("ptx") => true,
        Some("cu" | "cuh" | "cpp" | "cc" | "h") => false,
        _ => text.lines().any(|line| line.starts_with(".version ")),
    }
}

fn compiler() -> Result<Compiler, Problem> {
    let variable = |name: &str| env::var_os(name);
    let mut places = Places::read(variable);
    // What `cargo xtask setup` made: known when this was built, or its default.
    let made = option_env!("ALPHALAB_VENV").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.venv");
    let home = variable("ALPHALAB_HOME").map(|home| PathBuf::from(home).join(".venv"));
    for venv in home.into_iter().chain(made).chain([workspace]) {
        places = places.and_venv(&venv);
    }
    let toolchain = Toolchain::find(&places).map_err(|error| Problem::input(error.to_string()))?;
    let cache = cache_folder(variable).unwrap_or_else(|| env::temp_dir().join("alphalab-cache"));
    let program = env::current_exe().map_err(file("find", Path::new("this program")))?;
    Ok(Compiler::new(toolchain, &program, &cache.join("nvrtc"))?.told(CHILD))
}
