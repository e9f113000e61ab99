//! Runs an evaluation's commands in the sandbox: no network, the evaluation
//! and the data read-only, only the output folder writable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbox::{Command, ExitReason, Limits, SpawnError};
use serde::Serialize;

use super::interpreter::Interpreter;

/// The program that runs many commands in one sandboxed process.
const DRIVER: &str = include_str!("driver.py");
/// Memory of all processes of a batch.
const RESIDENT_BYTES: u64 = 3 << 30;
/// Largest file that a command may write.
const FILE_BYTES: u64 = 256 << 20;
/// Most bytes of a command's output that are looked at.
const OUTPUT_BYTES: usize = 1 << 20;
/// Longest time for one batch.
const LONGEST: Duration = Duration::from_mins(30);

/// Why commands can't be run at all. That a command fails is no error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file of the workshop can't be written or read.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The sandbox can't start the interpreter.
    #[error("failed to start the commands")]
    Spawn(#[source] Box<SpawnError>),
    /// The whole batch was ended by a limit or a fault.
    #[error("the commands {reason}{}", said(detail))]
    Stopped {
        /// How it ended.
        reason: ExitReason,
        /// The end of what it said.
        detail: String,
    },
}

fn said(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" and said: {detail}")
    }
}

impl RunError {
    pub(super) fn file(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            operation,
            path,
            source,
        }
    }
}

/// How one command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Exit code; negative for a signal.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Done {
    /// The last line of its complaint, for messages.
    pub fn complaint(&self) -> String {
        let line = self.stderr.lines().rev().find(|l| !l.trim().is_empty());
        let line = line.unwrap_or("nothing on stderr").trim();
        let text: String = line.chars().take(300).collect();
        match self.code {
            -14 => "ran out of time".to_owned(),
            code if code < 0 => format!("signal {}: {text}", -code),
            code => format!("exit code {code}: {text}"),
        }
    }
}

/// Commands that run one after the other in one sandboxed process.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Each command's words.
    pub jobs: Vec<Vec<String>>,
    /// Working directory of all of them.
    pub cwd: PathBuf,
    /// What they may read.
    pub readable: Vec<PathBuf>,
    /// What they may write.
    pub writable: Vec<PathBuf>,
    /// Seed of Python's string hashes.
    pub hash_seed: u32,
    /// By how much the scripts' clock is ahead.
    pub clock_days: u32,
    /// Time for each command.
    pub timeout_s: u64,
}

#[derive(Serialize)]
struct Plan<'a> {
    preload: Vec<PathBuf>,
    clock_days: u32,
    timeout_s: u64,
    report: PathBuf,
    jobs: Vec<PlannedJob<'a>>,
}

#[derive(Serialize)]
struct PlannedJob<'a> {
    words: &'a [String],
    cwd: &'a Path,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Batch {
    /// Runs the batch; `folder` is made anew and holds its plan and outputs.
    pub fn run(&self, interpreter: &Interpreter, folder: &Path) -> Result<Vec<Done>, RunError> {
        let inputs = folder.join("in");
        let outputs = folder.join("out");
        for new in [folder, &inputs, &outputs] {
            std::fs::create_dir_all(new).map_err(RunError::file("create", new))?;
        }
        let driver = inputs.join("driver.py");
        std::fs::write(&driver, DRIVER).map_err(RunError::file("write", &driver))?;
        let stream = |n: usize, name: &str| outputs.join(format!("{n}.{name}"));
        let report = outputs.join("report.json");
        let mut preload: Vec<PathBuf> = self
            .jobs
            .iter()
            .filter(|words| words[0].starts_with("python"))
            .filter_map(|words| words.get(1))
            .map(|script| self.cwd.join(script))
            .collect();
        preload.dedup();
        let plan = Plan {
            preload,
            clock_days: self.clock_days,
            timeout_s: self.timeout_s,
            report: report.clone(),
            jobs: self
                .jobs
                .iter()
                .enumerate()
                .map(|(n, words)| PlannedJob {
                    words,
                    cwd: &self.cwd,
                    stdout: stream(n, "stdout"),
                    stderr: stream(n, "stderr"),
                })
                .collect(),
        };
        let plan_file = inputs.join("plan.json");
        let text = serde_json::to_vec(&plan)
            .map_err(std::io::Error::other)
            .map_err(RunError::file("write", &plan_file))?;
        std::fs::write(&plan_file, text).map_err(RunError::file("write", &plan_file))?;

        let mut policy = interpreter
            .policy()
            .env("PYTHONHASHSEED", self.hash_seed.to_string());
        policy.read_only.extend(self.readable.iter().cloned());
        policy.read_only.extend([inputs, self.cwd.clone()]);
        policy.read_write.extend(self.writable.iter().cloned());
        policy.read_write.push(outputs.clone());
        policy.cwd.clone_from(&self.cwd);
        let whole = Duration::from_secs(self.timeout_s.saturating_mul(self.jobs.len() as u64))
            .saturating_add(Duration::from_secs(30))
            .min(LONGEST);
        let limits = Limits {
            resident_bytes: Some(RESIDENT_BYTES),
            file_size_bytes: Some(FILE_BYTES),
            wall: Some(whole),
            ..Limits::default()
        };
        let finished = Command::new(&interpreter.program, policy, limits)
            .arg("-s")
            .arg(driver)
            .arg(plan_file)
            .run()
            .map_err(|error| RunError::Spawn(Box::new(error)))?;
        let codes = std::fs::read(&report)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Vec<i32>>(&bytes).ok())
            .filter(|codes| codes.len() == self.jobs.len());
        let Some(codes) = codes else {
            let text = finished.stderr.text();
            return Err(RunError::Stopped {
                reason: finished.reason,
                detail: text.lines().last().unwrap_or_default().to_owned(),
            });
        };
        Ok(codes
            .into_iter()
            .enumerate()
            .map(|(n, code)| Done {
                code,
                stdout: tail(&stream(n, "stdout")),
                stderr: tail(&stream(n, "stderr")),
            })
            .collect())
    }
}

/// The end of a stream's file; nothing if there is none.
fn tail(path: &Path) -> String {
    let bytes = super::table::bytes(path, "output").unwrap_or_default();
    let start = bytes.len().saturating_sub(OUTPUT_BYTES);
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}

/// Copies a folder's files so that everybody can read them, whoever owns the
/// originals.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), RunError> {
    std::fs::create_dir_all(to).map_err(RunError::file("create", to))?;
    let files = super::table::files(from).map_err(RunError::file("list", from))?;
    for (relative, path) in files {
        let bytes = std::fs::read(&path).map_err(RunError::file("read", &path))?;
        write_below(to, &relative, &bytes)?;
    }
    Ok(())
}

/// Writes a file below a folder, with the folders between.
pub fn write_below(folder: &Path, relative: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let path = folder.join(relative);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(RunError::file("create", parent))?;
    }
    std::fs::write(&path, bytes).map_err(RunError::file("write", &path))
}
