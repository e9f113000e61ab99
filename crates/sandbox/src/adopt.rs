//! Orphans of trees that have no PID namespace.
//!
//! Nothing ties such an orphan to its tree but its ancestors, and those are
//! gone. So this process asks the kernel for all orphans below it, and takes
//! for an agent's what came to it that way and is confined by more filters
//! than it is itself. If several trees run, an orphan belongs to the one that
//! it was last seen in; one that was never seen belongs to the first that ends.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use crate::process::Stat;

#[derive(Default)]
struct Register {
    /// What we started ourselves and have not waited for.
    direct: HashSet<u32>,
    /// By the first process of each tree: all that were ever seen in it.
    trees: HashMap<u32, HashSet<(u32, u64)>>,
}

static REGISTER: LazyLock<Mutex<Register>> = LazyLock::new(Mutex::default);

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process of our own, whose number `start` answers (or not), so that
/// nobody takes it for an orphan meanwhile.
pub(crate) fn starting(start: impl FnOnce() -> i32) -> i32 {
    let mut register = register();
    let pid = start();
    if pid > 0 {
        register.direct.insert(pid.cast_unsigned());
    }
    pid
}

/// A process of our own was waited for.
pub(crate) fn waited(pid: u32) {
    let mut register = register();
    register.direct.remove(&pid);
    register.trees.remove(&pid);
}

/// From now on orphans below us come to us; `tree` may have some.
pub(crate) fn begin(tree: u32) -> io::Result<()> {
    // SAFETY: plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    register().trees.insert(tree, HashSet::new());
    Ok(())
}

/// Remembers who is in a tree.
pub(crate) fn seen(tree: u32, members: impl IntoIterator<Item = (u32, Stat)>) {
    if let Some(known) = register().trees.get_mut(&tree) {
        known.extend(members.into_iter().map(|(pid, stat)| (pid, stat.start)));
    }
}

/// Orphans that belong to a tree. Those that have ended are waited for.
pub(crate) fn orphans(tree: u32, everyone: &HashMap<u32, Stat>) -> Vec<u32> {
    let own = std::process::id();
    let adopted: Vec<_> = {
        let register = register();
        if !register.trees.contains_key(&tree) {
            return Vec::new();
        }
        everyone
            .iter()
            .filter(|(pid, _)| came_to(own, **pid, everyone, &register.direct))
            .filter(|(pid, stat)| {
                !register
                    .trees
                    .iter()
                    .any(|(other, known)| *other != tree && known.contains(&(**pid, stat.start)))
            })
            .map(|(&pid, &stat)| (pid, stat))
            .collect()
    };
    let ours = filters("self");
    adopted
        .into_iter()
        .filter(|(pid, _)| filters(&pid.to_string()) > ours)
        .filter(|(pid, stat)| {
            if !stat.alive() {
                bury(*pid);
            }
            stat.alive()
        })
        .map(|(pid, _)| pid)
        .collect()
}

/// Whether a process's ancestors lead to `own` past all that we started. The
/// last of them may be about to end, and no longer look confined.
fn came_to(own: u32, mut pid: u32, everyone: &HashMap<u32, Stat>, direct: &HashSet<u32>) -> bool {
    for _ in 0..everyone.len() {
        match everyone.get(&pid) {
            _ if direct.contains(&pid) => return false,
            Some(stat) if stat.parent == own => return true,
            Some(stat) => pid = stat.parent,
            None => return false,
        }
    }
    false
}

/// Waits for an orphan that has ended.
fn bury(pid: u32) {
    // SAFETY: asks for no status; nobody else waits for it, and if it is no
    // child of ours the call does nothing.
    unsafe { libc::waitpid(pid.cast_signed(), std::ptr::null_mut(), libc::WNOHANG) };
}

/// How many system-call filters a process has, or, from kernels that do not
/// say, whether it has any.
fn filters(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse().ok()
    };
    field("Seccomp_filters:")
        .or_else(|| field("Seccomp:"))
        .unwrap_or(0)
}
