//! The list of system calls a computation needs.

use seccompiler::{SeccompAction, SeccompCmpOp as Is, SeccompRule};

use crate::SeccompError;
use crate::seccomp::{Rules, compile, install_for_all_threads, rule};

/// What the filter lets a locked-down program use.
#[derive(Debug, Clone, Copy)]
pub struct LockdownLimits {
    /// Largest single mapping or remapping in bytes.
    pub max_mapping_bytes: u64,
}

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    // waiting and time
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_time,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_poll,
    libc::SYS_ppoll,
    // memory
    libc::SYS_munmap,
    libc::SYS_brk,
    libc::SYS_madvise,
    // reading files and writing to what is open
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fadvise64,
    // own signal handling
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // facts
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getcpu,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sched_getaffinity,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_times,
    // what a C library does around threads
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_arch_prctl,
    // ending
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls that libraries make in passing and survive without: they fail with
/// `EPERM` and do not end the process.
const FAILING: &[i64] = &[
    libc::SYS_ioctl,
    libc::SYS_fcntl,
    libc::SYS_prctl,
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_membarrier,
    libc::SYS_flock,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
];

/// Installs the filter for all threads of this process, for good.
///
/// Call it once the threads run: none can be started afterwards.
pub fn install(limits: LockdownLimits) -> Result<(), SeccompError> {
    let failing = compile(
        FAILING.iter().map(|&call| (call, Vec::new())).collect(),
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
    )?;
    // Success without effect: nothing blocks or handles signals any more. C
    // libraries block all of them around the creation of threads and
    // processes, and a refused call under a blocked SIGSYS kills without a
    // record; under a handler of the program's own it would go unnoticed.
    let unblocking = compile(
        [
            (libc::SYS_rt_sigprocmask, Vec::new()),
            (libc::SYS_rt_sigaction, Vec::new()),
        ]
        .into(),
        SeccompAction::Errno(0),
        SeccompAction::Allow,
    )?;
    let allowing = compile(allowed(limits)?, SeccompAction::Allow, SeccompAction::Trap)?;
    // SAFETY: the call takes plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(SeccompError {
            step: "give up privileges for",
            source: std::io::Error::last_os_error().into(),
        });
    }
    // The last one refuses to install any more.
    install_for_all_threads(&failing)?;
    install_for_all_threads(&unblocking)?;
    install_for_all_threads(&allowing)
}

fn allowed(limits: LockdownLimits) -> Result<Rules, SeccompError> {
    let mut rules: Rules = ALLOWED
        .iter()
        .chain(FAILING)
        .map(|&call| (call, Vec::new()))
        .collect();
    let mut add = |call, alternatives: Vec<SeccompRule>| {
        rules.insert(call, alternatives);
    };

    let max = limits.max_mapping_bytes;
    add(libc::SYS_mmap, vec![rule(&[(1, Is::Le, max)])?]);
    add(libc::SYS_mprotect, vec![rule(&[(1, Is::Le, max)])?]);
    add(libc::SYS_mremap, vec![rule(&[(2, Is::Le, max)])?]);

    // Opening to read only.
    let writing =
        (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_TMPFILE)
            & !libc::O_DIRECTORY;
    let reading = Is::MaskedEq(writing as u64);
    add(libc::SYS_open, vec![rule(&[(1, reading.clone(), 0)])?]);
    add(libc::SYS_openat, vec![rule(&[(2, reading, 0)])?]);

    // abort() signals the calling thread.
    let abort = libc::SIGABRT as u64;
    let own = u64::from(std::process::id());
    add(
        libc::SYS_tgkill,
        vec![rule(&[(0, Is::Eq, own), (2, Is::Eq, abort)])?],
    );

    // Asking for own limits, not setting any.
    add(
        libc::SYS_prlimit64,
        vec![
            rule(&[(0, Is::Eq, 0), (2, Is::Eq, 0)])?,
            rule(&[(0, Is::Eq, own), (2, Is::Eq, 0)])?,
        ],
    );
    add(libc::SYS_getrlimit, Vec::new());
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_the_kernel_and_allows_no_way_out() {
        let rules = allowed(LockdownLimits {
            max_mapping_bytes: 1 << 30,
        })
        .unwrap();
        for call in [
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_fork,
            libc::SYS_vfork,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_socket,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_sched_setaffinity,
            libc::SYS_setpriority,
            libc::SYS_io_uring_setup,
            libc::SYS_setitimer,
            libc::SYS_timer_create,
            libc::SYS_alarm,
            libc::SYS_userfaultfd,
            libc::SYS_memfd_create,
            libc::SYS_seccomp,
            libc::SYS_setrlimit,
        ] {
            assert!(!rules.contains_key(&call), "call {call} is allowed");
        }
        let program = compile(rules, SeccompAction::Allow, SeccompAction::Trap).unwrap();
        assert!(program.len() < 4096);
    }
}
