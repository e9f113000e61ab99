//! What a confined program can and cannot reach, with real programs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::{Probe, backends, patient, shell};
use sandbox::{Backend, ExitReason, Limits, Output, Policy, SpawnError};

fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn output(policy: Policy, backend: Backend, script: &str) -> String {
    let finished = shell(policy, patient(), backend, script).run().unwrap();
    format!("{}{}", finished.stdout.text(), finished.stderr.text())
}

#[test]
fn environment_is_exactly_the_policys() {
    for backend in backends() {
        let policy = Policy::isolated().env("COLOUR", "green");
        let environment = output(policy, backend, "/usr/bin/env");
        let mut names: Vec<_> = environment
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .filter(|name| !["PWD", "SANDBOX_TREE"].contains(name))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["COLOUR", "LANG", "PATH"], "{backend}");
        assert!(environment.contains("COLOUR=green"), "{backend}");
    }
}

#[test]
fn only_listed_files_can_be_read_and_written() {
    for backend in backends() {
        let (inside, outside, scratch) = (open_folder(), open_folder(), open_folder());
        let given = inside.path().join("given");
        let secret = outside.path().join("secret");
        fs::write(&given, "given content").unwrap();
        fs::write(&secret, "secret content").unwrap();
        let policy = Policy {
            read_only: vec![inside.path().to_owned()],
            ..Policy::compiler(scratch.path())
        };
        let see = |script: String| output(policy.clone(), backend, &script);

        assert!(
            see(format!("cat {}", given.display())).contains("given content"),
            "{backend}"
        );
        assert!(
            !see(format!("cat {}", secret.display())).contains("secret content"),
            "{backend}"
        );
        assert!(!see("cat /etc/passwd".into()).contains("root"), "{backend}");
        see(format!("echo changed > {}", given.display()));
        assert_eq!(
            fs::read_to_string(&given).unwrap(),
            "given content",
            "{backend}"
        );
        see(format!("echo x > {}/new", outside.path().display()));
        assert!(!outside.path().join("new").exists(), "{backend}");
        see("echo made > made".into());
        let made = fs::read_to_string(scratch.path().join("made")).unwrap();
        assert_eq!(made, "made\n", "{backend}");
    }
}

#[test]
fn other_processes_can_be_neither_signalled_nor_read() {
    for backend in backends() {
        let own = std::process::id();
        let said = output(
            Policy::isolated(),
            backend,
            &format!("kill -0 {own} && echo signalled; cat /proc/{own}/environ && echo read"),
        );
        assert!(
            !said.contains("signalled") && !said.contains("read\n"),
            "{backend}: {said}"
        );
    }
}

#[test]
fn no_network_unless_the_policy_gives_it() {
    let probe = Probe::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for backend in backends() {
        let said = |network| {
            let policy = Policy {
                network,
                seccomp: sandbox::SeccompProfile::Baseline,
                ..Policy::isolated()
            };
            let command = sandbox::Command::new(probe.path(), policy, patient())
                .backend(sandbox::BackendChoice::Force(backend))
                .args(["connect", &address]);
            command.run().unwrap().stdout.text()
        };
        assert!(said(false).starts_with("refused"), "{backend}");
        assert_eq!(said(true), "connected\n", "{backend}");

        // By the system-call filter alone.
        let finished = probe
            .command(backend, patient())
            .args(["connect", &address])
            .run()
            .unwrap();
        assert!(finished.stdout.text().starts_with("refused"), "{backend}");
    }
}

/// A node of the kind of `/dev/zero` at a place that no backend shows by itself; where none can
/// be made, `/dev/full`, which one of them does.
fn node(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("node");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let (kind, zero) = (libc::S_IFCHR | 0o666, libc::makedev(1, 5));
    // SAFETY: a C string that lives for the call.
    let made = unsafe { libc::mknod(name.as_ptr(), kind, zero) } == 0;
    if made && fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).is_ok() {
        let opened = fs::File::open(&path);
        if opened.is_ok() {
            return path;
        }
    }
    eprintln!("no node of our own: /dev/full");
    "/dev/full".into()
}

#[test]
fn device_nodes_are_passed_in_by_name() {
    for backend in backends() {
        let folder = open_folder();
        let node = node(folder.path());
        let see = |policy: Policy| {
            let script = format!(
                "head -c 3 {0} | wc -c; echo > {0} 2>/dev/null && echo written",
                node.display()
            );
            output(policy, backend, &script)
        };
        let with = Policy {
            devices: vec![node.clone(), "/dev/no-such-node".into()],
            ..Policy::isolated()
        };
        assert!(see(with).starts_with('3'), "{backend}");
        if node.starts_with(folder.path()) {
            let with = Policy {
                devices: vec![folder.path().to_owned()],
                ..Policy::isolated()
            };
            assert_eq!(see(with), "3\nwritten\n", "{backend}");
            let without = see(Policy::isolated());
            assert!(!without.contains("written"), "{backend}: {without}");
        }
    }
}

