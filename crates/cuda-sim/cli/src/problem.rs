//! Why nothing was run, and which exit code says so.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something was found: DESIGN's "finished without a result".
pub(crate) const FOUND: u8 = 10;

/// No answer about the kernel.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    /// Arguments, sizes or names that don't fit the kernel.
    #[error("{0}")]
    Input(String),
    /// A file that can't be read or written.
    #[error("failed to {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The compiler or the simulator does not take the source.
    #[error("{0}")]
    Refused(String),
    /// NVRTC is there and does not work.
    #[error("failed to compile CUDA C++")]
    Compiler(#[from] kernel_nvrtc::Failure),
}

impl Problem {
    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::Input(what.into())
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Compiler(_) => 1,
            // A source that is refused is input as a file that is missing is.
            Self::Input(_) | Self::File { .. } | Self::Refused(_) => 3,
        }
    }
}

/// For `map_err`.
pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Problem {
    let path = path.to_owned();
    move |source| Problem::File {
        doing,
        path,
        source,
    }
}

/// An error with all that caused it.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
