//! Why a child could not be started.

use std::io;
use std::path::PathBuf;

use crate::{BackendError, LaunchError, SeccompError, WaitError};

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No backend works here.
    #[error("failed to choose a sandbox for `{program}`")]
    Backend {
        /// The program.
        program: String,
        /// What is missing.
        #[source]
        source: BackendError,
    },
    /// There is no such program.
    #[error("failed to find the program `{program}`")]
    Program {
        /// The program.
        program: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A path of the policy is not absolute or not there.
    #[error("failed to use `{}` in the sandbox's policy", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The child's user could not read a path of the policy.
    #[error(
        "`{}` is not readable for the sandbox's user: make it readable for everybody, or set `drop_user` to false",
        path.display()
    )]
    Unreadable {
        /// The path.
        path: PathBuf,
    },
    /// A system program is missing.
    #[error(
        "no `{name}` on this machine, which the sandbox needs (package util-linux or bubblewrap)"
    )]
    Tool {
        /// Its name.
        name: &'static str,
    },
    /// A string with a zero byte.
    #[error("an argument or variable for `{program}` has a zero byte")]
    ZeroByte {
        /// The program.
        program: String,
    },
    /// A pipe or file could not be prepared.
    #[error("failed to prepare `{what}` for `{program}`")]
    Prepare {
        /// The program.
        program: String,
        /// What was prepared.
        what: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The system-call filter could not be built.
    #[error("failed to filter the system calls of `{program}`")]
    Seccomp {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: SeccompError,
    },
    /// The Landlock ruleset could not be built.
    #[error("failed to build the Landlock rules for `{program}`")]
    Landlock {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: landlock::RulesetError,
    },
    /// The process could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The sandbox's own programs failed before they started the program.
    #[error("the sandbox failed before it started `{program}`: {detail}")]
    Setup {
        /// The program.
        program: String,
        /// What they said, where captured.
        detail: String,
    },
    /// The child started but could not be waited for.
    #[error(transparent)]
    Wait(#[from] WaitError),
}
