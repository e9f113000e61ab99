//! Running a shell command that an agent wrote, in the sandbox.
//!
//! The command works in the workspace; temporary files and its home are a
//! scratch folder of its own, gone afterwards. Its output is kept in part, and
//! whole in a file that later commands can read but not write.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sandbox::{
    AgentPlaces, BackendChoice, Captured, Command, ExitReason, Limits, Output, Policy, SpawnError,
    WaitError,
};
use serde::Serialize;

use crate::campaign::extras::MODULES;

/// A command, and where and within what it runs.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// What `sh -c` runs.
    pub text: String,
    /// Working directory, writable.
    pub workspace: PathBuf,
    /// Files and folders that are read-only: the data.
    pub read_only: Vec<PathBuf>,
    /// The evaluation, for roles that may read it.
    pub evaluation: Option<PathBuf>,
    /// The agents' Python environment.
    pub python: Option<PathBuf>,
    /// Packages that it has beside its own, read-only.
    pub extras: Option<PathBuf>,
    /// What lies inside the above but is nobody's business.
    pub hidden: Vec<PathBuf>,
    /// Whether the network is granted.
    pub network: bool,
    /// What it may use.
    pub limits: Limits,
    /// The sandbox's mechanism.
    pub backend: BackendChoice,
    /// Folder for whole outputs, not writable by any command.
    pub logs: PathBuf,
    /// Name of the output files, without `.out` and `.err`; an older command's
    /// of that name are replaced.
    pub name: String,
    /// Folder in which the command gets its scratch folder.
    pub scratch: PathBuf,
    /// Bytes of each stream to show, half from the start and half from the
    /// end; at most 512 KiB.
    pub shown_bytes: usize,
    /// Bytes of each stream to keep on disk.
    pub log_bytes: u64,
}

