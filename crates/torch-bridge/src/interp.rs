//! The interpreter: settings, start, and facts about its torch.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::types::PyAnyMethods as _;

use crate::fault::PyFault;
use crate::handle::{Handle, raised};
use crate::startup;
use crate::task::{self, Literal, TaskModule};

/// How to start the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterpConfig {
    /// Root of the virtual environment that has torch.
    pub venv: PathBuf,
    /// Threads that torch computes with.
    pub threads: usize,
    /// Variables for code that reads the environment when it is imported or
    /// later, such as inductor. They are set in this process, so start the
    /// interpreter before any other thread. What libgomp reads must be there
    /// before the process starts: see [`required_env`].
    pub env: Vec<(String, String)>,
}

/// The variables that a process which times torch must be *started* with:
/// libgomp reads its own when the loader maps it, before `main`.
///
/// `cpus` are the logical CPUs to pin OpenMP's threads to, one thread each;
/// `cache_dir` keeps what inductor compiles between processes.
pub fn required_env(cache_dir: &Path, cpus: &[usize]) -> Vec<(String, String)> {
    let affinity = cpus
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ");
    [
        // Threads that spin after a parallel region halve the other side.
        ("OMP_WAIT_POLICY", "passive".to_owned()),
        ("OMP_NUM_THREADS", cpus.len().to_string()),
        ("GOMP_CPU_AFFINITY", affinity),
        ("TORCHINDUCTOR_CACHE_DIR", cache_dir.display().to_string()),
        // Malloc asks for huge pages. How scattered small ones lie differs
        // from process to process, and made a copy 10% slower or faster.
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1".to_owned()),
        // Compile in this process: a pool of workers would outlive its task.
        ("TORCHINDUCTOR_COMPILE_THREADS", "1".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The process's embedded interpreter.
///
/// It lives on the thread that started it, best the main one (see
/// [`keep_freed_pages`](crate::keep_freed_pages)), which holds the GIL from then on:
/// no other Python thread runs while that thread computes in Rust. It can be
/// started once per process and is never shut down; the process ends without
/// running its libraries' destructors, which would need the GIL. Tensors that it gave out
/// belong on its thread too: dropping the last handle of one elsewhere would
/// wait for the GIL for ever.
pub struct Interp {
    bridge: Rc<Handle>,
    facts: Facts,
}

/// What is known about the interpreter once it runs.
struct Facts {
    python: String,
    torch: String,
    threads: usize,
    capability: String,
}

impl fmt::Debug for Interp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interp").finish_non_exhaustive()
    }
}

impl Interp {
    /// Makes the allocator keep freed pages, starts Python on the environment
    /// and imports torch. Python's `print` goes to standard error from here on.
    ///
    /// # Errors
    /// [`PyFault::AlreadyStarted`] on a second call, even after a failed one;
    /// [`PyFault::Start`], [`PyFault::Allocator`] and [`PyFault::Import`].
    pub fn start(config: &InterpConfig) -> Result<Self, PyFault> {
        static STARTED: AtomicBool = AtomicBool::new(false);
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(PyFault::AlreadyStarted);
        }
        startup::keep_freed_pages()?;
        let py = startup::start_python(&config.venv)?;
        startup::prepare_sys(py, config)?;
        let bridge = Handle::new(startup::load_bridge(py, &config.venv)?);
        let doing = || "configuring torch".to_owned();
        let (python, torch, threads, capability) = bridge
            .call("configure", (config.threads,), doing)?
            .extract()
            .map_err(|error| raised(py, &error, doing()))?;
        startup::end_without_destructors();
        Ok(Self {
            bridge: Rc::new(bridge),
            facts: Facts {
                python,
                torch,
                threads,
                capability,
            },
        })
    }

    /// Python's version, for example `3.11.7`.
    pub fn python_version(&self) -> &str {
        &self.facts.python
    }

    /// torch's version, for example `2.13.0+cu130`.
    pub fn torch_version(&self) -> &str {
        &self.facts.torch
    }

    /// Threads that torch computes with, as torch says.
    pub fn num_threads(&self) -> usize {
        self.facts.threads
    }

    /// The instruction set that torch's kernels use, for example `AVX2`.
    pub fn cpu_capability(&self) -> &str {
        &self.facts.capability
    }

    /// Forgets everything that `torch.compile` has made and collects garbage.
    /// Python's collector is off otherwise, so that it can't run inside a
    /// timed call: call this between tasks.
    pub fn reset_compiler(&self) -> Result<(), PyFault> {
        self.bridge
            .call("reset_compiler", (), || "resetting the compiler".to_owned())
            .map(drop)
    }

    /// The integers that a task's file writes out at module level, in source
    /// order: those that can be replaced without breaking a relation to others.
    /// Nothing of the file runs.
    ///
    /// # Errors
    /// [`PyFault::Unreadable`], and [`PyFault::Raised`] for a syntax error.
    pub fn task_literals(&self, path: &Path) -> Result<Vec<Literal>, PyFault> {
        task::literals(&self.bridge, path)
    }

    /// Loads a task in the KernelBench format as a fresh module, with the
    /// named module-level integer constants replaced before anything of it
    /// runs, so that all that depends on them follows. `SHAPE[0]` names an entry
    /// of a tuple.
    ///
    /// # Errors
    /// [`PyFault::Unreadable`], [`PyFault::UnknownConstant`],
    /// [`PyFault::Missing`] if it has no `Model` or `get_inputs`, and
    /// [`PyFault::Raised`] for a syntax error or an exception of its code.
    pub fn load_task(
        &self,
        path: &Path,
        overrides: &BTreeMap<String, i64>,
    ) -> Result<TaskModule, PyFault> {
        TaskModule::load(&self.bridge, path, overrides)
    }
}
