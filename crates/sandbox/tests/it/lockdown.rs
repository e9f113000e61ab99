//! A program that locks itself down: what it may still do, and what is
//! recorded about it when it does something else.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};

use crate::common::{Probe, backends, patient};
use sandbox::lockdown::{Fault, FaultRecord, syscall_name, syscall_purpose};
use sandbox::{Backend, ExitReason, Finished};

/// A fault record in memory that is shared with a child.
struct Shared {
    file: File,
    record: *const FaultRecord,
}

impl Shared {
    fn new() -> Self {
        // SAFETY: a new memory file of one page, mapped for the test's life.
        unsafe {
            let fd = libc::memfd_create(c"record".as_ptr(), libc::MFD_CLOEXEC);
            assert!(fd >= 0, "{}", io::Error::last_os_error());
            let file = File::from_raw_fd(fd);
            file.set_len(4096).unwrap();
            let base = libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            );
            assert_ne!(base, libc::MAP_FAILED);
            Self {
                file,
                record: base.cast(),
            }
        }
    }

    fn read(&self) -> Option<Fault> {
        // SAFETY: mapped for ever, page-aligned, and all of its fields atomic.
        unsafe { &*self.record }.read()
    }
}

fn locked(probe: &Probe, backend: Backend, deed: &str) -> (Finished, Option<Fault>) {
    let shared = Shared::new();
    let finished = probe
        .command(backend, patient())
        .args(["locked", deed])
        .inherit_fd(shared.file.try_clone().unwrap(), 3)
        .run()
        .unwrap();
    let fault = shared.read();
    (finished, fault)
}

fn everywhere() -> impl Iterator<Item = Backend> {
    backends().into_iter().chain([Backend::None])
}

#[test]
fn computing_goes_on() {
    let probe = Probe::new();
    for backend in everywhere() {
        for deed in ["compute", "thread-compute"] {
            let (finished, fault) = locked(&probe, backend, deed);
            assert_eq!(fault, None, "{backend} {deed}");
            let said = finished.stdout.text();
            assert_eq!(
                said,
                format!("{} 127 true true\n", 64 << 20),
                "{backend} {deed}"
            );
            assert_eq!(finished.reason, ExitReason::Exited(0), "{backend} {deed}");
        }
    }
}

#[test]
fn refused_calls_are_recorded_by_number() {
    let probe = Probe::new();
    let cases: [(&str, &[i64], &str); 9] = [
        (
            "clone",
            &[libc::SYS_clone3, libc::SYS_clone],
            "thread or process creation",
        ),
        (
            "fork",
            &[libc::SYS_clone, libc::SYS_fork],
            "thread or process creation",
        ),
        ("exec", &[libc::SYS_execve], "running another program"),
        ("socket", &[libc::SYS_socket], "network access"),
        ("create", &[libc::SYS_openat], "writing to the file system"),
        ("kill", &[libc::SYS_kill], "sending a signal"),
        ("alarm", &[libc::SYS_alarm], "setting a timer"),
        (
            "affinity",
            &[libc::SYS_sched_setaffinity],
            "changing the scheduling",
        ),
        ("map", &[libc::SYS_mmap], "a larger mapping than allowed"),
    ];
    for backend in everywhere() {
        for (deed, calls, purpose) in cases {
            for deed in [deed.to_owned(), format!("thread-{deed}")] {
                let (finished, fault) = locked(&probe, backend, &deed);
                let fault = fault.unwrap_or_else(|| panic!("{backend} {deed}: {finished:?}"));
                assert_eq!(fault.signal, libc::SIGSYS, "{backend} {deed}");
                let call = fault.syscall.unwrap();
                assert!(
                    calls.contains(&call),
                    "{backend} {deed}: {:?}",
                    syscall_name(call)
                );
                assert_eq!(syscall_purpose(call), purpose);
                if deed == "map" {
                    assert_eq!(fault.arguments[1], 2 << 30);
                }
                ended_by(&finished, libc::SIGSYS, backend);
            }
        }
    }
}

#[test]
fn faults_are_recorded() {
    let probe = Probe::new();
    let cases = [
        ("segv", libc::SIGSEGV),
        ("abort", libc::SIGABRT),
        ("divide", libc::SIGFPE),
        ("illegal", libc::SIGILL),
        ("overflow", libc::SIGSEGV),
    ];
    for backend in everywhere() {
        for (deed, signal) in cases {
            for deed in [deed.to_owned(), format!("thread-{deed}")] {
                let (finished, fault) = locked(&probe, backend, &deed);
                let fault = fault.unwrap_or_else(|| panic!("{backend} {deed}: {finished:?}"));
                assert_eq!(fault.signal, signal, "{backend} {deed}");
                assert_eq!(fault.syscall, None);
                if deed.ends_with("segv") {
                    assert_eq!(fault.address, 0x40, "{backend} {deed}");
                }
                ended_by(&finished, signal, backend);
            }
        }
    }
}

/// The handler ends the process with 128 + signal, which a PID namespace's
/// monitor would also say of the signal itself.
fn ended_by(finished: &Finished, signal: i32, backend: Backend) {
    let expected = if backend == Backend::None
        || (backend == Backend::Landlock && sandbox::doctor().pid_namespace.is_err())
    {
        ExitReason::Exited(128 + signal)
    } else {
        ExitReason::Signalled(signal)
    };
    assert_eq!(finished.reason, expected, "{backend}");
}