impl CommandSpec {
    /// A command with the usual limits and no more than a workspace.
    pub fn new(
        text: impl Into<String>,
        workspace: impl Into<PathBuf>,
        logs: impl Into<PathBuf>,
        scratch: impl Into<PathBuf>,
    ) -> Self {
        Self {
            text: text.into(),
            workspace: workspace.into(),
            read_only: Vec::new(),
            evaluation: None,
            python: None,
            extras: None,
            hidden: Vec::new(),
            network: false,
            limits: Limits::agent(),
            backend: BackendChoice::Auto,
            logs: logs.into(),
            name: "command".into(),
            scratch: scratch.into(),
            shown_bytes: 32 << 10,
            log_bytes: 128 << 20,
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ended")]
pub enum Ended {
    /// By itself.
    Exited {
        /// Its code; 0 is success.
        code: i32,
    },
    /// By a signal that was not ours.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Killed: too much memory.
    Memory {
        /// The limit.
        limit_bytes: u64,
    },
    /// Killed: too long.
    Time {
        /// The limit.
        limit_s: f64,
    },
    /// Killed: too much processor time.
    ProcessorTime {
        /// The limit.
        limit_s: u64,
    },
    /// Killed: too much output.
    Output {
        /// The limit.
        limit_bytes: u64,
    },
    /// Killed: too many processes and threads.
    Processes {
        /// The limit.
        limit: u64,
    },
    /// Killed: too much written to disk.
    Disk {
        /// The limit.
        limit_bytes: u64,
    },
    /// Killed: too many files.
    Files {
        /// The limit.
        limit: u64,
    },
    /// Killed: somebody stops the campaign.
    Cancelled,
}

impl From<ExitReason> for Ended {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Exited(code) => Self::Exited { code },
            ExitReason::Signalled(signal) => Self::Signal { signal },
            ExitReason::TimedOut { limit } => Self::Time {
                limit_s: limit.as_secs_f64(),
            },
            ExitReason::MemoryExceeded { limit } => Self::Memory { limit_bytes: limit },
            ExitReason::OutputExceeded { limit } => Self::Output { limit_bytes: limit },
            ExitReason::ProcessesExceeded { limit } => Self::Processes { limit },
            ExitReason::CpuExceeded { limit } => Self::ProcessorTime { limit_s: limit },
            ExitReason::DiskExceeded { limit } => Self::Disk { limit_bytes: limit },
            ExitReason::FilesExceeded { limit } => Self::Files { limit },
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited { code } => write!(f, "exited with code {code}"),
            Self::Signal { signal } => {
                write!(f, "{}", ExitReason::Signalled(signal))?;
                if signal == SIGXFSZ {
                    f.write_str(": one file grew too large; write several, or less")?;
                }
                Ok(())
            }
            Self::Memory { limit_bytes } => write!(
                f,
                "killed: the command and what it started held more than {} MiB of memory; load \
                 less at once, use smaller types, or run fewer processes",
                limit_bytes >> 20
            ),
            Self::Time { limit_s } => write!(
                f,
                "killed after {limit_s} s; try a sample of the data first, or split the work over \
                 several commands"
            ),
            Self::ProcessorTime { limit_s } => write!(
                f,
                "killed: used more than {limit_s} s of processor time; try a cheaper method or a \
                 sample of the data"
            ),
            Self::Output { limit_bytes } => write!(
                f,
                "killed: printed more than {} MiB; print summaries and write the rest to a file",
                limit_bytes >> 20
            ),
            Self::Processes { limit } => write!(
                f,
                "killed: ran more than {limit} processes and threads; lower the number of workers \
                 (`n_jobs`, `num_workers`, `OMP_NUM_THREADS`)"
            ),
            Self::Disk { limit_bytes } => write!(
                f,
                "killed: wrote more than {} MiB to disk; delete what is not needed, or write less",
                limit_bytes >> 20
            ),
            Self::Files { limit } => write!(
                f,
                "killed: made more than {limit} files and folders; put records into fewer, larger \
                 files"
            ),
            Self::Cancelled => f.write_str(
                "killed: the campaign was stopped; it may have been carried out in part",
            ),
        }
    }
}

/// A file grew beyond its limit.
const SIGXFSZ: i32 = 25;

/// A stream as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its start and end, with a line between them that says what is missing.
    pub text: String,
    /// Bytes that the command wrote.
    pub bytes: u64,
    /// The file with all of it, or its start, if not all of it is shown.
    pub file: Option<PathBuf>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandResult {
    /// How it ended; as text it says what to do about it.
    #[serde(flatten)]
    pub ended: Ended,
    /// Standard output.
    pub stdout: Shown,
    /// Standard error.
    pub stderr: Shown,
    /// Time from start to end.
    pub took_ms: u64,
    /// Processor time of all of its processes.
    pub cpu_ms: u64,
    /// Most memory that it held at once.
    pub memory_bytes: u64,
    /// Bytes that its folders gained.
    pub disk_bytes: u64,
}

/// Why a command could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A folder or file of ours is not usable.
    #[error("failed to {step} `{}`", path.display())]
    Place {
        /// What was tried.
        step: &'static str,
        /// With which path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The sandbox did not start.
    #[error("failed to start the sandbox for a command in `{}`", workspace.display())]
    Sandbox {
        /// The command's workspace.
        workspace: PathBuf,
        /// Why.
        #[source]
        source: Box<SpawnError>,
    },
    /// What became of the command can't be told.
    #[error("failed to wait for a command in `{}`", workspace.display())]
    Wait {
        /// The command's workspace.
        workspace: PathBuf,
        /// Why.
        #[source]
        source: Box<WaitError>,
    },
}

/// How often a running command is asked whether somebody stops it.
const GLANCE: Duration = Duration::from_millis(50);

/// Runs a command and waits until nothing of it is left; a set `cancel` ends
/// it.
pub fn run(spec: &CommandSpec, cancel: &AtomicBool) -> Result<CommandResult, RunError> {
    let logs = [".out", ".err"].map(|end| spec.logs.join(format!("{}{end}", spec.name)));
    let [stdout, stderr] = logs.each_ref().map(|path| create(path));
    let (stdout, stderr) = (stdout?, stderr?);
    let scratch = Scratch::new(&spec.scratch)?;
    let mut read_only = spec.read_only.clone();
    read_only.push(spec.logs.clone());
    read_only.extend(spec.extras.clone());
    let mut policy = Policy::agent(&AgentPlaces {
        workspace: spec.workspace.clone(),
        scratch: scratch.0.clone(),
        read_only,
        evaluation: spec.evaluation.clone(),
        python: spec.python.clone(),
        hidden: spec.hidden.clone(),
        network: spec.network,
    });
    if let Some(extras) = &spec.extras {
        policy = policy.env("PYTHONPATH", extras.join(MODULES));
    }
    let copy = |file| Output::Copy {
        file,
        cap_bytes: spec.log_bytes,
    };
    let child = Command::new("/bin/sh", policy, spec.limits.clone())
        .backend(spec.backend)
        .args(["-c", &spec.text])
        .stdout(copy(stdout))
        .stderr(copy(stderr))
        .spawn();
    let mut child = child.map_err(|source| RunError::Sandbox {
        workspace: spec.workspace.clone(),
        source: Box::new(source),
    })?;
    let waited = |source| RunError::Wait {
        workspace: spec.workspace.clone(),
        source: Box::new(source),
    };
    let mut cancelled = false;
    while child.wait_timeout(GLANCE).map_err(waited)?.is_none() {
        if cancel.load(Ordering::Relaxed) {
            child.kill_tree().map_err(waited)?;
            cancelled = true;
            break;
        }
    }
    let finished = child.finish().map_err(waited)?;
    let [stdout_log, stderr_log] = logs;
    Ok(CommandResult {
        ended: if cancelled {
            Ended::Cancelled
        } else {
            finished.reason.into()
        },
        stdout: show(&finished.stdout, spec.shown_bytes, stdout_log),
        stderr: show(&finished.stderr, spec.shown_bytes, stderr_log),
        took_ms: finished.wall.as_millis() as u64,
        cpu_ms: (finished.cpu_s * 1e3) as u64,
        memory_bytes: finished.max_rss_bytes,
        disk_bytes: finished.disk_bytes,
    })
}

fn place(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path = path.to_owned();
    move |source| RunError::Place { step, path, source }
}

fn create(path: &Path) -> Result<File, RunError> {
    File::create(path).map_err(place("create the output file", path))
}

/// What of a stream is shown; a file that says no more is removed.
fn show(captured: &Captured, shown_bytes: usize, log: PathBuf) -> Shown {
    let bytes = captured.total_bytes();
    let half = shown_bytes / 2;
    if bytes <= 2 * half as u64 && !captured.truncated() {
        // Left over, it is only untidy.
        let _ = fs::remove_file(&log);
        return Shown {
            text: String::from_utf8_lossy(&captured.bytes()).into_owned(),
            bytes,
            file: None,
        };
    }
    let all = captured.bytes();
    let half = half.min(all.len() / 2);
    let left_out = bytes - 2 * half as u64;
    let where_to = if captured.copied_bytes() == bytes {
        format!("whole output in {}", log.display())
    } else {
        format!(
            "the first {} bytes are in {}",
            captured.copied_bytes(),
            log.display()
        )
    };
    let text = format!(
        "{}\n… {left_out} bytes left out, {where_to}\n{}",
        String::from_utf8_lossy(&all[..half]),
        String::from_utf8_lossy(&all[all.len() - half..])
    );
    Shown {
        text,
        bytes,
        file: Some(log),
    }
}

/// Distinguishes the scratch folders of one process.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A folder for one command, removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Self, RunError> {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("command-{}-{serial}", std::process::id()));
        fs::create_dir(&path).map_err(place("create the scratch folder", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_err() {
            // A command may have locked folders; nothing of it runs any more.
            unlock(&self.0);
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn unlock(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Says what a link is, not where it leads.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
