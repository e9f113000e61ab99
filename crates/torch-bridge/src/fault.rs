//! Everything that can go wrong between Rust and the embedded interpreter.

use std::io;
use std::path::PathBuf;

use tch::TchError;

/// A failure of the bridge, or of the Python code it ran.
///
/// Holds no Python object, so it may leave the interpreter's thread.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PyFault {
    /// The process has already started its one interpreter.
    #[error("the embedded python has already been started in this process")]
    AlreadyStarted,
    /// CPython did not come up on the environment.
    #[error("failed to start python on the environment `{venv}`: {reason}")]
    Start {
        /// Root of the virtual environment.
        venv: PathBuf,
        /// What CPython said, or what is missing.
        reason: String,
    },
    /// The C library refused a memory setting.
    #[error("failed to make the allocator keep freed pages (mallopt {option} was refused)")]
    Allocator {
        /// Name of the `mallopt` option.
        option: &'static str,
    },
    /// A module that the bridge needs did not import.
    #[error("failed to import `{module}` from the environment `{venv}`")]
    Import {
        /// Name of the module.
        module: &'static str,
        /// Root of the virtual environment.
        venv: PathBuf,
        /// The exception that the import raised.
        source: Box<PyFault>,
    },
    /// Python code raised an exception.
    #[error("python raised `{kind}` while {doing}: {message}")]
    Raised {
        /// Qualified name of the exception's class.
        kind: String,
        /// The exception as text.
        message: String,
        /// The formatted traceback, with file names and lines.
        traceback: String,
        /// What was being done, as a phrase that follows "while".
        doing: String,
    },
    /// A task file could not be read.
    #[error("failed to read the task `{path}`")]
    Unreadable {
        /// The task file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A task lacks a name of the KernelBench format.
    #[error("the task `{path}` does not define `{name}`")]
    Missing {
        /// The task file.
        path: PathBuf,
        /// The name, for example `Model`.
        name: &'static str,
    },
    /// An override names no module-level constant of the task.
    #[error("the task `{path}` has no module-level constant `{name}` to override")]
    UnknownConstant {
        /// The task file.
        path: PathBuf,
        /// The overridden name.
        name: String,
    },
    /// A Python value is of a type that the bridge does not carry.
    #[error("{what} is a `{found}` where {expected} was expected")]
    WrongType {
        /// Which value, for example `input 2`.
        what: String,
        /// What would have been right, with an article.
        expected: &'static str,
        /// The Python type's name.
        found: String,
    },
    /// A tensor's memory can't be lent as a slice.
    #[error("can't view a {dtype} tensor of shape {shape:?} as {wanted}: {reason}")]
    Unviewable {
        /// dtype of the tensor.
        dtype: String,
        /// Its shape in elements.
        shape: Vec<i64>,
        /// The kind of slice that was asked for.
        wanted: &'static str,
        /// What stands in the way.
        reason: &'static str,
    },
    /// libtorch refused an operation.
    #[error("libtorch failed while {doing}")]
    Torch {
        /// What was being done, as a phrase that follows "while".
        doing: &'static str,
        /// What libtorch said.
        source: TchError,
    },
    /// The op graph that Python wrote is not what Rust expects.
    #[error("failed to decode the op graph that python wrote")]
    Graph {
        /// Where the document departs from the types.
        source: serde_json::Error,
    },
}
