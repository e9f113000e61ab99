//! One source to PTX and machine code, or to what is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io};

use protocol::ContentHash;
use sandbox::{Command, ExitReason, Limits, Output, Policy, SpawnError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::find::Toolchain;
use crate::options::{Arch, Options};
use crate::resources::{self, Resources};
use crate::wire::{REPLY, REQUEST, Reply, Request};
use crate::{headers, messages};

/// Longest compilation, against template bombs.
const WALL: Duration = Duration::from_secs(30);
/// Most address space: NVRTC maps a lot and touches little of it.
const MEMORY_BYTES: u64 = 8 << 30;
/// Largest file that it may write.
const FILE_BYTES: u64 = 256 << 20;
/// What messages call a source.
const NAME: &str = "kernel.cu";
/// Names of what is kept.
const PTX: &str = "kernel.ptx";
const CUBIN: &str = "kernel.cubin";
const ABOUT: &str = "about.json";

/// The compiler can't be used: nothing is said about the source.
#[derive(Debug, Error)]
pub enum Failure {
    /// A file or folder.
    #[error("failed to {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The child did not start.
    #[error("failed to start the compiler")]
    Start(#[source] sandbox::SpawnError),
    /// The child started, and could not use NVRTC.
    #[error("NVRTC could not be used: {0}")]
    Broken(String),
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It compiles.
    Built(Built),
    /// It does not; the first errors.
    Refused(String),
}

/// What was made of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// For which GPU.
    pub arch: Arch,
    /// File with the PTX.
    pub ptx: PathBuf,
    /// File with the machine code.
    pub cubin: PathBuf,
    /// Hash of all that went in.
    pub key: ContentHash,
    /// Options as NVRTC got them, without include paths.
    pub options: Vec<String>,
    /// By function.
    pub resources: BTreeMap<String, Resources>,
    /// Warnings.
    pub warnings: String,
    /// Version of NVRTC.
    pub version: (i32, i32),
    /// Whether it was there already.
    pub cached: bool,
    /// Milliseconds in NVRTC, when it was made.
    pub nvrtc_ms: f64,
    /// Milliseconds that this call took.
    pub elapsed_ms: f64,
}

/// What is kept beside the code.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    version: (i32, i32),
    options: Vec<String>,
    resources: BTreeMap<String, Resources>,
    warnings: String,
    nvrtc_ms: f64,
}

/// NVRTC with a cache.
#[derive(Clone, Debug)]
pub struct Compiler {
    toolchain: Toolchain,
    /// The program that runs it.
    child: PathBuf,
    cache: PathBuf,
    /// Tells one installation from another.
    identity: String,
    wall: Duration,
}

impl Compiler {
    /// `child` is the program `kernel-nvrtc`; what is made is kept in `cache`.
    pub fn new(toolchain: Toolchain, child: &Path, cache: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(cache).map_err(file("create", cache))?;
        let length = |path: &Path| {
            let about = fs::metadata(path).map_err(file("look at", path))?;
            Ok(about.len())
        };
        let identity = format!(
            "{} {} {:?}",
            toolchain.library.display(),
            length(&toolchain.library)?,
            toolchain.include
        );
        Ok(Self {
            toolchain,
            child: child.to_owned(),
            cache: cache.to_owned(),
            identity,
            wall: WALL,
        })
    }

    /// With another limit than 30 s for each compilation.
    #[must_use]
    pub fn patient_for(mut self, wall: Duration) -> Self {
        self.wall = wall;
        self
    }

    /// Compiles a source for a GPU.
    pub fn compile(
        &self,
        source: &str,
        arch: &Arch,
        options: &Options,
    ) -> Result<Outcome, Failure> {
        let start = Instant::now();
        let key = self.key(source, arch, options);
        let kept = self.cache.join(key.to_string());
        let built = |about: About, cached| {
            Outcome::Built(Built {
                arch: arch.clone(),
                ptx: kept.join(PTX),
                cubin: kept.join(CUBIN),
                key: key.clone(),
                options: about.options,
                resources: about.resources,
                warnings: about.warnings,
                version: about.version,
                cached,
                nvrtc_ms: about.nvrtc_ms,
                elapsed_ms: start.elapsed().as_secs_f64() * 1e3,
            })
        };
        if let Some(about) = read_about(&kept) {
            return Ok(built(about, true));
        }
        if source.contains('\0') {
            return Ok(Outcome::Refused("the source has a zero byte".to_owned()));
        }
        match self.run(source, arch, options)? {
            Ran::Refused(errors) => Ok(Outcome::Refused(errors)),
            Ran::Done(scratch, about) => {
                self.keep(scratch.path(), arch, &about, &kept)?;
                Ok(built(about, false))
            }
        }
    }

