//! Describing a child.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;

use crate::child::Child;
use crate::outcome::Finished;
use crate::paths::check_paths;
use crate::spawn::Spawn;
use crate::{Backend, BackendChoice, Limits, Policy, SpawnError, backend, process};

/// Where a child's input comes from.
#[derive(Debug, Default)]
pub enum Input {
    /// Nowhere.
    #[default]
    Null,
    /// [`Child::take_stdin`].
    Piped,
    /// An open file.
    File(File),
}

/// Where a child's output goes.
#[derive(Debug, Default)]
pub enum Output {
    /// Nowhere.
    #[default]
    Null,
    /// Where ours goes.
    Inherit,
    /// Into memory, bounded; read while the caller waits for the child.
    Capture,
    /// As [`Self::Capture`], and the first `cap_bytes` into a file too.
    Copy {
        /// Where it is written.
        file: File,
        /// How much of it at most.
        cap_bytes: u64,
    },
    /// [`Child::take_stdout`] or [`Child::take_stderr`].
    Piped,
    /// An open file.
    File(File),
}

/// A program to run under a policy, within limits.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    choice: BackendChoice,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) inherited: Vec<(OwnedFd, RawFd)>,
}

impl Command {
    /// A program, by path, or by name to be found in the policy's `PATH`.
    /// Input and output are null.
    pub fn new(program: impl Into<PathBuf>, policy: Policy, limits: Limits) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            policy,
            limits,
            choice: BackendChoice::Auto,
            stdin: Input::Null,
            stdout: Output::Null,
            stderr: Output::Null,
            inherited: Vec::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Chooses the backend, [`BackendChoice::Auto`] if this is not called.
    /// Without effect on a policy that is not isolated.
    #[must_use]
    pub fn backend(mut self, choice: BackendChoice) -> Self {
        self.choice = choice;
        self
    }

    /// Sets where input comes from.
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Sets where output goes.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Sets where error output goes.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Passes an open file (a memfd, a pipe) that the program finds as
    /// `target`, which must be 3 or more and given once. No other descriptors
    /// are passed.
    #[must_use]
    pub fn inherit_fd(mut self, fd: impl Into<OwnedFd>, target: RawFd) -> Self {
        self.inherited.push((fd.into(), target));
        self
    }

    /// Starts the child and waits until it ends. Streams that are null are
    /// captured instead.
    pub fn run(mut self) -> Result<Finished, SpawnError> {
        for stream in [&mut self.stdout, &mut self.stderr] {
            if matches!(stream, Output::Null) {
                *stream = Output::Capture;
            }
        }
        Ok(self.spawn()?.finish()?)
    }

    /// Starts the child.
    pub fn spawn(self) -> Result<Child, SpawnError> {
        let name = self.program.display().to_string();
        let backend = if self.policy.isolated {
            self.choice
                .resolve()
                .map_err(|source| SpawnError::Backend {
                    program: name.clone(),
                    source,
                })?
        } else {
            Backend::None
        };
        let program = backend::resolve_program(&self.program, &self.policy)
            .and_then(|path| {
                fs::metadata(&path)?;
                Ok(path)
            })
            .map_err(|source| SpawnError::Program {
                program: name.clone(),
                source,
            })?;
        let drops_user = self.policy.drop_user && backend != Backend::None && process::is_root();
        if backend != Backend::None {
            check_paths(&self.policy, &program, drops_user, backend)?;
        }
        Spawn::new(name, program, backend, drops_user, self).go()
    }
}
