//! Limits, and that nothing survives, with real programs.

use std::io::Read;
use std::time::Duration;

use crate::common::{Probe, backends, patient, shell};
use sandbox::{Backend, BackendChoice, Command, ExitReason, Limits, Output, Policy};

fn everywhere() -> impl Iterator<Item = Backend> {
    backends().into_iter().chain([Backend::None])
}

#[test]
fn wall_time() {
    let limit = Duration::from_millis(200);
    for backend in everywhere() {
        let limits = Limits {
            wall: Some(limit),
            ..Limits::none()
        };
        let finished = shell(Policy::isolated(), limits, backend, "sleep 1000")
            .run()
            .unwrap();
        assert_eq!(finished.reason, ExitReason::TimedOut { limit }, "{backend}");
    }
}

#[test]
fn processor_time() {
    for backend in everywhere() {
        let limits = Limits {
            cpu_s: Some(1),
            ..patient()
        };
        let finished = shell(
            Policy::isolated(),
            limits,
            backend,
            "exec /bin/sh -c 'while :; do :; done'",
        )
        .run()
        .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::CpuExceeded { limit: 1 },
            "{backend}"
        );
    }
}

#[test]
fn resident_memory() {
    let probe = Probe::new();
    let limit = 64 << 20;
    for backend in everywhere() {
        let limits = Limits {
            resident_bytes: Some(limit),
            ..patient()
        };
        let finished = probe
            .command(backend, limits)
            .args(["hog", "400000000"])
            .run()
            .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::MemoryExceeded { limit },
            "{backend}"
        );
        assert!(finished.max_rss_bytes > limit, "{backend}");
    }
}

#[test]
fn address_space() {
    let probe = Probe::new();
    for backend in everywhere() {
        let limits = Limits {
            address_space_bytes: Some(256 << 20),
            ..patient()
        };
        let finished = probe
            .command(backend, limits)
            .args(["hog", "400000000"])
            .run()
            .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::Signalled(libc::SIGABRT),
            "{backend}"
        );
    }
}

#[test]
fn output() {
    let limit = 1 << 20;
    for backend in everywhere() {
        let limits = Limits {
            output_bytes: Some(limit),
            ..patient()
        };
        let finished = shell(Policy::isolated(), limits, backend, "exec /usr/bin/yes")
            .run()
            .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::OutputExceeded { limit },
            "{backend}"
        );
        assert!(finished.stdout.truncated(), "{backend}");
        assert!(finished.stdout.bytes().len() < 1 << 20, "{backend}");
    }
}

#[test]
fn file_size() {
    for backend in backends() {
        let scratch = tempfile::tempdir().unwrap();
        let limits = Limits {
            file_size_bytes: Some(1 << 16),
            ..patient()
        };
        let finished = shell(
            Policy::compiler(scratch.path()),
            limits,
            backend,
            "exec head -c 1000000 /dev/zero > big",
        )
        .run()
        .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::Signalled(libc::SIGXFSZ),
            "{backend}"
        );
        let written = scratch.path().join("big").metadata().unwrap().len();
        assert_eq!(written, 1 << 16, "{backend}");
    }
}

#[test]
fn fork_bomb_is_contained() {
    let probe = Probe::new();
    let limit = 40;
    for backend in everywhere() {
        let (mut witness, writer) = std::io::pipe().unwrap();
        let limits = Limits {
            processes: Some(limit),
            ..patient()
        };
        let finished = probe
            .command(backend, limits)
            .arg("fork-for-ever")
            .inherit_fd(writer, 3)
            .run()
            .unwrap();
        match finished.reason {
            ExitReason::ProcessesExceeded { limit: found } => assert_eq!(found, limit),
            ExitReason::Exited(0) => {
                let forks: u64 = finished
                    .stdout
                    .text()
                    .lines()
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                // Faster than the watch: the kernel's bound, which has slack
                // where children share a user.
                assert!(forks <= limit + 512, "{backend}: {forks}");
            }
            other => panic!("{backend}: {other}"),
        }
        all_dead(&mut witness);
    }
}

/// Returns when every process that holds the other end has ended.
fn all_dead(witness: &mut impl Read) {
    let mut nothing = Vec::new();
    witness.read_to_end(&mut nothing).unwrap();
}

#[test]
fn orphans_die_with_kill_tree_and_with_drop() {
    let probe = Probe::new();
    for backend in everywhere() {
        for drops in [false, true] {
            let (mut witness, writer) = std::io::pipe().unwrap();
            let mut child = probe
                .command(backend, patient())
                .arg("escape")
                .stdout(Output::Piped)
                .inherit_fd(writer, 3)
                .spawn()
                .unwrap();
            let mut said = [0; 8];
            child.take_stdout().unwrap().read_exact(&mut said).unwrap();
            assert_eq!(&said, b"escaped\n");
            if drops {
                drop(child);
            } else {
                let reason = child.kill_tree().unwrap();
                assert_eq!(reason, ExitReason::Signalled(libc::SIGKILL), "{backend}");
                assert_eq!(child.kill_tree().unwrap(), reason, "{backend}");
            }
            all_dead(&mut witness);
        }
    }
}

#[test]
fn orphans_die_when_the_program_ends_by_itself() {
    for backend in everywhere() {
        let (mut witness, writer) = std::io::pipe().unwrap();
        let finished = shell(
            Policy::isolated(),
            patient(),
            backend,
            "setsid sleep 1000 & echo left",
        )
        .inherit_fd(writer, 3)
        .run()
        .unwrap();
        assert_eq!(finished.reason, ExitReason::Exited(0), "{backend}");
        assert_eq!(finished.stdout.text(), "left\n", "{backend}");
        all_dead(&mut witness);
    }
}

#[test]
fn orphans_die_when_the_spawner_is_killed() {
    let probe = Probe::new();
    for backend in backends() {
        if backend == Backend::Landlock
            && let Err(reason) = &sandbox::doctor().pid_namespace
        {
            eprintln!("skipped: landlock has no PID namespace here ({reason})");
            continue;
        }
        let (mut witness, writer) = std::io::pipe().unwrap();
        let mut spawner = Command::new(probe.path(), Policy::trusted(), patient())
            .backend(BackendChoice::Force(Backend::None))
            .args(["spawn-escape", &backend.to_string()])
            .stdout(Output::Piped)
            .stderr(Output::Inherit)
            .inherit_fd(writer, 3)
            .spawn()
            .unwrap();
        let mut said = [0; 8];
        spawner
            .take_stdout()
            .unwrap()
            .read_exact(&mut said)
            .unwrap();
        assert_eq!(&said, b"escaped\n", "{backend}");

        // Only the spawner itself, by its number, as a user or the
        // out-of-memory killer would.
        let pid = spawner.pid().unwrap().cast_signed();
        // SAFETY: the process is our child and not reaped yet.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        all_dead(&mut witness);
    }
}
