//! One run of the confined child.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use sandbox::{Command, ExitReason, Finished, Limits, Output, Policy, SpawnError};

use crate::compile::{Failure, file};
use crate::find::Toolchain;
use crate::headers;
use crate::options::{Arch, Options};
use crate::wire::{Files, REQUEST, Reply, Request};

/// Most address space: NVRTC maps a lot and touches little of it.
const MEMORY_BYTES: u64 = 8 << 30;
/// Largest file that it may write.
const FILE_BYTES: u64 = 256 << 20;
/// What messages call a source.
pub const NAME: &str = "kernel.cu";

/// The program that compiles, and what is done to it.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) program: PathBuf,
    /// What makes the program the child, if it is not always that.
    pub(crate) argument: Option<&'static str>,
    /// For one architecture after the other.
    pub(crate) wall: Duration,
    /// Why it runs as the calling user, if it does.
    pub(crate) note: Mutex<Option<String>>,
}

/// What a child left.
pub(crate) struct Ran {
    scratch: tempfile::TempDir,
    /// Why it ended before it was done, if it did.
    pub(crate) stopped: Option<ExitReason>,
}

impl Ran {
    /// What was answered for an architecture.
    pub(crate) fn reply(&self, arch: &Arch) -> Option<Reply> {
        let text = fs::read(self.path(&Files::of(arch.name()).reply)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// A file that the child left.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl Child {
    pub(crate) fn run(
        &self,
        toolchain: &Toolchain,
        source: &str,
        archs: &[&Arch],
        options: &Options,
        threads: usize,
    ) -> Result<Ran, Failure> {
        let scratch = tempfile::Builder::new()
            .prefix("alphalab-nvrtc-")
            .tempdir()
            .map_err(file("create a folder in", &std::env::temp_dir()))?;
        let stubs = scratch.path().join("include");
        headers::write(&stubs).map_err(file("write headers to", &stubs))?;
        let mut all = options.all();
        // Ours last: a toolkit that has one knows better.
        for folder in toolchain.include.iter().chain([&stubs]) {
            all.push(format!("--include-path={}", folder.display()));
        }
        let threads = threads.clamp(1, archs.len().max(1));
        let request = Request {
            builtins: toolchain.builtins.clone(),
            library: toolchain.library.clone(),
            name: NAME.to_owned(),
            source: source.to_owned(),
            archs: archs.iter().map(|arch| arch.name().to_owned()).collect(),
            threads,
            options: all,
        };
        let path = scratch.path().join(REQUEST);
        serde_json::to_vec(&request)
            .map_err(io::Error::other)
            .and_then(|text| fs::write(&path, text))
            .map_err(file("write", &path))?;
        let rounds = u32::try_from(archs.len().div_ceil(threads)).unwrap_or(u32::MAX);
        let limits = Limits {
            address_space_bytes: Some(MEMORY_BYTES),
            wall: Some(self.wall.saturating_mul(rounds)),
            file_size_bytes: Some(FILE_BYTES),
            ..Limits::default()
        };
        let finished = self.start(policy(toolchain, scratch.path()), &limits)?;
        let stopped = match finished.reason {
            ExitReason::Exited(0) => None,
            ExitReason::Exited(_) => {
                return Err(Failure::Broken(finished.stderr.text().trim().to_owned()));
            }
            // A source can do that to a compiler.
            other => Some(other),
        };
        Ok(Ran { scratch, stopped })
    }

    fn start(&self, policy: Policy, limits: &Limits) -> Result<Finished, Failure> {
        let start = |policy: Policy| {
            Command::new(&self.program, policy, limits.clone())
                .args(self.argument)
                .stdout(Output::Null)
                .stderr(Output::Capture)
                .run()
        };
        match start(policy.clone()) {
            Err(SpawnError::Unreadable { path }) => {
                // A folder that only its owner may enter: no other user can
                // run the compiler there.
                let note = format!(
                    "the compiler runs as the calling user and not as nobody, for {} is not \
                     readable for everybody; it is confined all the same",
                    path.display()
                );
                *self.note.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
                start(Policy {
                    drop_user: false,
                    ..policy
                })
            }
            other => other,
        }
        .map_err(Failure::Start)
    }
}

fn policy(toolchain: &Toolchain, scratch: &Path) -> Policy {
    let libraries = [Some(&toolchain.library), toolchain.builtins.as_ref()];
    let folders = libraries
        .into_iter()
        .flatten()
        .filter_map(|library| library.parent().map(Path::to_owned));
    Policy {
        read_only: folders.chain(toolchain.include.iter().cloned()).collect(),
        ..Policy::compiler(scratch)
    }
}
