//! C++ to a shared object with the system's compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::ContentHash;
use sandbox::{Command, ExitReason, Limits, Output, Policy};

use super::{Compiler, Object, Outcome};
use crate::error::HarnessError;

/// Options of every compilation, recorded with every result. No
/// `-ffast-math`: at link time it would flip the denormal flags of the whole
/// process; a kernel may ask for it by attribute.
pub const OPTIONS: &[&str] = &[
    "-std=c++20",
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-fPIC",
    "-shared",
    "-Wl,-z,defs",
    // A kernel called `select` is meant, not the function of the C library.
    "-Wl,-Bsymbolic",
    "-Wall",
    "-Wno-unused",
];

/// Longest compilation, against template bombs.
const WALL: Duration = Duration::from_secs(30);
/// Most address space of the compiler.
const MEMORY_BYTES: u64 = 4 << 30;
/// Errors shown; the first ones are the ones that matter.
const MAX_ERRORS: usize = 5;
/// Longest line shown.
const MAX_LINE: usize = 400;

/// The C++ compiler and its cache.
#[derive(Clone, Debug)]
pub struct Cxx {
    program: PathBuf,
    id: String,
    processor: String,
    cache: PathBuf,
}

impl Cxx {
    /// Finds `g++` (or `$CXX`'s replacement, `program`) and asks its version.
    /// Objects are kept in `cache`.
    pub fn find(cache: &Path) -> Result<Self, HarnessError> {
        fs::create_dir_all(cache).map_err(|source| HarnessError::File {
            doing: "create",
            path: cache.to_owned(),
            source,
        })?;
        let program = ["/usr/bin/g++", "/usr/local/bin/g++"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .ok_or_else(|| HarnessError::Runner {
                doing: "find a C++ compiler",
                problem: "no g++ in /usr/bin or /usr/local/bin; install g++ \
                          (Debian: `apt-get install g++`)"
                    .to_owned(),
            })?;
        let finished = Command::new(&program, Policy::isolated(), Limits::default())
            .arg("--version")
            .stdout(Output::Capture)
            .run()
            .map_err(HarnessError::process("ask the C++ compiler's version"))?;
        let text = finished.stdout.text();
        let id = text.lines().next().unwrap_or("unknown C++ compiler");
        Ok(Self {
            program,
            id: id.trim().to_owned(),
            processor: processor(),
            cache: cache.to_owned(),
        })
    }

    fn key(&self, source: &str) -> ContentHash {
        ContentHash::of_parts([
            source.as_bytes(),
            OPTIONS.join(" ").as_bytes(),
            self.id.as_bytes(),
            self.processor.as_bytes(),
        ])
    }
}

impl Compiler for Cxx {
    fn id(&self) -> &str {
        &self.id
    }

    fn compile(&self, source: &str) -> Result<Outcome, HarnessError> {
        let start = Instant::now();
        let key = self.key(source);
        let path = self.cache.join(format!("{key}.so"));
        let elapsed_ms = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
        if path.exists() {
            return Ok(Outcome::Compiled(Object {
                path,
                key,
                cached: true,
                elapsed_ms: elapsed_ms(start),
            }));
        }
        let scratch = tempfile::Builder::new()
            .prefix("alphalab-cxx-")
            .tempdir()
            .map_err(|source| HarnessError::System {
                doing: "create a scratch folder for the compiler".to_owned(),
                source,
            })?;
        let file = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| HarnessError::File {
                doing,
                path,
                source,
            }
        };
        let unit = scratch.path().join("candidate.cpp");
        fs::write(&unit, source).map_err(file("write", &unit))?;
        let finished = Command::new(
            &self.program,
            Policy::compiler(scratch.path()),
            Limits {
                address_space_bytes: Some(MEMORY_BYTES),
                wall: Some(WALL),
                file_size_bytes: Some(256 << 20),
                ..Limits::default()
            },
        )
        .args(OPTIONS)
        .args(["-o", "candidate.so", "candidate.cpp", "-lm"])
        .stdout(Output::Null)
        .stderr(Output::Capture)
        .run()
        .map_err(HarnessError::process("run the C++ compiler"))?;
        let log = finished.stderr.text();
        match finished.reason {
            ExitReason::Exited(0) => {
                let built = scratch.path().join("candidate.so");
                let bytes = fs::read(&built).map_err(file("read", &built))?;
                crate::cache::Cache::store(&path, &bytes)?;
                Ok(Outcome::Compiled(Object {
                    path,
                    key,
                    cached: false,
                    elapsed_ms: elapsed_ms(start),
                }))
            }
            ExitReason::Exited(_) => Ok(Outcome::Failed(first_errors(&log))),
            other => Ok(Outcome::Failed(format!(
                "the compiler was stopped: {other}"
            ))),
        }
    }
}

/// The first errors of a compiler's log, without the noise around them.
fn first_errors(log: &str) -> String {
    let relevant = |line: &&str| {
        line.contains("error:")
            || line.contains("undefined reference")
            || line.contains("static assertion failed")
    };
    let lines: Vec<String> = log
        .lines()
        .filter(relevant)
        .take(MAX_ERRORS)
        .map(|line| {
            let line = line.trim_start_matches("candidate.cpp:");
            line.chars().take(MAX_LINE).collect()
        })
        .collect();
    if lines.is_empty() {
        return log.lines().take(MAX_ERRORS).collect::<Vec<_>>().join("\n");
    }
    lines.join("\n")
}

/// What `-march=native` depends on: model and feature flags.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with("model") || line.starts_with("flags"))
        .take(3)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_picked_out_of_a_log() {
        let log = "kernel.cpp: In function 'void k()':\n\
                   kernel.cpp:3:5: error: 'x' was not declared in this scope\n   \
                   3 |     x = 1;\n      |     ^\n\
                   kernel.cpp:9:1: warning: unused\n";
        assert_eq!(
            first_errors(log),
            "kernel.cpp:3:5: error: 'x' was not declared in this scope"
        );
    }

    #[test]
    fn a_source_is_compiled_once_and_an_error_names_its_line() {
        let cache = tempfile::tempdir().unwrap();
        let cxx = Cxx::find(cache.path()).unwrap();
        let source = "#line 1 \"kernel.cpp\"\nextern \"C\" int f() { return 3; }\n";
        for cached in [false, true] {
            let Outcome::Compiled(object) = cxx.compile(source).unwrap() else {
                panic!("did not compile");
            };
            assert_eq!(object.cached, cached);
            assert!(object.path.exists());
        }
        let broken = "#line 1 \"kernel.cpp\"\n\nint f() { return y; }\n";
        let Outcome::Failed(log) = cxx.compile(broken).unwrap() else {
            panic!("compiled");
        };
        assert!(log.starts_with("kernel.cpp:2:"), "{log}");
    }

    #[test]
    fn a_source_can_not_include_files_of_the_host() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        fs::write(secret.path(), "int secret = 1;").unwrap();
        let cache = tempfile::tempdir().unwrap();
        let cxx = Cxx::find(cache.path()).unwrap();
        let source = format!("#include \"{}\"\n", secret.path().display());
        let Outcome::Failed(log) = cxx.compile(&source).unwrap() else {
            panic!("read a file of the host");
        };
        assert!(log.contains("error:"), "{log}");
    }
}
