//! Why a dataset could not be explored.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is wrong with the data, as the profile's scripts said it: the caller's
/// to mend, and shown to agents as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataProblem {
    /// `empty`, `no-rows`, `binary`, `ragged`, `unreadable`, `malformed` ….
    pub kind: String,
    /// What was seen.
    pub what: String,
    /// The file or folder.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u64>,
    /// Field or column.
    pub field: Option<String>,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for DataProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "`{file}`")?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field `{field}`")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

/// Why a dataset could not be explored.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The agents' environment is absent or broken.
    #[error(
        "no agents' Python in `{}` ({lacks}): run `cargo xtask setup`, or name its folder in ALPHALAB_AGENT_VENV",
        folder.display()
    )]
    Python {
        /// Where it was looked for.
        folder: PathBuf,
        /// What is not there.
        lacks: &'static str,
    },
    /// A file or folder of ours can't be used.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A script can't be written.
    #[error(transparent)]
    Script(#[from] sandbox::fs::WriteError),
    /// The scripts could not be started in the sandbox.
    #[error("failed to start the profile of `{}`", data.display())]
    Start {
        /// The data.
        data: PathBuf,
        /// Why not.
        #[source]
        source: Box<sandbox::SpawnError>,
    },
    /// The data can't be profiled.
    #[error("failed to profile the data: {0}")]
    Data(Box<DataProblem>),
    /// The scripts ran into a limit, or ended for a reason of their own.
    #[error("the profile of `{}` {how}{}", data.display(), said(stderr))]
    Ended {
        /// The data.
        data: PathBuf,
        /// How it ended.
        how: String,
        /// The end of its error output.
        stderr: String,
    },
    /// A document that the scripts wrote is not what it should be.
    #[error("`{}` is no document of the profile", path.display())]
    Document {
        /// The document.
        path: PathBuf,
        /// Which field is wrong, and how.
        #[source]
        source: serde_json::Error,
    },
    /// A document of another version.
    #[error("`{}` has version {found}, not {expected}", path.display())]
    Version {
        /// The document.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}
