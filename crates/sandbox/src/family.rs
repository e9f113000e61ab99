//! The processes that belong to one child, and how all of them are killed.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use crate::adopt;
use crate::process::{self, PidFd, Seen};

/// How long a killed process may take to disappear before it is given up on;
/// only one in an uninterruptible system call takes any time.
const DYING: Duration = Duration::from_secs(5);

/// The processes of one child.
///
/// With a PID namespace: the *monitor* outside (bubblewrap or `unshare`, our
/// direct child), the *first* process inside, whose end the kernel makes the
/// end of all, and its child, the *program*. Without: all three are one.
#[derive(Debug)]
pub(crate) struct Family {
    monitor: u32,
    monitor_fd: PidFd,
    first: Option<(u32, PidFd)>,
    program: Option<u32>,
    namespaced: bool,
    /// Whether the namespace has a `/proc` of its own.
    own_proc: bool,
    /// An environment variable that all descendants inherit; no namespace.
    mark: String,
}

impl Family {
    /// A child without a namespace of its own. `adopts` says that its orphans
    /// shall come to us.
    pub(crate) fn single(pid: u32, mark: String, adopts: bool) -> io::Result<Self> {
        if adopts {
            adopt::begin(pid)?;
        }
        Ok(Self {
            monitor: pid,
            monitor_fd: PidFd::open(pid)?,
            first: None,
            program: Some(pid),
            namespaced: false,
            own_proc: false,
            mark,
        })
    }

    /// Waits until the program inside the namespace is there, or the monitor
    /// has ended. `first` is the first process inside as bubblewrap, which also
    /// mounts a `/proc` there, reported it.
    pub(crate) fn observe_namespace(monitor: u32, first: Option<u32>) -> io::Result<Self> {
        let monitor_fd = PidFd::open(monitor)?;
        let own_proc = first.is_some();
        let first = first
            .or_else(|| await_child(monitor, &monitor_fd))
            .and_then(|pid| Some((pid, PidFd::open(pid).ok()?)));
        let program = first
            .as_ref()
            .and_then(|(pid, _)| await_child(*pid, &monitor_fd));
        Ok(Self {
            monitor,
            monitor_fd,
            first,
            program,
            namespaced: true,
            own_proc,
            mark: String::new(),
        })
    }

    /// As [`Self::observe_namespace`], where our direct child is the first
    /// process inside.
    pub(crate) fn observe_first(first: u32) -> io::Result<Self> {
        let monitor_fd = PidFd::open(first)?;
        let program = await_child(first, &monitor_fd);
        Ok(Self {
            monitor: first,
            first: Some((first, PidFd::open(first)?)),
            monitor_fd,
            program,
            namespaced: true,
            own_proc: false,
            mark: String::new(),
        })
    }

    /// Our direct child.
    pub(crate) fn monitor(&self) -> u32 {
        self.monitor
    }

    pub(crate) fn program(&self) -> Option<u32> {
        self.program
    }

    /// Whether the monitor passes the program's end on as an exit code, with
    /// signals as 128 + n.
    pub(crate) fn translates_signals(&self) -> bool {
        self.namespaced
    }

    /// Whether our direct child has ended, after at most `timeout_ms`.
    pub(crate) fn ended(&self, timeout_ms: i32) -> bool {
        self.monitor_fd.ended(timeout_ms)
    }

    /// All processes but the monitor.
    pub(crate) fn members(&self) -> Vec<u32> {
        match &self.first {
            Some((first, _)) => process::tree(*first),
            None if self.namespaced => Vec::new(),
            None => self.stragglers(true),
        }
    }

    /// Living processes besides the program and the sandbox's own.
    pub(crate) fn descendants(&self) -> usize {
        let first = self.first.as_ref().map(|(first, _)| *first);
        let own = [Some(self.monitor), first, self.program];
        let others = self.members().into_iter();
        let others = others.filter(|pid| !own.contains(&Some(*pid)));
        let alive = process::look_at(others).into_iter();
        alive.filter(|seen| seen.stat.alive()).count()
    }

    /// All processes but the monitor, as they are now.
    pub(crate) fn look(&self) -> Vec<Seen> {
        let first = self.first.as_ref().map(|(first, _)| *first);
        self.private_root()
            .and_then(process::namespace)
            .or_else(|| first.and_then(process::look_below))
            .unwrap_or_else(|| process::look_at(self.members()))
    }

    /// The first process of a namespace that has its own `/proc`, `/tmp` and
    /// `/dev/shm`.
    pub(crate) fn private_root(&self) -> Option<u32> {
        let (first, _) = self.first.as_ref().filter(|_| self.own_proc)?;
        Some(*first)
    }

    /// Kills everything and waits until it is gone, except for our direct
    /// child, which is left to be reaped.
    pub(crate) fn kill(&self) {
        if let Some((_, first)) = &self.first {
            // Fails only when it has ended.
            let _ = first.signal(libc::SIGKILL);
            // The first process of a namespace ends after all others.
            first.ended(DYING.as_millis() as i32);
            // The monitor then ends by itself and accounts for them.
            if self.monitor_fd.ended(500) {
                return;
            }
        }
        let _ = self.monitor_fd.signal(libc::SIGKILL);
        self.monitor_fd.ended(DYING.as_millis() as i32);
        if self.namespaced {
            return;
        }
        let started = Instant::now();
        let mut looked_in_vain = 0;
        while started.elapsed() < DYING {
            let left = self.stragglers(false);
            if left.is_empty() {
                // A process whose parent ended while we looked belonged to
                // nobody at that moment; by the next look it has come to us.
                looked_in_vain += 1;
                if looked_in_vain == 2 {
                    return;
                }
                continue;
            }
            looked_in_vain = 0;
            for pid in left {
                if let Ok(process) = PidFd::open(pid) {
                    let _ = process.signal(libc::SIGKILL);
                }
            }
        }
    }

    /// Living processes that descend from the program, are in its session or
    /// carry its mark, whoever their parent is by now.
    fn stragglers(&self, with_program: bool) -> Vec<u32> {
        let everyone = process::all();
        let mut found: HashSet<u32> = everyone
            .iter()
            .filter(|(pid, stat)| {
                **pid == self.monitor || stat.session == self.monitor || self.marked(**pid)
            })
            .map(|(&pid, _)| pid)
            .collect();
        found.extend(adopt::orphans(self.monitor, &everyone));
        loop {
            let before = found.len();
            for (&pid, stat) in &everyone {
                if found.contains(&stat.parent) {
                    found.insert(pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        adopt::seen(self.monitor, found.iter().map(|&pid| (pid, everyone[&pid])));
        found.retain(|pid| everyone[pid].alive() && (with_program || *pid != self.monitor));
        found.into_iter().collect()
    }

    fn marked(&self, pid: u32) -> bool {
        !self.mark.is_empty()
            && fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment
                    .split(|&byte| byte == 0)
                    .any(|variable| variable == self.mark.as_bytes())
            })
    }
}

impl AsFd for Family {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor_fd.as_fd()
    }
}

/// Waits for a child of `parent`, until `monitor` has ended.
fn await_child(parent: u32, monitor: &PidFd) -> Option<u32> {
    // Scanning all of /proc takes milliseconds with many processes.
    const SCAN_EVERY: u32 = 32;
    for round in 1_u32.. {
        let found = process::likely_child_of(parent).or_else(|| {
            round
                .is_multiple_of(SCAN_EVERY)
                .then(|| process::child_of(parent))
                .flatten()
        });
        if found.is_some() || monitor.ended(0) {
            return found;
        }
        thread::sleep(Duration::from_micros(100));
    }
    None
}
