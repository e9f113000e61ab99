//! One source to PTX and machine code, or to what is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use protocol::ContentHash;
use sandbox::ExitReason;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::find::Toolchain;
use crate::options::{Arch, Options};
use crate::resources::{self, Resources};
use crate::run::{Child, Ran};
use crate::wire::{Files, Reply};
use crate::{headers, messages};

/// Longest compilation, against template bombs.
const WALL: Duration = Duration::from_secs(30);
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

/// What came of a [`Job`]: an outcome for each of its GPUs.
pub type Answer = Result<Vec<Outcome>, Failure>;

/// A source, for which GPUs, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// CUDA C++.
    pub source: String,
    /// For which GPUs.
    pub archs: Vec<Arch>,
    /// The same for all of them.
    pub options: Options,
}

/// NVRTC with a cache.
#[derive(Debug)]
pub struct Compiler {
    toolchain: Toolchain,
    child: Child,
    cache: PathBuf,
    /// Tells one installation from another.
    identity: String,
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
            child: Child {
                program: child.to_owned(),
                argument: None,
                wall: WALL,
                note: Mutex::new(None),
            },
            cache: cache.to_owned(),
            identity,
        })
    }

    /// For a program that is its own child: with this argument it calls
    /// [`crate::child::serve`] and nothing else.
    #[must_use]
    pub fn told(mut self, argument: &'static str) -> Self {
        self.child.argument = Some(argument);
        self
    }

    /// With another limit than 30 s for each compilation.
    #[must_use]
    pub fn patient_for(mut self, wall: Duration) -> Self {
        self.child.wall = wall;
        self
    }

    /// Why a compilation was confined less than usual, if one was: for
    /// whoever runs it.
    pub fn note(&self) -> Option<String> {
        let note = self.child.note.lock();
        note.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Compiles a source for a GPU.
    pub fn compile(
        &self,
        source: &str,
        arch: &Arch,
        options: &Options,
    ) -> Result<Outcome, Failure> {
        let archs = std::slice::from_ref(arch);
        let mut outcomes = self.compile_for(source, archs, options, 1)?;
        outcomes.pop().ok_or_else(no_answer)
    }

    /// Compiles a source for several GPUs in one process, `threads` at the
    /// same time; the answers are in their order.
    pub fn compile_for(
        &self,
        source: &str,
        archs: &[Arch],
        options: &Options,
        threads: usize,
    ) -> Answer {
        if source.contains('\0') {
            let refused = Outcome::Refused("the source has a zero byte".to_owned());
            return Ok(vec![refused; archs.len()]);
        }
        let start = Instant::now();
        let mut outcomes = BTreeMap::new();
        let mut missing = Vec::new();
        for arch in archs {
            let kept = Kept::of(self, source, arch, options);
            match kept.about() {
                Some(about) => {
                    outcomes.insert(arch, kept.built(about, true, start));
                }
                None if !missing.contains(&arch) => missing.push(arch),
                None => {}
            }
        }
        let mut rounds = if missing.is_empty() {
            Vec::new()
        } else {
            vec![missing]
        };
        while let Some(round) = rounds.pop() {
            let ran = self
                .child
                .run(&self.toolchain, source, &round, options, threads)?;
            for arch in &round {
                let outcome = match (ran.reply(arch), &ran.stopped) {
                    (Some(reply), _) => self.settle(source, arch, options, &ran, &reply, start)?,
                    // It may have been another one's fault that it broke down.
                    (None, Some(ExitReason::Signalled { .. })) if round.len() > 1 => {
                        rounds.push(vec![arch]);
                        continue;
                    }
                    (None, Some(why)) => {
                        Outcome::Refused(format!("the compiler was stopped: {why}"))
                    }
                    (None, None) => return Err(no_answer()),
                };
                outcomes.insert(arch, outcome);
            }
        }
        let answers = archs.iter().map(|arch| outcomes.get(arch).cloned());
        answers.collect::<Option<_>>().ok_or_else(no_answer)
    }

    /// What a reply means; code that was made is kept.
    fn settle(
        &self,
        source: &str,
        arch: &Arch,
        options: &Options,
        ran: &Ran,
        reply: &Reply,
        start: Instant,
    ) -> Result<Outcome, Failure> {
        if !reply.ok {
            return Ok(Outcome::Refused(messages::refusal(
                &reply.log,
                reply.version,
            )));
        }
        let mut recorded = vec![format!("--gpu-architecture={arch}")];
        recorded.extend(options.all());
        let about = About {
            version: reply.version,
            options: recorded,
            resources: resources::of_log(&reply.log),
            warnings: resources::rest_of_log(&reply.log),
            nvrtc_ms: reply.ms,
        };
        let kept = Kept::of(self, source, arch, options);
        kept.keep(&self.cache, ran, &about)?;
        Ok(kept.built(about, false, start))
    }

    /// Compiles several, on so many threads; the answers are in their order.
    pub fn compile_all(
        &self,
        jobs: &[Job],
        threads: usize,
        done: &(dyn Fn(usize, &Answer) + Sync),
    ) -> Vec<Answer> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Answer>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
        let each = (threads / jobs.len().max(1)).max(1);
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, jobs.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(at) else {
                            return;
                        };
                        let result = self.compile_for(&job.source, &job.archs, &job.options, each);
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
}

fn no_answer() -> Failure {
    Failure::Broken("an empty reply".to_owned())
}

/// Where the code of one source for one GPU is kept.
struct Kept {
    arch: Arch,
    key: ContentHash,
    folder: PathBuf,
}

impl Kept {
    fn of(compiler: &Compiler, source: &str, arch: &Arch, options: &Options) -> Self {
        let key = compiler.key(source, arch, options);
        Self {
            arch: arch.clone(),
            folder: compiler.cache.join(key.to_string()),
            key,
        }
    }

    /// What is said of it, if it is there.
    fn about(&self) -> Option<About> {
        let text = fs::read(self.folder.join(ABOUT)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn built(&self, about: About, cached: bool, start: Instant) -> Outcome {
        Outcome::Built(Built {
            arch: self.arch.clone(),
            ptx: self.folder.join(PTX),
            cubin: self.folder.join(CUBIN),
            key: self.key.clone(),
            options: about.options,
            resources: about.resources,
            warnings: about.warnings,
            version: about.version,
            cached,
            nvrtc_ms: about.nvrtc_ms,
            elapsed_ms: start.elapsed().as_secs_f64() * 1e3,
        })
    }

    /// Whole or not at all: the folder gets its name last.
    fn keep(&self, cache: &Path, ran: &Ran, about: &About) -> Result<(), Failure> {
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(cache)
            .map_err(file("create a folder in", cache))?;
        let made = Files::of(self.arch.name());
        for (from, to) in [(&made.ptx, PTX), (&made.cubin, CUBIN)] {
            let from = ran.path(from);
            fs::copy(&from, new.path().join(to)).map_err(file("copy", &from))?;
        }
        let path = new.path().join(ABOUT);
        serde_json::to_vec(about)
            .map_err(io::Error::other)
            .and_then(|text| fs::write(&path, text))
            .map_err(file("write", &path))?;
        let new = new.keep();
        if let Err(source) = fs::rename(&new, &self.folder) {
            // Another process was faster; what it made is the same.
            let _ = fs::remove_dir_all(&new);
            if self.about().is_none() {
                return Err(file("rename to", &self.folder)(source));
            }
        }
        Ok(())
    }
}

pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File {
        doing,
        path,
        source,
    }
}