#[test]
fn compiler_policy_compiles() {
    if !Path::new("/usr/bin/g++").exists() {
        eprintln!("skipped: no g++");
        return;
    }
    for backend in backends() {
        let scratch = open_folder();
        fs::write(
            scratch.path().join("k.cpp"),
            "extern \"C\" int k() { return 7; }\n",
        )
        .unwrap();
        let finished =
            sandbox::Command::new("g++", Policy::compiler(scratch.path()), Limits::default())
                .backend(sandbox::BackendChoice::Force(backend))
                .args(["-shared", "-fPIC", "-O2", "k.cpp", "-o", "k.so"])
                .run()
                .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::Exited(0),
            "{backend}: {}",
            finished.stderr.text()
        );
        assert!(scratch.path().join("k.so").exists(), "{backend}");
        eprintln!(
            "{backend}: {:?}, {} s of processor",
            finished.wall, finished.cpu_s
        );
    }
}

#[test]
fn all_processors_whatever_the_spawner_is_pinned_to() {
    let probe = Probe::new();
    let all = probe
        .command(Backend::None, patient())
        .arg("affinity")
        .run()
        .unwrap()
        .stdout
        .text();
    for backend in backends() {
        let pinned = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let one = 1_u64;
                    // SAFETY: a mask of eight bytes for the calling thread.
                    unsafe { libc::sched_setaffinity(0, 8, (&raw const one).cast()) };
                    probe
                        .command(backend, patient())
                        .arg("affinity")
                        .run()
                        .unwrap()
                })
                .join()
                .unwrap()
        });
        assert_eq!(pinned.stdout.text(), all, "{backend}");

        let policy = Policy {
            cpus: Some(vec![0]),
            ..Policy::isolated()
        };
        let one = sandbox::Command::new(probe.path(), policy, patient())
            .backend(sandbox::BackendChoice::Force(backend))
            .arg("affinity")
            .run()
            .unwrap();
        assert_eq!(one.stdout.text(), "1\n", "{backend}");
    }
}

#[test]
fn only_given_descriptors_are_open() {
    let probe = Probe::new();
    for backend in backends().into_iter().chain([Backend::None]) {
        let (_reader, writer) = std::io::pipe().unwrap();
        let finished = probe
            .command(backend, patient())
            .arg("descriptors")
            .inherit_fd(writer, 7)
            .run()
            .unwrap();
        assert_eq!(finished.stdout.text(), "0\n1\n2\n7\n", "{backend}");
    }
}

#[test]
fn mistakes_are_named() {
    let missing = sandbox::Command::new("/no/such/program", Policy::trusted(), patient());
    assert!(matches!(missing.spawn(), Err(SpawnError::Program { .. })));
    for backend in backends() {
        let mut policy = Policy::isolated();
        policy.read_only.push("/no/such/folder".into());
        let error = shell(policy, patient(), backend, ":").spawn().unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");

        let mut policy = Policy::isolated();
        policy.cwd = "/no/such/folder".into();
        let error = shell(policy, patient(), backend, ":").run().unwrap_err();
        assert!(error.to_string().contains("sh"), "{backend}: {error}");

        let finished = shell(Policy::isolated(), patient(), backend, "exit 3")
            .run()
            .unwrap();
        assert_eq!(finished.reason, ExitReason::Exited(3), "{backend}");
        let finished = shell(Policy::isolated(), patient(), backend, "kill -SEGV $$")
            .run()
            .unwrap();
        assert_eq!(
            finished.reason,
            ExitReason::Signalled(libc::SIGSEGV),
            "{backend}"
        );
    }
}

#[test]
fn unreadable_paths_are_refused_before_the_start() {
    if doctor_drops_user() {
        let hidden = tempfile::tempdir().unwrap();
        fs::set_permissions(hidden.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let policy = Policy {
            read_only: vec![hidden.path().to_owned()],
            ..Policy::isolated()
        };
        for backend in backends() {
            let error = shell(policy.clone(), patient(), backend, ":")
                .spawn()
                .unwrap_err();
            assert!(matches!(error, SpawnError::Unreadable { .. }), "{error}");
        }
    } else {
        eprintln!("skipped: not root");
    }
}

#[test]
fn root_without_another_user_has_no_capabilities() {
    if !doctor_drops_user() {
        eprintln!("skipped: not root");
        return;
    }
    let hidden = tempfile::tempdir().unwrap();
    fs::write(hidden.path().join("file"), "open").unwrap();
    fs::set_permissions(hidden.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let policy = Policy {
        read_only: vec![hidden.path().to_owned()],
        drop_user: false,
        ..Policy::isolated()
    };
    for backend in backends() {
        let script = format!(
            "cat {}/file; setpriv --dump | grep '^Capability bounding set'",
            hidden.path().display()
        );
        let finished = shell(policy.clone(), patient(), backend, &script)
            .stdout(Output::Capture)
            .run()
            .unwrap();
        let text = finished.stdout.text();
        assert!(text.starts_with("open"), "{backend}: {text}");
        assert!(text.contains("[none]"), "{backend}: {text}");
    }
}

fn doctor_drops_user() -> bool {
    sandbox::doctor().other_user.is_ok()
}
