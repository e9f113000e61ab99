//! What a child may see ([`Policy`]) and use ([`Limits`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The user and group a child runs as when [`Policy::drop_user`] applies.
pub const NOBODY: u32 = 65534;

/// A system-call filter that is in place when the program starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeccompProfile {
    /// No filter.
    None,
    /// Refuses (`EPERM`) what no ordinary program needs and kernel exploits
    /// do: tracing, mounting, new namespaces, BPF, io_uring, userfaultfd,
    /// module and key management, the clock.
    Baseline,
    /// [`Self::Baseline`], and no socket but Unix sockets.
    #[default]
    NoNetwork,
    /// [`Self::Baseline`], and nothing that would get around the watch from
    /// outside: no namespace of any kind, no typing into terminals, no memory
    /// that no process shows, no second system-call table. Sockets as
    /// [`Policy::network`] says; Landlock, which cannot tell one Unix socket
    /// from another, gets none without the network. The policy as a whole is
    /// then that of [`Policy::agent`].
    Agent,
}

/// What a child may see.
///
/// Paths exist at the same place inside as outside. The program's own file is
/// always visible, and so is the system's base: `/usr`, the library folders
/// and the loader's configuration.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether the child is confined at all; false runs it without a backend.
    pub isolated: bool,
    /// Files and folders that it may read and execute. One that lies inside a
    /// folder of [`Self::read_write`] stays read-only there; under
    /// [`Backend::Landlock`](crate::Backend::Landlock) only with
    /// [`SeccompProfile::Agent`].
    pub read_only: Vec<PathBuf>,
    /// Folders that it may also write. Where [`Self::drop_user`] applies, the
    /// folder itself (not its contents, except with [`SeccompProfile::Agent`]) is
    /// given to that user.
    pub read_write: Vec<PathBuf>,
    /// Files and folders inside the above that the child must not see; only
    /// with [`SeccompProfile::Agent`].
    pub hidden: Vec<PathBuf>,
    /// Device nodes, and folders of them, that it may open, read, write and control (`ioctl`):
    /// a GPU's. Those that do not exist are passed over.
    pub devices: Vec<PathBuf>,
    /// Working directory; must be visible inside.
    pub cwd: PathBuf,
    /// The whole environment: nothing is inherited. (A shell or bubblewrap on
    /// the way may add `PWD`.)
    pub env: Vec<(OsString, OsString)>,
    /// Whether the network is reachable.
    pub network: bool,
    /// Processors to run on; `None` means all of them, whatever the spawning
    /// process itself is pinned to.
    pub cpus: Option<Vec<usize>>,
    /// When the spawning process is root: run as user and group [`NOBODY`].
    /// Paths in `read_only` must then be readable for everybody.
    pub drop_user: bool,
    /// System-call filter at start.
    pub seccomp: SeccompProfile,
}

impl Policy {
    /// For the workspace's own programs: no isolation, but an own session, the
    /// given environment only, and death with the spawning process.
    pub fn trusted() -> Self {
        Self {
            isolated: false,
            read_only: Vec::new(),
            read_write: Vec::new(),
            hidden: Vec::new(),
            devices: Vec::new(),
            cwd: PathBuf::from("/"),
            env: Vec::new(),
            network: true,
            cpus: None,
            drop_user: false,
            seccomp: SeccompProfile::None,
        }
    }

    /// A confined child that sees the system's base and nothing else.
    pub fn isolated() -> Self {
        Self {
            isolated: true,
            env: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("LANG".into(), "C.UTF-8".into()),
            ],
            network: false,
            drop_user: true,
            seccomp: SeccompProfile::NoNetwork,
            ..Self::trusted()
        }
    }

    /// For a compiler: works and writes in `scratch` only.
    pub fn compiler(scratch: &Path) -> Self {
        Self {
            read_write: vec![scratch.to_owned()],
            cwd: scratch.to_owned(),
            ..Self::isolated().env("TMPDIR", scratch)
        }
    }

    /// For a program that will execute hostile code: reads `read_only`,
    /// writes nothing.
    pub fn runner(read_only: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            read_only: read_only.into_iter().collect(),
            ..Self::isolated()
        }
    }

    /// Whether this is for a command that an agent wrote.
    pub(crate) fn is_agent(&self) -> bool {
        self.seccomp == SeccompProfile::Agent
    }

    /// Adds a variable to the environment, replacing one of the same name.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }
}

/// What a child may use. `None` leaves a resource unlimited.
///
/// The kernel enforces `address_space_bytes`, `cpu_s`, `file_size_bytes` and
/// `open_files` per process. The rest is watched from outside while the caller
/// is in [`crate::Child::wait`], [`crate::Child::wait_timeout`] or
/// [`crate::Command::run`].
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Virtual memory of each process.
    pub address_space_bytes: Option<u64>,
    /// Resident memory of the whole tree; watched.
    pub resident_bytes: Option<u64>,
    /// Processor time of each process, in whole seconds.
    pub cpu_s: Option<u64>,
    /// Processor time of the whole tree, of its dead too, in seconds; watched.
    pub tree_cpu_s: Option<u64>,
    /// Size of each written file.
    pub file_size_bytes: Option<u64>,
    /// Growth of the writable folders, with files that have no name any more
    /// but are open; watched.
    pub disk_bytes: Option<u64>,
    /// Files and folders that the writable folders may gain; watched.
    pub disk_files: Option<u64>,
    /// Processes and threads of the whole tree; watched, and where the child
    /// has its own user (see the module `stages`) bounded by the kernel too.
    pub processes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// Time since the spawn; watched.
    pub wall: Option<Duration>,
    /// Captured output, stdout and stderr together; watched.
    pub output_bytes: Option<u64>,
}

impl Limits {
    /// No limits; for trusted programs.
    pub const fn none() -> Self {
        Self {
            address_space_bytes: None,
            resident_bytes: None,
            cpu_s: None,
            tree_cpu_s: None,
            file_size_bytes: None,
            disk_bytes: None,
            disk_files: None,
            processes: None,
            open_files: None,
            wall: None,
            output_bytes: None,
        }
    }
}

impl Default for Limits {
    /// For a short tool run: 4 GiB resident, 256 processes, 1024 open files,
    /// 1 GiB per file, 2 minutes, 16 MiB of output.
    fn default() -> Self {
        Self {
            resident_bytes: Some(4 << 30),
            file_size_bytes: Some(1 << 30),
            processes: Some(256),
            open_files: Some(1024),
            wall: Some(Duration::from_mins(2)),
            output_bytes: Some(16 << 20),
            ..Self::none()
        }
    }
}
