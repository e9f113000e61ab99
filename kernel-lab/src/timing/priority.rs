//! Timed threads before all others, where the system lets us.
//!
//! A single background process of the lowest priority makes every wake-up of
//! a timed thread wait for up to some milliseconds. Under a real-time policy
//! it does not wait: with six compilers running on two cores, nine rounds of
//! ten were still undisturbed, against one of ten without. It takes root or
//! CAP_SYS_NICE; without, everything stays as it is, and the sampler drops
//! the rounds in which somebody waited.
//!
//! The host is raised for the length of a timed call only, so that what it
//! does between calls never starves anybody. It stands above the runner: a
//! candidate that loops for ever can't keep it from looking at its clock.

/// Priority of a runner's threads.
const RUNNER: i32 = 1;
/// Priority of the host's.
const HOST: i32 = 2;
/// `SCHED_RESET_ON_FORK`: what a raised thread starts is not raised.
const RESET_ON_FORK: i32 = 0x4000_0000;

/// Threads of this process that take part in timed calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    tids: Vec<u32>,
}

/// Raised threads; they fall back when this is dropped.
#[derive(Debug)]
pub(crate) struct Raised<'a> {
    own: &'a Own,
}

impl Own {
    /// The threads that exist now; none where raising them is refused.
    pub(crate) fn of_current_threads() -> Self {
        let tids = std::fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        Self::of(tids)
    }

    /// The calling thread alone: it waits for a runner's answer.
    pub(crate) fn of_caller() -> Self {
        // To the system, 0 is who asks.
        Self::of(vec![0])
    }

    fn of(tids: Vec<u32>) -> Self {
        let own = Self { tids };
        let allowed = own.set(HOST);
        own.set(0);
        if allowed { own } else { Self::default() }
    }

    /// Whether timed calls go before all others.
    pub(crate) fn can_raise(&self) -> bool {
        !self.tids.is_empty()
    }

    /// Raises them until the answer is dropped.
    pub(crate) fn raise(&self) -> Raised<'_> {
        self.set(HOST);
        Raised { own: self }
    }

    /// Whether nobody refused. Every thread is set whatever came of those
    /// before it: one left out would stay raised for good.
    fn set(&self, priority: i32) -> bool {
        let mut allowed = true;
        for &tid in &self.tids {
            allowed &= set(tid, priority);
        }
        allowed
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.own.set(0);
    }
}

/// Raises the threads of a runner for good: it stands still between calls.
pub(crate) fn raise_runner(tids: impl Iterator<Item = u32>) {
    for tid in tids {
        set(tid, RUNNER);
    }
}

/// Undoes it, for a while in which it does not stand still.
pub(crate) fn lower_runner(tids: impl Iterator<Item = u32>) {
    for tid in tids {
        set(tid, 0);
    }
}

/// Priority 0 is the ordinary policy. Children never inherit another. A thread
/// that has ended since it was listed has refused nothing.
fn set(tid: u32, priority: i32) -> bool {
    let policy = if priority > 0 {
        libc::SCHED_FIFO
    } else {
        libc::SCHED_OTHER
    };
    let param = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: passes numbers and a structure that the kernel only reads.
    let code = unsafe {
        libc::sched_setscheduler(tid.cast_signed(), policy | RESET_ON_FORK, &raw const param)
    };
    code == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> i32 {
        // SAFETY: asks about the calling thread.
        unsafe { libc::sched_getscheduler(0) & !RESET_ON_FORK }
    }

    #[test]
    fn threads_are_raised_for_a_while_only() {
        let own = Own::of_caller();
        assert_eq!(policy(), libc::SCHED_OTHER);
        let raised = own.raise();
        let expected = if own.can_raise() {
            libc::SCHED_FIFO
        } else {
            libc::SCHED_OTHER
        };
        assert_eq!(policy(), expected);
        drop(raised);
        assert_eq!(policy(), libc::SCHED_OTHER);
    }

    #[test]
    fn a_thread_that_ended_leaves_no_other_raised() {
        // SAFETY: asks for the caller's number.
        let thread = || unsafe { libc::gettid() }.cast_unsigned();
        let ended = std::thread::spawn(thread).join().unwrap();
        let own = Own::of(vec![ended, thread()]);
        let allowed = Own::of(vec![thread()]).can_raise();
        assert_eq!(own.can_raise(), allowed);
        assert_eq!(policy(), libc::SCHED_OTHER);
        drop(own.raise());
        assert_eq!(policy(), libc::SCHED_OTHER);
    }
}
