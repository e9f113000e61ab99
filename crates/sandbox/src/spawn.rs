//! Starting a child: streams, stages, rules, launch.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::backend::{self, BASE};
use crate::capture::Stream;
use crate::child::Child;
use crate::family::Family;
use crate::launch::{Launch, Mount, Namespaces};
use crate::paths;
use crate::seccomp::Sockets;
use crate::tree::TreeWatch;
use crate::{
    Backend, Command, Input, Limits, Output, SeccompProfile, SpawnError, bubblewrap,
    landlock_rules, process, seccomp, stages,
};

/// One spawn in progress.
pub(crate) struct Spawn {
    name: String,
    program: PathBuf,
    backend: Backend,
    drops_user: bool,
    command: Command,
    /// (ours, the child's).
    descriptors: Vec<(RawFd, RawFd)>,
    /// Keeps the above open until the child has them.
    owned: Vec<OwnedFd>,
    next_target: RawFd,
}

/// Our ends of a child's streams.
#[derive(Default)]
struct Ends {
    stdin: Option<PipeWriter>,
    piped: [Option<PipeReader>; 2],
    captured: [Option<Stream>; 2],
}

/// Distinguishes the children of one process.
static SERIAL: AtomicU64 = AtomicU64::new(0);

impl Spawn {
    pub(crate) fn new(
        name: String,
        program: PathBuf,
        backend: Backend,
        drops_user: bool,
        command: Command,
    ) -> Self {
        Self {
            name,
            program,
            backend,
            drops_user,
            command,
            descriptors: Vec::new(),
            owned: Vec::new(),
            next_target: 3,
        }
    }

    fn prepare(&self, what: &'static str) -> impl FnOnce(io::Error) -> SpawnError {
        let program = self.name.clone();
        move |source| SpawnError::Prepare {
            program,
            what,
            source,
        }
    }

    /// Passes a descriptor as `target`.
    fn pass(&mut self, fd: impl Into<OwnedFd>, target: RawFd) {
        let fd = fd.into();
        self.descriptors.push((fd.as_raw_fd(), target));
        self.owned.push(fd);
    }

    /// Passes a descriptor under a number that nobody asked for.
    fn pass_anywhere(&mut self, fd: impl Into<OwnedFd>) -> RawFd {
        let target = self.next_target;
        self.next_target += 1;
        self.pass(fd, target);
        target
    }

    fn streams(&mut self) -> Result<Ends, SpawnError> {
        let mut ends = Ends::default();
        match std::mem::take(&mut self.command.stdin) {
            Input::Null => {
                let null = File::open("/dev/null").map_err(self.prepare("stdin"))?;
                self.pass(null, 0);
            }
            Input::File(file) => self.pass(file, 0),
            Input::Piped => {
                let (reader, writer) = io::pipe().map_err(self.prepare("stdin"))?;
                self.pass(reader, 0);
                ends.stdin = Some(writer);
            }
        }
        let outputs = [
            std::mem::take(&mut self.command.stdout),
            std::mem::take(&mut self.command.stderr),
        ];
        for (index, output) in outputs.into_iter().enumerate() {
            let target = index as RawFd + 1;
            let what = ["stdout", "stderr"][index];
            match output {
                Output::Null => {
                    let null = File::options().write(true).open("/dev/null");
                    let null = null.map_err(self.prepare(what))?;
                    self.pass(null, target);
                }
                Output::Inherit => self.descriptors.push((target, target)),
                Output::File(file) => self.pass(file, target),
                Output::Piped => {
                    let (reader, writer) = io::pipe().map_err(self.prepare(what))?;
                    self.pass(writer, target);
                    ends.piped[index] = Some(reader);
                }
                Output::Capture => ends.captured[index] = Some(self.capture(target, what, None)?),
                Output::Copy { file, cap_bytes } => {
                    let copy = Some((file, cap_bytes));
                    ends.captured[index] = Some(self.capture(target, what, copy)?);
                }
            }
        }
        for (fd, target) in std::mem::take(&mut self.command.inherited) {
            self.next_target = self.next_target.max(target + 1);
            self.pass(fd, target);
        }
        Ok(ends)
    }

    /// Makes one of the child's streams a pipe that we read.
    fn capture(
        &mut self,
        target: RawFd,
        what: &'static str,
        copy: Option<(File, u64)>,
    ) -> Result<Stream, SpawnError> {
        let (reader, writer) = io::pipe().map_err(self.prepare(what))?;
        self.pass(writer, target);
        Stream::new(reader, copy).map_err(self.prepare(what))
    }

