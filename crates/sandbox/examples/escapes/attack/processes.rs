//! Reaching processes outside, and leaving some behind.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::path::Path;

use super::{CANARY, Target, attempt, got, holds_canary, outcome, peek, refused};

/// A process of the same user outside the sandbox: says where its canary is
/// in memory, and waits.
pub(super) fn victim() {
    let canary = CANARY.as_bytes().to_vec();
    println!("{}", canary.as_ptr() as usize);
    let _ = std::io::stdout().flush();
    sleep_for_ever();
}

pub(super) fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: no preconditions.
        unsafe { libc::pause() };
    }
}

/// Replaces this process by another attack, which a privileged file runs.
#[expect(
    clippy::disallowed_methods,
    reason = "an attacker has no sandbox to spawn with"
)]
fn start(program: &Path, verb: &str) -> std::io::Result<std::process::Output> {
    std::process::Command::new(program)
        .args(["attack", verb])
        .output()
}

pub(super) fn setuid_program(target: &Target) {
    let program = target.text("setuid");
    match start(Path::new(program), "euid") {
        Ok(output) => print!("{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => refused(program, error),
    }
}

pub(super) fn effective_user() {
    // SAFETY: no preconditions.
    match unsafe { libc::geteuid() } {
        0 => got("root by a program of root's"),
        user => refused("root by a program of root's", format!("user {user}")),
    }
}

pub(super) fn signal(target: &Target) {
    let (victim, parent): (i32, i32) = (target.number("victim"), target.number("parent"));
    // SAFETY: plain numbers; signal 0 only asks.
    unsafe {
        for (name, pid) in [("the victim", victim), ("the parent", parent)] {
            attempt(
                format!("signalling {name}"),
                outcome(i64::from(libc::kill(pid, 0))),
            );
            let group = libc::kill(-pid, 0);
            attempt(
                format!("signalling {name}'s group"),
                outcome(i64::from(group)),
            );
            let thread = libc::syscall(libc::SYS_tgkill, pid, pid, 0);
            attempt(format!("signalling {name}'s thread"), outcome(thread));
            let handle = libc::syscall(libc::SYS_pidfd_open, pid, 0);
            let signalled = libc::syscall(libc::SYS_pidfd_send_signal, handle, 0, 0, 0);
            attempt(format!("signalling {name} by a handle"), outcome(signalled));
        }
        // Not to the parent, which must judge.
        let nice = libc::setpriority(libc::PRIO_PROCESS, victim.cast_unsigned(), 19);
        attempt("slowing the victim down", outcome(i64::from(nice)));
        libc::kill(victim, libc::SIGKILL);
    }
}

pub(super) fn trace(target: &Target) {
    let victim: i32 = target.number("victim");
    let address: usize = target.number("address");
    let mut seen = [0_u8; CANARY.len()];
    let here = libc::iovec {
        iov_base: seen.as_mut_ptr().cast(),
        iov_len: seen.len(),
    };
    let there = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: seen.len(),
    };
    // SAFETY: the local range is `seen`; the remote one is the other process's.
    unsafe {
        let read = libc::process_vm_readv(victim, &raw const here, 1, &raw const there, 1, 0);
        attempt("the victim's memory", outcome(read as i64));
        let written = libc::process_vm_writev(victim, &raw const here, 1, &raw const there, 1, 0);
        attempt("writing the victim's memory", outcome(written as i64));
        let seized = libc::ptrace(libc::PTRACE_SEIZE, victim, 0, 0);
        attempt("tracing the victim", outcome(seized));
        let handle = libc::syscall(libc::SYS_pidfd_open, victim, 0);
        attempt(
            "the victim's descriptors",
            outcome(libc::syscall(libc::SYS_pidfd_getfd, handle, 1, 0)),
        );
    }
    let memory = format!("/proc/{victim}/mem");
    attempt(&memory, fs::OpenOptions::new().write(true).open(&memory));
}

pub(super) fn proc(target: &Target) {
    let parent = std::os::unix::process::parent_id().to_string();
    let above = ["victim", "parent"].map(|name| target.text(name).to_owned());
    for pid in above.into_iter().chain([parent, "1".into()]) {
        peek(Path::new(&format!("/proc/{pid}/environ")));
        let secret = target.place("outside/secret");
        peek(Path::new(&format!("/proc/{pid}/root{}", secret.display())));
        peek(Path::new(&format!("/proc/{pid}/cwd/../outside/secret")));
    }
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"] {
        // Opening is enough; nothing is written.
        attempt(path, fs::OpenOptions::new().write(true).open(path));
    }
}

pub(super) fn environment() {
    for (name, value) in std::env::vars_os() {
        if holds_canary(value.as_encoded_bytes()) {
            got(format!("the variable {}", name.display()));
        }
    }
    peek(Path::new("/proc/self/environ"));
    let parent = std::os::unix::process::parent_id();
    peek(Path::new(&format!("/proc/{parent}/environ")));
    refused("other variables", "none");
}

pub(super) fn descriptors() {
    for fd in 3..1024 {
        // SAFETY: asking about a descriptor has no preconditions.
        let result = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        if result >= 0 {
            got(format!("descriptor {fd}"));
        }
    }
    refused("descriptors", "no others");
}

/// Leaves a process behind that nothing ties to this one: in a session of its
/// own, twice forked, without environment, and `detached` without descriptors.
pub(super) fn orphan(target: &Target, detached: bool) {
    // It knows the scene, by which it is found; its environment is empty.
    let scene = format!("base={}", target.text("base"));
    let words = ["orphan", "attack", "sleep", &scene].map(|word| CString::new(word).ok());
    let words = words
        .each_ref()
        .map(|word| word.as_ref().map_or(std::ptr::null(), |word| word.as_ptr()));
    let words = [words[0], words[1], words[2], words[3], std::ptr::null()];
    let program = CString::new(target.text("program")).unwrap_or_default();
    // SAFETY: this process has one thread; the children only make system calls.
    unsafe {
        let (mut reader, mut ends) = (0, [0; 2]);
        if libc::pipe(ends.as_mut_ptr()) == 0 {
            reader = ends[0];
        }
        if libc::fork() == 0 {
            libc::setsid();
            if libc::fork() == 0 {
                libc::setsid();
                libc::prctl(libc::PR_SET_PDEATHSIG, 0);
                libc::signal(libc::SIGHUP, libc::SIG_IGN);
                libc::fcntl(ends[0], libc::F_SETFD, libc::FD_CLOEXEC);
                libc::fcntl(ends[1], libc::F_SETFD, libc::FD_CLOEXEC);
                if detached {
                    libc::close_range(0, 2, 0);
                }
                let nothing = [std::ptr::null()];
                libc::execve(program.as_ptr(), words.as_ptr(), nothing.as_ptr());
                libc::_exit(1);
            }
            libc::_exit(0);
        }
        // Ends when the orphan has become another program.
        libc::close(ends[1]);
        let mut byte = [0_u8; 1];
        libc::read(reader, byte.as_mut_ptr().cast(), 1);
    }
    got("a process that is left behind, for now");
}

/// Ignores what can be ignored, and waits.
pub(super) fn ignore_signals() {
    for signal in 1..=64 {
        // SAFETY: ignoring is no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    println!("ready");
    let _ = std::io::stdout().flush();
    sleep_for_ever();
}

/// Stops itself, so that it does not even look at signals.
pub(super) fn stop() {
    // SAFETY: plain numbers.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
    got("going on");
}
