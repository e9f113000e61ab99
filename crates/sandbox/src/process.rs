//! Reading `/proc`: states, parents, memory and processor time of processes.

use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, ptr};

/// The fields of a `stat` line that this crate uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// `R` running, `S` sleeping, `T` stopped, `Z` zombie …
    pub(crate) state: u8,
    pub(crate) parent: u32,
    pub(crate) session: u32,
    /// User plus system time in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// The same of the children that it has waited for, and of theirs.
    pub(crate) waited_ticks: u64,
    pub(crate) threads: u32,
    /// Start in clock ticks since the machine's: with the number it names a
    /// process for good.
    pub(crate) start: u64,
    pub(crate) resident_pages: u64,
}

impl Stat {
    /// Parses a line of `/proc/<pid>/stat`. The command's name may hold spaces
    /// and parentheses, so fields are counted from the last `)`.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let after = line.iter().rposition(|&byte| byte == b')')? + 2;
        let rest = std::str::from_utf8(line.get(after..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let session = fields.nth(1)?.parse().ok()?;
        let user: u64 = fields.nth(7)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let waited_user: u64 = fields.next()?.parse().ok()?;
        let waited_system: u64 = fields.next()?.parse().ok()?;
        let threads = fields.nth(2)?.parse().ok()?;
        let start = fields.nth(1)?.parse().ok()?;
        let resident_pages = fields.nth(1)?.parse().ok()?;
        Some(Self {
            state,
            parent,
            session,
            cpu_ticks: user + system,
            waited_ticks: waited_user + waited_system,
            threads,
            start,
            resident_pages,
        })
    }

    /// Of a process.
    pub(crate) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Whether the process still runs code, or could again.
    pub(crate) fn alive(self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }
}

/// All processes that `/proc` shows.
pub(crate) fn all() -> HashMap<u32, Stat> {
    numeric_entries("/proc")
        .into_iter()
        .filter_map(|pid| Some((pid, Stat::read(pid)?)))
        .collect()
}

/// Names of the entries of a folder that are numbers.
pub(crate) fn numeric_entries(folder: &str) -> Vec<u32> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn is_child_of(pid: u32, parent: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.parent == parent)
}

/// A child of `parent` among the next few numbers: they are mostly given out
/// in order.
pub(crate) fn likely_child_of(parent: u32) -> Option<u32> {
    (parent + 1..parent + 9).find(|&pid| is_child_of(pid, parent))
}

/// A child of `parent`, if it has one.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    numeric_entries("/proc")
        .into_iter()
        .find(|&pid| is_child_of(pid, parent))
}

/// A process and everything that descends from it, parents before children.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let everyone = all();
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(
            everyone
                .iter()
                .filter(|(_, stat)| stat.parent == parent)
                .map(|(&pid, _)| pid),
        );
        next += 1;
    }
    found
}

/// Memory, processor time and number of tasks of several processes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) resident_bytes: u64,
    pub(crate) cpu_s: f64,
    pub(crate) tasks: u64,
}

/// Sums up.
pub(crate) fn usage(stats: impl IntoIterator<Item = Stat>) -> Usage {
    let mut total = Usage::default();
    let (page, tick) = (page_bytes(), ticks_per_s());
    for stat in stats {
        total.resident_bytes += stat.resident_pages * page;
        total.cpu_s += stat.cpu_ticks as f64 / tick;
        if stat.alive() {
            total.tasks += u64::from(stat.threads);
        }
    }
    total
}

/// A process that was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Its number, in its own namespace if it was found through that.
    pub(crate) pid: u32,
    /// Its folder in a `proc` file system.
    pub(crate) folder: String,
    pub(crate) stat: Stat,
}

impl Seen {
    fn look(pid: u32, proc: &str) -> Option<Self> {
        let folder = format!("{proc}/{pid}");
        let stat = Stat::parse(&fs::read(format!("{folder}/stat")).ok()?)?;
        Some(Self { pid, folder, stat })
    }
}

/// Looks at some processes.
pub(crate) fn look_at(pids: impl IntoIterator<Item = u32>) -> Vec<Seen> {
    pids.into_iter()
        .filter_map(|pid| Seen::look(pid, "/proc"))
        .collect()
}

/// A process and what descends from it, by the kernel's lists of children: as
/// cheap as the tree is small. `None` where the kernel has no such lists. What
/// starts or ends meanwhile may be missed.
pub(crate) fn look_below(root: u32) -> Option<Vec<Seen>> {
    fs::metadata(format!("/proc/{root}/task/{root}/children")).ok()?;
    let mut pids = vec![root];
    let mut next = 0;
    while let Some(&pid) = pids.get(next) {
        next += 1;
        for thread in numeric_entries(&format!("/proc/{pid}/task")) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
            let children = children.unwrap_or_default();
            pids.extend(
                children
                    .split_ascii_whitespace()
                    .flat_map(str::parse::<u32>),
            );
        }
    }
    Some(look_at(pids))
}

/// Everything in the PID namespace whose first process is `init`, by the
/// `proc` file system that must be mounted inside; `None` where that cannot be
/// read.
pub(crate) fn namespace(init: u32) -> Option<Vec<Seen>> {
    let proc = format!("/proc/{init}/root/proc");
    fs::metadata(format!("{proc}/1")).ok()?;
    Some(
        numeric_entries(&proc)
            .into_iter()
            .filter_map(|pid| Seen::look(pid, &proc))
            .collect(),
    )
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.unsigned_abs()
}

pub(crate) fn ticks_per_s() -> f64 {
    // SAFETY: sysconf has no preconditions.
    (unsafe { libc::sysconf(libc::_SC_CLK_TCK) }) as f64
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// A handle that keeps meaning the same process when its number is reused.
#[derive(Debug)]
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: pidfd_open takes plain numbers and returns a new descriptor.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the descriptor is open; a null siginfo means "as kill(2)".
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal,
                ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Waits until the process has ended, or for `timeout_ms`.
    pub(crate) fn ended(&self, timeout_ms: i32) -> bool {
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&raw mut poll, 1, timeout_ms) == 1 }
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_survives_hostile_names() {
        let line = b"7 (a) R 1 (b) S 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(
            stat,
            Stat {
                state: b'S',
                parent: 3,
                session: 5,
                cpu_ticks: 13 + 14,
                waited_ticks: 15 + 16,
                threads: 19,
                start: 21,
                resident_pages: 23
            }
        );
        assert_eq!(Stat::parse(b"7 (a"), None);
        assert_eq!(Stat::parse(b"7 (a) "), None);
    }

    #[test]
    fn own_process_is_listed() {
        let own = std::process::id();
        assert!(Stat::read(own).unwrap().alive());
        assert!(all().contains_key(&own));
        assert!(usage(Stat::read(own)).resident_bytes > 0);
    }
}
