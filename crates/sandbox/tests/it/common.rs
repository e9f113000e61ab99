//! What the tests share: the probe program where every user can read it, and
//! the backends that work here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use sandbox::{Backend, BackendChoice, Command, Limits, Policy, doctor};
use tempfile::TempDir;

/// The probe in a folder of its own that the confined user can reach.
pub(crate) struct Probe {
    folder: TempDir,
}

impl Probe {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Tests lie in `deps`, beside which Cargo puts `examples`.
        let own = std::env::current_exe().unwrap();
        let built = own.ancestors().nth(2).unwrap().join("examples/probe");
        fs::copy(built, folder.path().join("probe")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("probe")
    }

    pub(crate) fn command(&self, backend: Backend, limits: Limits) -> Command {
        Command::new(self.path(), Policy::isolated(), limits).backend(BackendChoice::Force(backend))
    }
}

/// The confining backends that work here; others are skipped loudly.
pub(crate) fn backends() -> Vec<Backend> {
    let doctor = doctor();
    let mut found = Vec::new();
    match &doctor.bubblewrap {
        Ok(_) => found.push(Backend::Bubblewrap),
        Err(reason) => eprintln!("skipped: no bubblewrap ({reason})"),
    }
    match &doctor.landlock {
        Ok(_) => found.push(Backend::Landlock),
        Err(reason) => eprintln!("skipped: no landlock ({reason})"),
    }
    found
}

/// Long enough that only a hang reaches it.
pub(crate) fn patient() -> Limits {
    Limits {
        wall: Some(Duration::from_secs(30)),
        ..Limits::none()
    }
}

/// A shell script under a policy.
pub(crate) fn shell(policy: Policy, limits: Limits, backend: Backend, script: &str) -> Command {
    Command::new("/bin/sh", policy, limits)
        .backend(BackendChoice::Force(backend))
        .args(["-c", script])
}
