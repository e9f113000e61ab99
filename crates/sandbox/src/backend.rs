//! Which mechanism confines children, and what this machine offers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::{Command, ExitReason, Limits, Policy, landlock_rules, process, stages};

/// A mechanism that confines children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Namespaces set up by bubblewrap, plus seccomp.
    Bubblewrap,
    /// Landlock and seccomp, plus PID and network namespaces where permitted.
    Landlock,
    /// Nothing: for trusted programs, or where a user insists.
    None,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
            Self::None => "none",
        })
    }
}

/// How a command's backend is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// The strongest that works here; an error if none does.
    #[default]
    Auto,
    /// This one.
    Force(Backend),
}

/// Nothing here can confine a child.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "no sandbox works on this machine: bubblewrap {bubblewrap}; landlock {landlock}; \
     install bubblewrap, or choose the backend `none` knowingly"
)]
pub struct BackendError {
    /// Why bubblewrap does not work.
    pub bubblewrap: String,
    /// Why Landlock does not work.
    pub landlock: String,
}

/// What this machine offers, each with the reason where it does not.
#[derive(Debug, Clone)]
pub struct Doctor {
    /// bubblewrap starts a confined program: its path, or why it does not.
    pub bubblewrap: Result<PathBuf, String>,
    /// Landlock's version in the kernel, or why there is none.
    pub landlock: Result<u32, String>,
    /// Whether the Landlock backend can give a child its own PID and network
    /// namespaces, or why not.
    pub pid_namespace: Result<(), String>,
    /// Whether children can be given another user (needs root), or why not.
    pub other_user: Result<(), String>,
}

impl Doctor {
    /// The strongest backend that works.
    pub fn best(&self) -> Result<Backend, BackendError> {
        match (&self.bubblewrap, &self.landlock) {
            (Ok(_), _) => Ok(Backend::Bubblewrap),
            (_, Ok(_)) => Ok(Backend::Landlock),
            (Err(bubblewrap), Err(landlock)) => Err(BackendError {
                bubblewrap: bubblewrap.clone(),
                landlock: landlock.clone(),
            }),
        }
    }
}

impl fmt::Display for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn line<T>(
            f: &mut fmt::Formatter<'_>,
            name: &str,
            found: &Result<T, String>,
            ok: &str,
        ) -> fmt::Result {
            match found {
                Ok(_) => writeln!(f, "{name}: {ok}"),
                Err(reason) => writeln!(f, "{name}: no ({reason})"),
            }
        }
        line(f, "bubblewrap", &self.bubblewrap, "works")?;
        match &self.landlock {
            Ok(version) => writeln!(f, "landlock: version {version}")?,
            Err(reason) => writeln!(f, "landlock: no ({reason})")?,
        }
        line(
            f,
            "PID namespace for landlock",
            &self.pid_namespace,
            "works",
        )?;
        line(f, "other user for children", &self.other_user, "works")
    }
}

/// Looks, once per process, at what this machine offers.
pub fn doctor() -> &'static Doctor {
    static FOUND: OnceLock<Doctor> = OnceLock::new();
    FOUND.get_or_init(|| Doctor {
        bubblewrap: probe_bubblewrap(),
        landlock: match landlock_rules::abi() {
            0 => Err("the kernel does not offer it".into()),
            version => Ok(version as u32),
        },
        pid_namespace: probe_pid_namespace(),
        other_user: if !process::is_root() {
            Err("not root".into())
        } else if stages::tool("setpriv").is_none() {
            Err("no `setpriv` (util-linux)".into())
        } else {
            Ok(())
        },
    })
}

impl Backend {
    /// The strongest backend that works here.
    pub fn detect() -> Result<Self, BackendError> {
        doctor().best()
    }
}

impl BackendChoice {
    /// The backend to use.
    pub fn resolve(self) -> Result<Backend, BackendError> {
        match self {
            Self::Auto => Backend::detect(),
            Self::Force(backend) => Ok(backend),
        }
    }
}

/// bubblewrap in `PATH`.
pub(crate) fn bubblewrap() -> Option<PathBuf> {
    std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|folder| folder.join("bwrap"))
        .find(|file| file.is_file())
        .or_else(|| stages::tool("bwrap"))
}

fn probe_bubblewrap() -> Result<PathBuf, String> {
    let found = bubblewrap().ok_or("not installed")?;
    let truth = stages::tool("true").ok_or("no `true` to try it with")?;
    let command = Command::new(truth, Policy::isolated(), probe_limits())
        .backend(BackendChoice::Force(Backend::Bubblewrap));
    judge(command).map(|()| found)
}

fn probe_pid_namespace() -> Result<(), String> {
    let prefix = stages::namespace().ok_or("no `unshare` or `sh`")?;
    let truth = stages::tool("true").ok_or("no `true` to try it with")?;
    let (program, arguments) = prefix.split_first().ok_or("no `unshare`")?;
    let command = Command::new(program, Policy::trusted(), probe_limits())
        .args(arguments)
        .arg(truth);
    judge(command)
}

fn probe_limits() -> Limits {
    Limits {
        wall: Some(Duration::from_secs(10)),
        output_bytes: Some(1 << 16),
        ..Limits::none()
    }
}

fn judge(command: Command) -> Result<(), String> {
    match command.run() {
        Ok(finished) if finished.reason == ExitReason::Exited(0) => Ok(()),
        Ok(finished) => Err(format!(
            "{}: {}",
            finished.reason,
            finished.stderr.text().trim()
        )),
        Err(error) => {
            let mut reason = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                reason = format!("{reason}: {cause}");
                source = cause.source();
            }
            Err(reason)
        }
    }
}

/// The folders and files every confined program sees, whole or as the links
/// that they are.
pub(crate) const BASE: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
];

/// Resolves a program that is given by name; a path is taken as it is.
pub(crate) fn resolve_program(program: &Path, policy: &Policy) -> io::Result<PathBuf> {
    if program.components().count() > 1 {
        return std::path::absolute(program);
    }
    let path = policy
        .env
        .iter()
        .find(|(name, _)| name == "PATH")
        .map_or_else(|| "/usr/bin:/bin".into(), |(_, value)| value.clone());
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}
