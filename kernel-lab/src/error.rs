//! When the harness itself fails. A bad candidate is never one of these: it
//! is a verdict.

pub use kernel_runner::serve::chain;
use std::path::PathBuf;

use protocol::{LabError, Retry};

/// The lab could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A task that can't be used.
    #[error("task `{task}`: {problem}")]
    Task {
        /// Name or path as asked for.
        task: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A table of sizes that can't be used.
    #[error("sizes `{}`: {problem}", file.display())]
    Sizes {
        /// The table.
        file: PathBuf,
        /// What is wrong and where.
        problem: String,
    },
    /// An experiment directory that can't be used.
    #[error("experiment `{}`: {problem}", dir.display())]
    Experiment {
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A folder that is no proof bundle, or can't become one.
    #[error("bundle `{}`: {problem}", dir.display())]
    Bundle {
        /// The folder.
        dir: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A template library that can't be used.
    #[error("failed to load the templates in `{}`", dir.display())]
    Templates {
        /// The folder.
        dir: PathBuf,
        /// What is wrong.
        #[source]
        source: crate::template::LoadError,
    },
    /// A corpus of the red team that can't be used.
    #[error("failed to read the corpus")]
    Corpus {
        /// What is wrong.
        #[from]
        source: crate::redteam::CorpusError,
    },
    /// A manifest of admitted tasks that can't be used.
    #[error("manifest `{}`: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// CUDA C++ can't be compiled, whatever it says.
    #[error("failed to compile CUDA C++")]
    Cuda(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was asked of the CUDA compiler is not possible.
    #[error("{0}")]
    CudaInput(String),
    /// Python or torch failed outside of a task's own code.
    #[error("failed while {doing}")]
    Python {
        /// What the lab was doing.
        doing: String,
        /// What went wrong.
        #[source]
        source: torch_bridge::PyFault,
    },
    /// A file of the lab's own.
    #[error("failed to {doing} `{}`", path.display())]
    File {
        /// `read`, `write`, …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A system call.
    #[error("failed to {doing}")]
    System {
        /// What for.
        doing: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A child process could not be started or controlled.
    #[error("failed to {doing}")]
    Process {
        /// What for.
        doing: String,
        /// What the sandbox said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The runner's process, or memory of it, is not there: the candidate's
    /// own doing, once one is loaded.
    #[error("failed to {doing}")]
    OutOfReach {
        /// What for.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The runner broke before it had loaded anything hostile.
    #[error("the runner failed to {doing}: {problem}")]
    Runner {
        /// What it was asked for.
        doing: &'static str,
        /// What it said.
        problem: String,
    },
    /// The machine is too busy to measure.
    #[error("the machine is too busy to measure: {0}")]
    Busy(String),
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
    /// The caller's deadline has passed.
    #[error("the request's deadline of {limit_ms} ms has passed")]
    Deadline {
        /// As requested.
        limit_ms: u64,
    },
}

impl HarnessError {
    /// Wraps what torch said.
    pub fn python(doing: impl Into<String>) -> impl FnOnce(torch_bridge::PyFault) -> Self {
        let doing = doing.into();
        move |source| Self::Python { doing, source }
    }

    /// Wraps what the sandbox said.
    pub fn process<E>(doing: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let doing = doing.into();
        move |source| Self::Process {
            doing,
            source: Box::new(source),
        }
    }

    /// Wraps what the sandbox said about a process that a candidate may have
    /// changed.
    pub fn out_of_reach<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::OutOfReach {
            doing,
            source: Box::new(source),
        }
    }

    /// Wraps the error that a system call has just left.
    pub fn last_os(doing: impl Into<String>) -> Self {
        Self::System {
            doing: doing.into(),
            source: std::io::Error::last_os_error(),
        }
    }

    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Task { .. } => "bad_task",
            Self::Sizes { .. } => "bad_sizes",
            Self::Experiment { .. } => "bad_experiment",
            Self::Bundle { .. } => "bad_bundle",
            Self::Templates { .. } => "bad_template",
            Self::Corpus { .. } => "bad_corpus",
            Self::Manifest { .. } => "bad_manifest",
            Self::Cuda(_) => "cuda",
            Self::CudaInput(_) => "bad_cuda_request",
            Self::Python { .. } => "python",
            Self::File { .. } => "file",
            Self::System { .. } | Self::Process { .. } | Self::OutOfReach { .. } => "system",
            Self::Runner { .. } => "runner",
            Self::Busy(_) => "busy",
            Self::Cancelled => "cancelled",
            Self::Deadline { .. } => "deadline",
        }
    }

    /// True where the user's input is at fault (exit code 3).
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Task { .. }
                | Self::Sizes { .. }
                | Self::Experiment { .. }
                | Self::Bundle { .. }
                | Self::Templates { .. }
                | Self::Corpus { .. }
                | Self::Manifest { .. }
                | Self::CudaInput(_)
        )
    }

    /// The same on the wire, sources included.
    pub fn to_wire(&self) -> LabError {
        LabError {
            code: self.code().to_owned(),
            message: chain(self),
            retry: match self {
                Self::Busy(_) => Retry::Later,
                _ => Retry::Never,
            },
        }
    }
}
