//! Why an adapter can't be used.

use std::fmt::Write;
use std::path::PathBuf;

use super::problem::Problem;

/// Why an adapter can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// There is none.
    #[error("there is no adapter `{name}`: looked for `{}`; --adapter takes a name, or a folder with a `manifest.toml`", path.display())]
    Missing {
        /// As it was named.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It has errors.
    #[error("the adapter in `{}` can't be used:{}", folder.display(), list(problems))]
    Invalid {
        /// Its folder.
        folder: PathBuf,
        /// The errors, all of them.
        problems: Vec<Problem>,
    },
    /// A file can't be written.
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
    /// A prompt uses what isn't there.
    #[error("failed to render `{name}`")]
    Template {
        /// The prompt.
        name: &'static str,
        /// Line and cause.
        #[source]
        source: Box<minijinja::Error>,
    },
}

/// Problems as indented lines.
pub(super) fn list(problems: &[Problem]) -> String {
    let mut lines = String::new();
    for problem in problems {
        // Writing to a String can't fail.
        let _ = write!(lines, "\n  {problem}");
    }
    lines
}
