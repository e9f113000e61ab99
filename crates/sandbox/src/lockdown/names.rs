//! Names for messages.

/// What a refused call would have done, in words for a verdict.
pub fn syscall_purpose(call: i64) -> &'static str {
    match call {
        libc::SYS_clone | libc::SYS_clone3 | libc::SYS_fork | libc::SYS_vfork => {
            "thread or process creation"
        }
        libc::SYS_execve | libc::SYS_execveat => "running another program",
        libc::SYS_socket
        | libc::SYS_socketpair
        | libc::SYS_connect
        | libc::SYS_bind
        | libc::SYS_listen
        | libc::SYS_accept
        | libc::SYS_accept4
        | libc::SYS_sendto
        | libc::SYS_recvfrom
        | libc::SYS_sendmsg
        | libc::SYS_recvmsg => "network access",
        libc::SYS_open
        | libc::SYS_openat
        | libc::SYS_openat2
        | libc::SYS_creat
        | libc::SYS_unlink
        | libc::SYS_unlinkat
        | libc::SYS_rename
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_mkdir
        | libc::SYS_mkdirat
        | libc::SYS_rmdir
        | libc::SYS_link
        | libc::SYS_linkat
        | libc::SYS_symlink
        | libc::SYS_symlinkat
        | libc::SYS_truncate
        | libc::SYS_ftruncate
        | libc::SYS_fallocate
        | libc::SYS_pwrite64
        | libc::SYS_chmod
        | libc::SYS_fchmod
        | libc::SYS_fchmodat => "writing to the file system",
        libc::SYS_ptrace
        | libc::SYS_process_vm_readv
        | libc::SYS_process_vm_writev
        | libc::SYS_pidfd_open
        | libc::SYS_pidfd_getfd => "access to another process",
        libc::SYS_kill
        | libc::SYS_tkill
        | libc::SYS_tgkill
        | libc::SYS_rt_sigqueueinfo
        | libc::SYS_rt_tgsigqueueinfo
        | libc::SYS_pidfd_send_signal => "sending a signal",
        libc::SYS_setitimer
        | libc::SYS_alarm
        | libc::SYS_timer_create
        | libc::SYS_timerfd_create => "setting a timer",
        libc::SYS_sched_setaffinity
        | libc::SYS_sched_setscheduler
        | libc::SYS_sched_setparam
        | libc::SYS_sched_setattr
        | libc::SYS_setpriority => "changing the scheduling",
        libc::SYS_prctl | libc::SYS_seccomp | libc::SYS_setrlimit | libc::SYS_prlimit64 => {
            "changing own restrictions"
        }
        libc::SYS_mmap | libc::SYS_mremap | libc::SYS_mprotect => "a larger mapping than allowed",
        libc::SYS_memfd_create | libc::SYS_shmget | libc::SYS_shmat => "creating shared memory",
        libc::SYS_io_uring_setup | libc::SYS_io_uring_enter | libc::SYS_io_uring_register => {
            "asynchronous system calls"
        }
        libc::SYS_userfaultfd => "handling page faults",
        libc::SYS_dup | libc::SYS_dup2 | libc::SYS_dup3 | libc::SYS_pipe | libc::SYS_pipe2 => {
            "creating file descriptors"
        }
        _ => "a system call that no computation needs",
    }
}

/// The name of the most relevant system calls.
pub fn syscall_name(call: i64) -> Option<&'static str> {
    macro_rules! names {
        ($($constant:ident $name:literal),* $(,)?) => {
            match call { $(libc::$constant => Some($name),)* _ => None }
        };
    }
    names! {
        SYS_clone "clone", SYS_clone3 "clone3", SYS_fork "fork", SYS_vfork "vfork",
        SYS_execve "execve", SYS_execveat "execveat", SYS_socket "socket",
        SYS_socketpair "socketpair", SYS_connect "connect", SYS_bind "bind",
        SYS_sendto "sendto", SYS_sendmsg "sendmsg", SYS_open "open", SYS_openat "openat",
        SYS_openat2 "openat2", SYS_creat "creat", SYS_unlink "unlink", SYS_unlinkat "unlinkat",
        SYS_rename "rename", SYS_mkdir "mkdir", SYS_ftruncate "ftruncate", SYS_pwrite64 "pwrite64",
        SYS_ptrace "ptrace", SYS_process_vm_readv "process_vm_readv",
        SYS_process_vm_writev "process_vm_writev", SYS_pidfd_open "pidfd_open",
        SYS_kill "kill", SYS_tkill "tkill", SYS_tgkill "tgkill",
        SYS_setitimer "setitimer", SYS_alarm "alarm", SYS_timer_create "timer_create",
        SYS_timerfd_create "timerfd_create", SYS_sched_setaffinity "sched_setaffinity",
        SYS_sched_setscheduler "sched_setscheduler", SYS_setpriority "setpriority",
        SYS_prctl "prctl", SYS_seccomp "seccomp", SYS_setrlimit "setrlimit",
        SYS_prlimit64 "prlimit64", SYS_mmap "mmap", SYS_mremap "mremap",
        SYS_mprotect "mprotect", SYS_memfd_create "memfd_create", SYS_shmget "shmget",
        SYS_io_uring_setup "io_uring_setup", SYS_userfaultfd "userfaultfd",
        SYS_perf_event_open "perf_event_open", SYS_bpf "bpf", SYS_dup "dup", SYS_dup2 "dup2",
        SYS_pipe "pipe", SYS_pipe2 "pipe2", SYS_eventfd2 "eventfd2", SYS_unshare "unshare",
        SYS_mount "mount", SYS_setsid "setsid", SYS_setuid "setuid",
    }
}

/// The name of the signals that end programs.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGSYS => "SIGSYS (refused system call)",
        libc::SIGSEGV => "SIGSEGV (invalid memory access)",
        libc::SIGBUS => "SIGBUS (invalid memory access)",
        libc::SIGFPE => "SIGFPE (invalid integer arithmetic)",
        libc::SIGILL => "SIGILL (invalid instruction)",
        libc::SIGABRT => "SIGABRT (abort)",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGINT => "SIGINT",
        libc::SIGHUP => "SIGHUP",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU (processor time limit)",
        libc::SIGXFSZ => "SIGXFSZ (file size limit)",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_purposes() {
        assert_eq!(syscall_name(libc::SYS_clone3), Some("clone3"));
        assert_eq!(
            syscall_purpose(libc::SYS_clone3),
            "thread or process creation"
        );
        assert_eq!(syscall_name(100_000), None);
        assert_eq!(
            syscall_purpose(100_000),
            "a system call that no computation needs"
        );
        assert!(signal_name(libc::SIGSEGV).unwrap().contains("memory"));
        assert_eq!(signal_name(200), None);
    }
}
