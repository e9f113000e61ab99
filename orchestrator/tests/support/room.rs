//! A folder in which `alphalab run` is told something, and what is in it
//! afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::{Target, command, finish, fixtures};

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) took: Duration,
    /// Largest memory of `alphalab` itself.
    pub(crate) own_kib: u64,
    /// Largest memory of it and all it started, at the same time.
    pub(crate) tree_kib: u64,
}

/// A folder to run in.
#[derive(Debug)]
pub(crate) struct Room(tempfile::TempDir);

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(room.path("tmp")).expect("a folder");
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("writes");
    }

    /// A copy of the adapter for tests.
    pub(crate) fn adapter(&self, name: &str) {
        for entry in fixtures().join("adapter").read_dir().expect("a folder") {
            let entry = entry.expect("an entry");
            let bytes = fs::read(entry.path()).expect("reads");
            self.write(&format!("{name}/{}", entry.file_name().display()), bytes);
        }
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let target = Target::synthetic(&fixtures().join("tasks"));
        let mut command = command(&target, "bad-input", &["run"]);
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("TMPDIR", self.path("tmp"))
            .env("ALPHALAB_KEYS_DIR", self.path("keys"))
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("OPENAI_API_KEY")
            .envs(environment.iter().copied());
        if let Some(python) = std::env::var_os("ALPHALAB_AGENT_VENV")
            && !environment
                .iter()
                .any(|(name, _)| *name == "ALPHALAB_AGENT_VENV")
        {
            command.env("ALPHALAB_AGENT_VENV", python);
        }
        command
    }

    /// Exit code and what was said on stderr, without what differs between
    /// machines.
    pub(crate) fn run(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let output = finish(self.command(arguments, environment));
        let mut said = String::from_utf8(output.stderr).expect("text");
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (path, name) in [(self.0.path(), "[ROOM]"), (&home, "[HOME]")] {
            let real = path.canonicalize().expect("is there");
            said = said.replace(&*real.to_string_lossy(), name);
            said = said.replace(&*path.to_string_lossy(), name);
        }
        (output.status.code(), said)
    }

    /// Runs with input that can't work.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        self.refused_with(arguments, &[])
    }

    pub(crate) fn refused_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let before = self.files();
        let (code, said) = self.run(arguments, environment);
        assert_eq!(code, Some(3), "{said}");
        let messages = said.lines().filter(|line| line.starts_with("alphalab: "));
        assert_eq!(messages.count(), 1, "{said}");
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(self.files(), before, "{said}");
        said
    }

    /// Nothing is here that `alphalab` made.
    pub(crate) fn is_as_it_was(&self) {
        assert!(!self.path("campaigns").exists());
        assert_eq!(self.path("tmp").read_dir().expect("a folder").count(), 0);
    }

    /// Explores a table to the end of phase 1.
    pub(crate) fn explore(&self, data: &str, objective: &str) -> Used {
        let arguments = [
            "--data",
            data,
            "--objective",
            objective,
            "--until",
            "phase1",
            "--dir",
            "campaign",
        ];
        let begun = Instant::now();
        let mut child = self
            .command(&arguments, &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("alphalab starts");
        let own = child.id();
        let (mut own_kib, mut tree_kib) = (0, 0);
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            own_kib = own_kib.max(memory_kib(own, "VmHWM:"));
            let tree = descendants(own).into_iter();
            tree_kib = tree_kib.max(tree.map(|pid| memory_kib(pid, "VmRSS:")).sum());
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{status:?}");
        Used {
            took: begun.elapsed(),
            own_kib,
            tree_kib,
        }
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.0.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in folder.read_dir().expect("a folder").flatten() {
                if entry.path().is_dir() {
                    open.push(entry.path());
                }
                found.insert(entry.path());
            }
        }
        found
    }
}

/// A line of `/proc/PID/status`; 0 for a process that has ended.
fn memory_kib(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    let number = value.and_then(|value| value.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A process and all below it.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|text| text.parse::<u32>().ok()),
            );
        }
    }
    found
}
