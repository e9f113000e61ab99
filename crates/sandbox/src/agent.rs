//! The policy and the limits of a shell command that an agent wrote.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::policy::NOBODY;
use crate::{Limits, Policy, SeccompProfile, process};

/// Folders of programs that a command finds by name.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What name look-ups and encrypted connections read, given with the network.
const NETWORK_FILES: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/pki",
];

/// Where an agent's command works and what else it sees.
#[derive(Debug, Clone)]
pub struct AgentPlaces {
    /// Working directory, writable. A `.git` in it is read-only.
    pub workspace: PathBuf,
    /// Temporary files and the home that programs insist on, writable. Must
    /// not be the workspace; the caller empties it.
    pub scratch: PathBuf,
    /// Files and folders that are read-only: the data, logs of earlier
    /// commands.
    pub read_only: Vec<PathBuf>,
    /// The evaluation, for those who may read it; nobody writes it. For the
    /// others it must lie outside, or be [`Self::hidden`].
    pub evaluation: Option<PathBuf>,
    /// The agents' Python: a virtual environment, read-only, whose `bin` comes
    /// first in `PATH`.
    pub python: Option<PathBuf>,
    /// What lies inside any of the above but is nobody's business: the
    /// campaign's log.
    pub hidden: Vec<PathBuf>,
    /// Whether the network is granted.
    pub network: bool,
}

impl AgentPlaces {
    /// A workspace and a scratch folder, and nothing else.
    pub fn new(workspace: impl Into<PathBuf>, scratch: impl Into<PathBuf>) -> Self {
        Self {
            workspace: workspace.into(),
            scratch: scratch.into(),
            read_only: Vec::new(),
            evaluation: None,
            python: None,
            hidden: Vec::new(),
            network: false,
        }
    }
}

impl Policy {
    /// For a command that an agent wrote.
    ///
    /// Beyond [`Policy::isolated`]: what the spawning root user wrote into the
    /// writable folders is given to the confined user first; folders and files
    /// inside them can be read-only or hidden; `/dev/shm` is private and small
    /// (bubblewrap) or absent; the system-call filter is
    /// [`SeccompProfile::Agent`]. The environment is made here and holds
    /// nothing of ours.
    pub fn agent(places: &AgentPlaces) -> Self {
        let mut read_only = places.read_only.clone();
        read_only.extend(places.evaluation.clone());
        read_only.extend(repository(&places.workspace));
        if places.network {
            read_only.extend(
                NETWORK_FILES
                    .iter()
                    .map(PathBuf::from)
                    .filter(|path| path.exists()),
            );
        }
        let mut path = OsString::new();
        if let Some(python) = &places.python {
            read_only.push(python.clone());
            read_only.extend(interpreter(python));
            path.push(python.join("bin"));
            path.push(":");
        }
        path.push(PATH);
        let mut policy = Self {
            read_only,
            read_write: vec![places.workspace.clone(), places.scratch.clone()],
            hidden: places
                .hidden
                .iter()
                .filter(|path| path.symlink_metadata().is_ok())
                .cloned()
                .collect(),
            cwd: places.workspace.clone(),
            network: places.network,
            seccomp: SeccompProfile::Agent,
            ..Self::isolated()
        }
        .env("PATH", path)
        .env("HOME", &places.scratch)
        .env("TMPDIR", &places.scratch)
        .env("USER", "agent")
        .env("LOGNAME", "agent")
        .env("SHELL", "/bin/sh")
        .env("TERM", "dumb")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MPLBACKEND", "Agg");
        if let Some(python) = &places.python {
            policy = policy.env("VIRTUAL_ENV", python);
        }
        policy
    }
}

/// The workspace's `.git`, unless a command made it: a link would show, under
/// its name, whatever it leads to.
fn repository(workspace: &Path) -> Option<PathBuf> {
    let git = workspace.join(".git");
    let data = git.symlink_metadata().ok()?;
    let commands_own = process::is_root() && data.uid() == NOBODY;
    (!data.is_symlink() && !commands_own).then_some(git)
}

/// The installation that a virtual environment's interpreter belongs to, where
/// that is not one of the system's own folders.
fn interpreter(environment: &Path) -> Option<PathBuf> {
    let file = environment.join("bin/python3").canonicalize().ok()?;
    let home = file.parent()?.parent()?;
    let system = ["/usr", "/bin", "/"]
        .iter()
        .any(|base| home == Path::new(base));
    (!system && !home.starts_with("/usr") && !home.starts_with(environment))
        .then(|| home.to_owned())
}

impl Limits {
    /// For one command of an agent: 4 GiB of memory, 10 minutes, 20 minutes of
    /// processor time, 256 processes and threads, 4 GiB per file, 8 GiB and
    /// 100,000 files more in the writable folders, 1 GiB of output.
    ///
    /// Nothing limits the address space: CUDA and some allocators reserve far
    /// more than they use.
    pub const fn agent() -> Self {
        Self {
            address_space_bytes: None,
            resident_bytes: Some(4 << 30),
            cpu_s: None,
            tree_cpu_s: Some(1200),
            file_size_bytes: Some(4 << 30),
            disk_bytes: Some(8 << 30),
            disk_files: Some(100_000),
            processes: Some(256),
            open_files: Some(1024),
            wall: Some(Duration::from_mins(10)),
            output_bytes: Some(1 << 30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_made_here() {
        let policy = Policy::agent(&AgentPlaces::new("/w", "/s"));
        let names: Vec<_> = policy.env.iter().map(|(name, _)| name.to_str()).collect();
        assert_eq!(
            names.into_iter().flatten().collect::<Vec<_>>(),
            [
                "LANG",
                "PATH",
                "HOME",
                "TMPDIR",
                "USER",
                "LOGNAME",
                "SHELL",
                "TERM",
                "PYTHONDONTWRITEBYTECODE",
                "MPLBACKEND"
            ]
        );
        assert!(policy.is_agent() && policy.isolated && policy.drop_user && !policy.network);
    }

    #[test]
    fn an_existing_repository_and_the_evaluation_are_read_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let policy = Policy::agent(&AgentPlaces {
            evaluation: Some("/e".into()),
            ..AgentPlaces::new(folder.path(), "/s")
        });
        assert_eq!(
            policy.read_only,
            [PathBuf::from("/e"), folder.path().join(".git")]
        );
    }
}
