//! Packages that a campaign declares: locked, installed, seen by agents'
//! commands, and missed where they change.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use orchestrator::campaign::extras::{LOCK, MODULES, install, verify};
use orchestrator::campaign::{Extra, ExtrasError, Layout};
use orchestrator::explore::AgentsPython;
use orchestrator::tools::run_command::{CommandSpec, Ended, run};

/// A small package in pure Python.
const EXTRA: &str = "toolz==1.0.0";

fn python() -> Option<AgentsPython> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &home) {
        Ok(python) => Some(python),
        Err(error) => {
            skip(&error.to_string());
            None
        }
    }
}

fn skip(why: &str) {
    let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
    assert!(!required, "{why}");
    println!("skipped: {why}");
}

#[test]
fn extras_are_locked_installed_and_read_only() {
    let Some(python) = python() else { return };
    let extra: Extra = EXTRA.parse().expect("a package");
    let installed = match install(&python, &[extra]) {
        Ok(installed) => installed,
        Err(error @ (ExtrasError::Unreachable { .. } | ExtrasError::Refused { .. })) => {
            return skip(&error.to_string());
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(installed.settings.extras, [EXTRA]);
    let around = tempfile::tempdir().expect("a folder");
    fs::set_permissions(around.path(), fs::Permissions::from_mode(0o755)).expect("opens");
    let folder = Layout::of(around.path()).python_extras();
    installed.put(&folder).expect("is put there");
    let lock = fs::read_to_string(folder.join(LOCK)).expect("a lock");
    assert!(lock.starts_with("toolz==1.0.0 --hash=sha256:"), "{lock}");
    assert_eq!(lock.lines().count(), 1, "{lock}");

    let command = |text: &str| {
        for name in ["work", "logs", "scratch"] {
            fs::create_dir_all(around.path().join(name)).expect("creates");
        }
        let [work, logs, scratch] = ["work", "logs", "scratch"].map(|n| around.path().join(n));
        let spec = CommandSpec {
            python: Some(python.folder().to_owned()),
            extras: Some(folder.clone()),
            ..CommandSpec::new(text, work, logs, scratch)
        };
        run(&spec, &AtomicBool::new(false)).expect("runs")
    };
    let seen = command("python -c 'import toolz, numpy; print(toolz.__version__)'");
    assert_eq!(seen.ended, Ended::Exited { code: 0 }, "{:?}", seen.stderr);
    assert!(seen.stdout.text.contains("1.0.0"), "{:?}", seen.stdout);
    let written = command(&format!(
        "echo x >> {}/{MODULES}/toolz/__init__.py",
        folder.display()
    ));
    assert_ne!(written.ended, Ended::Exited { code: 0 });
    verify(&folder, &installed.settings).expect("nothing has changed");

    let module = folder.join(MODULES).join("toolz/__init__.py");
    fs::set_permissions(&module, fs::Permissions::from_mode(0o644)).expect("opens");
    fs::write(&module, "evil = True\n").expect("writes");
    let error = verify(&folder, &installed.settings).expect_err("another module");
    assert!(error.to_string().contains("has changed since"), "{error}");
    fs::remove_dir_all(&folder).expect("removes");
    assert!(verify(&folder, &installed.settings).is_err(), "it is gone");
}

#[test]
fn what_no_index_has_is_refused_by_name() {
    let Some(python) = python() else { return };
    let extra: Extra = "toolz==999.0".parse().expect("a package");
    match install(&python, &[extra]) {
        Err(ExtrasError::Refused {
            operation, said, ..
        }) => {
            assert_eq!(operation, "resolve");
            assert!(said.contains("toolz==999.0"), "{said}");
        }
        Err(error @ ExtrasError::Unreachable { .. }) => skip(&error.to_string()),
        other => panic!("{other:?}"),
    }
}
