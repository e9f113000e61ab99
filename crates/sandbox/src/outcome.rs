//! How children end, and what is known of one that has.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::capture::Captured;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal. In a PID namespace an exit code of 128 + n cannot be
    /// told from signal n and is reported as the signal.
    Signalled(i32),
    /// Killed by us: it ran too long.
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// Killed by us: its tree held too much memory.
    MemoryExceeded {
        /// The limit in bytes.
        limit: u64,
    },
    /// Killed by us: it wrote too much.
    OutputExceeded {
        /// The limit in bytes.
        limit: u64,
    },
    /// Killed by us: its tree had too many processes and threads.
    ProcessesExceeded {
        /// The limit.
        limit: u64,
    },
    /// Killed by the kernel or by us: it used too much processor time.
    CpuExceeded {
        /// The limit in seconds.
        limit: u64,
    },
    /// Killed by us: it filled the writable folders.
    DiskExceeded {
        /// The limit in bytes.
        limit: u64,
    },
    /// Killed by us: it made too many files, or folders too deep.
    FilesExceeded {
        /// The limit.
        limit: u64,
    },
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signalled(signal) => match crate::lockdown::signal_name(*signal) {
                Some(name) => write!(f, "killed by {name}"),
                None => write!(f, "killed by signal {signal}"),
            },
            Self::TimedOut { limit } => {
                write!(f, "ran longer than {} s", limit.as_secs_f64())
            }
            Self::MemoryExceeded { limit } => {
                write!(f, "used more than {} MiB of memory", limit >> 20)
            }
            Self::OutputExceeded { limit } => write!(f, "wrote more than {limit} bytes of output"),
            Self::ProcessesExceeded { limit } => {
                write!(f, "ran more than {limit} processes and threads")
            }
            Self::CpuExceeded { limit } => write!(f, "used more than {limit} s of processor time"),
            Self::DiskExceeded { limit } => {
                write!(f, "wrote more than {} MiB to disk", limit >> 20)
            }
            Self::FilesExceeded { limit } => write!(f, "made more than {limit} files"),
        }
    }
}

/// Why a child could not be waited for.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step} of process {pid}")]
pub struct WaitError {
    /// Our direct child.
    pub(crate) pid: u32,
    /// `wait for the end` or `read the output`.
    pub(crate) step: &'static str,
    /// The system's reason.
    #[source]
    pub(crate) source: io::Error,
}

/// A child that has ended, with what it wrote and used.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub reason: ExitReason,
    /// What it wrote to stdout, if captured.
    pub stdout: Captured,
    /// What it wrote to stderr, if captured.
    pub stderr: Captured,
    /// Time from spawn to end.
    pub wall: Duration,
    /// Processor time of the whole tree in seconds. For a tree that was killed
    /// this is what was last seen, at most 10 ms old.
    pub cpu_s: f64,
    /// Largest resident memory in bytes: of any single process, or of the tree
    /// where its memory was watched.
    pub max_rss_bytes: u64,
    /// Bytes that the writable folders gained, where that was watched.
    pub disk_bytes: u64,
}