    /// What runs before the program, inside the namespaces: changing the user,
    /// bounding the number of tasks.
    fn inner_stages(&self, own_user_namespace: bool) -> Result<Vec<OsString>, SpawnError> {
        let missing = |name| SpawnError::Tool { name };
        let mut prefix = Vec::new();
        if self.drops_user {
            prefix.extend(stages::drop_user().map_err(missing)?);
        } else if self.backend == Backend::Landlock && process::is_root() {
            prefix.extend(stages::drop_capabilities().map_err(missing)?);
        }
        if let Some(limit) = self.command.limits.processes
            && (self.drops_user || own_user_namespace)
        {
            prefix.extend(stages::limit_tasks(limit, own_user_namespace).map_err(missing)?);
        }
        Ok(prefix)
    }

    pub(crate) fn go(mut self) -> Result<Child, SpawnError> {
        let ends = self.streams()?;
        let root = process::is_root();
        let profile = self.command.policy.seccomp;
        let mut landlock = None;
        let mut filters = Vec::new();
        let mut info = None;
        let mut words: Vec<OsString> = Vec::new();
        let mut namespaced = false;
        let mut namespaces = None;
        match self.backend {
            Backend::None => {}
            Backend::Bubblewrap => {
                namespaced = true;
                let (reader, writer) = io::pipe().map_err(self.prepare("the info pipe"))?;
                info = Some(reader);
                let info_target = self.pass_anywhere(writer);
                let mut filter_targets = Vec::new();
                for program in self.filters(profile, false, true)? {
                    let file = memory_file(&seccomp::bytes(&program))
                        .map_err(self.prepare("the system-call filter"))?;
                    filter_targets.push(self.pass_anywhere(file));
                }
                let tool = backend::bubblewrap().ok_or(SpawnError::Tool { name: "bwrap" })?;
                words.push(tool.into());
                words.extend(bubblewrap::arguments(
                    &self.command.policy,
                    &self.program,
                    self.drops_user,
                    root,
                    info_target,
                    &filter_targets,
                ));
                // As root without a user namespace of its own nothing counts
                // this child's tasks apart.
                words.extend(self.inner_stages(!root)?);
            }
            Backend::Landlock => {
                namespaced = backend::doctor().pid_namespace.is_ok();
                let policy = &self.command.policy;
                if namespaced && policy.is_agent() {
                    namespaces = Some(Namespaces {
                        network: policy.network,
                        mounts: self.mounts()?,
                    });
                }
                let stages_unshare = namespaced && namespaces.is_none();
                filters = self.filters(profile, stages_unshare, namespaced)?;
                let base = BASE.iter().map(Path::new).chain([self.program.as_path()]);
                landlock =
                    landlock_rules::ruleset(&self.command.policy, base, namespaces.is_some())
                        .map_err(|source| SpawnError::Landlock {
                            program: self.name.clone(),
                            source,
                        })?;
                if namespaces.is_some() {
                    let prefix = stages::first_process();
                    words.extend(prefix.ok_or(SpawnError::Tool { name: "sh" })?);
                } else if namespaced {
                    let prefix = if self.command.policy.network {
                        stages::namespace_with_network()
                    } else {
                        stages::namespace()
                    };
                    words.extend(prefix.ok_or(SpawnError::Tool { name: "unshare" })?);
                }
                words.extend(self.inner_stages(namespaced && !root)?);
            }
        }
        words.push(self.program.clone().into());
        words.append(&mut self.command.arguments);

        let mark = (!namespaced).then(|| {
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            format!("SANDBOX_TREE={}-{serial}", std::process::id())
        });
        let launch = Launch {
            program: self.c_string(&words[0])?,
            arguments: words
                .iter()
                .map(|word| self.c_string(word))
                .collect::<Result<_, _>>()?,
            environment: self.environment(mark.as_deref())?,
            cwd: (self.backend != Backend::Bubblewrap)
                .then(|| self.c_string(self.command.policy.cwd.as_os_str()))
                .transpose()?,
            descriptors: std::mem::take(&mut self.descriptors),
            limits: kernel_limits(&self.command.limits),
            cpus: self.command.policy.cpus.clone(),
            namespaces,
            landlock: landlock.as_ref().map(AsRawFd::as_raw_fd),
            filters,
        };
        let is_first = launch.namespaces.is_some();
        let mut tree = self
            .command
            .policy
            .is_agent()
            .then(|| TreeWatch::new(&self.command.policy.read_write));
        let started = Instant::now();
        let launched = launch.start()?;
        // Our copies of the child's ends, or reading would never see an end.
        self.owned.clear();
        drop(landlock);

        let family = if is_first {
            Family::observe_first(launched)
        } else if namespaced {
            let info = match info {
                Some(mut pipe) => {
                    let mut text = String::new();
                    pipe.read_to_string(&mut text)
                        .map_err(self.prepare("the info pipe"))?;
                    bubblewrap::first_process(&text)
                }
                None => None,
            };
            Family::observe_namespace(launched, info)
        } else {
            let adopts = self.command.policy.is_agent();
            Family::single(launched, mark.unwrap_or_default(), adopts)
        };
        let family = family.map_err(self.prepare("its handle"))?;
        if let Some(tree) = &mut tree {
            tree.start(family.private_root());
        }
        let mut child = Child::new(
            family,
            self.command.limits.clone(),
            started,
            ends.stdin,
            ends.piped,
            ends.captured,
            tree,
        );
        if namespaced && child.pid().is_none() && child.setup_failed()? {
            return Err(SpawnError::Setup {
                program: self.name.clone(),
                detail: child.finish()?.stderr.text().trim().to_owned(),
            });
        }
        Ok(child)
    }