    /// Compiles several, on so many threads; the answers are in their order.
    pub fn compile_all(
        &self,
        jobs: &[(String, Arch, Options)],
        threads: usize,
        done: &(dyn Fn(usize, &Result<Outcome, Failure>) + Sync),
    ) -> Vec<Result<Outcome, Failure>> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Outcome, Failure>>>> =
            jobs.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, jobs.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((source, arch, options)) = jobs.get(at) else {
                            return;
                        };
                        let result = self.compile(source, arch, options);
                        done(at, &result);
                        if let Ok(mut slot) = results[at].lock() {
                            *slot = Some(result);
                        }
                    }
                });
            }
        });
        let lost = || Err(Failure::Broken("a thread ended".to_owned()));
        results
            .into_iter()
            .map(|slot| slot.into_inner().ok().flatten().unwrap_or_else(lost))
            .collect()
    }

    fn key(&self, source: &str, arch: &Arch, options: &Options) -> ContentHash {
        let options = options.all().join("\n");
        let mut parts = vec![
            source.as_bytes(),
            arch.name().as_bytes(),
            options.as_bytes(),
            self.identity.as_bytes(),
            env!("CARGO_PKG_VERSION").as_bytes(),
        ];
        parts.extend(headers::texts().map(|text: &str| text.as_bytes()));
        ContentHash::of_parts(parts)
    }

    fn run(&self, source: &str, arch: &Arch, options: &Options) -> Result<Ran, Failure> {
        let scratch = tempfile::Builder::new()
            .prefix("alphalab-nvrtc-")
            .tempdir()
            .map_err(file("create a folder in", &std::env::temp_dir()))?;
        let stubs = scratch.path().join("include");
        headers::write(&stubs).map_err(file("write headers to", &stubs))?;
        let mut all = options.all();
        // Ours last: a toolkit that has one knows better.
        for folder in self.toolchain.include.iter().chain([&stubs]) {
            all.push(format!("--include-path={}", folder.display()));
        }
        let request = Request {
            builtins: self.toolchain.builtins.clone(),
            library: self.toolchain.library.clone(),
            name: NAME.to_owned(),
            source: source.to_owned(),
            archs: vec![arch.name().to_owned()],
            options: all,
        };
        let path = scratch.path().join(REQUEST);
        let text =
            serde_json::to_vec(&request).map_err(|error| Failure::Broken(error.to_string()))?;
        fs::write(&path, text).map_err(file("write", &path))?;
        let mut policy = Policy::compiler(scratch.path());
        let libraries = [
            Some(&self.toolchain.library),
            self.toolchain.builtins.as_ref(),
        ];
        policy.read_only = libraries
            .into_iter()
            .flatten()
            .filter_map(|library| library.parent().map(Path::to_owned))
            .chain(self.toolchain.include.iter().cloned())
            .collect();
        let limits = Limits {
            address_space_bytes: Some(MEMORY_BYTES),
            wall: Some(self.wall),
            file_size_bytes: Some(FILE_BYTES),
            ..Limits::default()
        };
        let start = |policy: Policy| {
            Command::new(&self.child, policy, limits.clone())
                .stdout(Output::Null)
                .stderr(Output::Capture)
                .run()
        };
        let finished = match start(policy.clone()) {
            // A folder that only its owner may enter: no other user can run
            // the compiler there.
            Err(SpawnError::Unreadable { .. }) => start(Policy {
                drop_user: false,
                ..policy
            }),
            other => other,
        }
        .map_err(Failure::Start)?;
        let said = finished.stderr.text();
        let reply = scratch.path().join(REPLY);
        match finished.reason {
            ExitReason::Exited(0) => {}
            ExitReason::Exited(_) => return Err(Failure::Broken(said.trim().to_owned())),
            // A source can do that to a compiler.
            other => return Ok(Ran::Refused(format!("the compiler was stopped: {other}"))),
        }
        let text = fs::read(&reply).map_err(file("read", &reply))?;
        let reply: Reply =
            serde_json::from_slice(&text).map_err(|error| Failure::Broken(error.to_string()))?;
        let Some(compiled) = reply.compiled.into_iter().next() else {
            return Err(Failure::Broken("an empty reply".to_owned()));
        };
        if !compiled.ok {
            return Ok(Ran::Refused(messages::trimmed(&compiled.log)));
        }
        let mut recorded = vec![format!("--gpu-architecture={arch}")];
        recorded.extend(options.all());
        let about = About {
            version: reply.version,
            options: recorded,
            resources: resources::of_log(&compiled.log),
            warnings: resources::rest_of_log(&compiled.log),
            nvrtc_ms: compiled.ms,
        };
        Ok(Ran::Done(scratch, about))
    }

    /// Whole or not at all: the folder gets its name last.
    fn keep(&self, scratch: &Path, arch: &Arch, about: &About, kept: &Path) -> Result<(), Failure> {
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&self.cache)
            .map_err(file("create a folder in", &self.cache))?;
        for (from, to) in [("ptx", PTX), ("cubin", CUBIN)] {
            let from = scratch.join(format!("{arch}.{from}"));
            fs::copy(&from, new.path().join(to)).map_err(file("copy", &from))?;
        }
        let path = new.path().join(ABOUT);
        let text = serde_json::to_vec(about).map_err(|error| Failure::Broken(error.to_string()))?;
        fs::write(&path, text).map_err(file("write", &path))?;
        let new = new.keep();
        if let Err(source) = fs::rename(&new, kept) {
            // Another process was faster; what it made is the same.
            let _ = fs::remove_dir_all(&new);
            if read_about(kept).is_none() {
                return Err(file("rename to", kept)(source));
            }
        }
        Ok(())
    }
}

enum Ran {
    Done(tempfile::TempDir, About),
    Refused(String),
}

fn read_about(kept: &Path) -> Option<About> {
    let text = fs::read(kept.join(ABOUT)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File {
        doing,
        path,
        source,
    }
}