    fn filters(
        &self,
        profile: SeccompProfile,
        namespaces: bool,
        alone: bool,
    ) -> Result<Vec<seccompiler::BpfProgram>, SpawnError> {
        let filters = if profile == SeccompProfile::Agent {
            let network = self.command.policy.network;
            let sockets = match self.backend {
                _ if network => Sockets::Internet,
                Backend::Landlock => Sockets::Pairs,
                _ => Sockets::Unix,
            };
            seccomp::agent_filters(sockets, alone)
        } else {
            seccomp::filters(profile, namespaces)
        };
        filters.map_err(|source| SpawnError::Seccomp {
            program: self.name.clone(),
            source,
        })
    }

    /// What a mount namespace covers: the read-only inside the writable, and
    /// the hidden.
    fn mounts(&self) -> Result<Vec<Mount>, SpawnError> {
        let policy = &self.command.policy;
        let guarded = policy
            .read_write
            .iter()
            .flat_map(|folder| paths::carved(policy, folder))
            .filter(|path| !policy.hidden.iter().any(|hidden| hidden == path))
            .map(|path| Ok(Mount::ReadOnly(self.c_string(path.as_os_str())?)));
        let hidden = policy.hidden.iter().map(|path| {
            let name = self.c_string(path.as_os_str())?;
            Ok(if path.is_dir() {
                Mount::EmptyFolder(name)
            } else {
                Mount::EmptyFile(name)
            })
        });
        guarded.chain(hidden).collect()
    }

    fn c_string(&self, text: &OsStr) -> Result<CString, SpawnError> {
        CString::new(text.as_bytes()).map_err(|_| SpawnError::ZeroByte {
            program: self.name.clone(),
        })
    }

    fn environment(&self, mark: Option<&str>) -> Result<Vec<CString>, SpawnError> {
        self.command
            .policy
            .env
            .iter()
            .map(|(name, value)| {
                let mut pair = name.clone();
                pair.push("=");
                pair.push(value);
                pair
            })
            .chain(mark.map(Into::into))
            .map(|pair| self.c_string(&pair))
            .collect()
    }
}

/// The limits that the kernel enforces per process.
fn kernel_limits(limits: &Limits) -> Vec<(u32, u64, u64)> {
    [
        (libc::RLIMIT_AS, limits.address_space_bytes),
        (libc::RLIMIT_CPU, limits.cpu_s),
        (libc::RLIMIT_FSIZE, limits.file_size_bytes),
        (libc::RLIMIT_NOFILE, limits.open_files),
        (libc::RLIMIT_CORE, Some(0)),
    ]
    .into_iter()
    .filter_map(|(resource, limit)| {
        let soft = limit?;
        // A second later the kernel kills; at the soft limit it says why.
        let hard = soft + u64::from(resource == libc::RLIMIT_CPU);
        Some((resource, soft, hard))
    })
    .collect()
}

/// An anonymous file with this content, to be read from its start.
fn memory_file(content: &[u8]) -> io::Result<File> {
    // SAFETY: the name is a C string; the new descriptor is ours alone.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"filter".as_ptr(), libc::MFD_CLOEXEC);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        File::from_raw_fd(fd)
    };
    file.write_all(content)?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}
