//! The lab: everything that is kept between experiments, and the one road
//! that each of them takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{Environment, Experiment, PROTOCOL_VERSION, Report, Split, Verdict};
use serde_json::json;
use torch_bridge::{Interp, InterpConfig, required_env};

use super::abort::Abort;
use super::attempt::{Attempt, rejected};
use super::candidate::{self, Found, Material};
use super::cuda::CudaLab;
use super::early::compile;
use super::measure::{Code, Job};
use super::module;
use super::{Depth, OnProgress};
use crate::admit::manifest;
use crate::baseline::Baselines;
use crate::cache::Cache;
use crate::compile::{Compiler as _, Cxx};
use crate::device::cpu::Cpu;
use crate::device::{Arranged, Device, Wanted};
use crate::error::HarnessError;
use crate::judge::Roofline;
use crate::pages::Pool;
use crate::plan::{BoundPlan, Limits, Target, Track, bind, parse};
use crate::task::sizes::{SizePolicy, SizeTable};
use crate::task::{LoadedTask, TaskLibrary};
use crate::template::Template;
use crate::timing::lock::{MachineLock, default_path};
use crate::timing::scrub::Scrubber;
use crate::timing::wake::Waker;

/// Longest wait for the machine-wide measurement lock.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// What a plan may ask for.
pub(crate) const TEMPS: Limits = Limits {
    temp_bytes: 1 << 30,
};
/// How much faster than this machine's measured write bandwidth the outputs
/// may appear before the time is called impossible.
const FLOOR_MARGIN: f64 = 4.0;
/// Name of the sizes that a simulator has time for.
pub(crate) const SIMULATED: &str = "sim";
/// Name of the sizes for a GPU.
pub(crate) const ON_GPU: &str = "cuda";
/// Diagnostic with the SHA-256 of what the compiler has made.
pub(crate) const OBJECT_HASH: &str = "object_sha256";

/// Where things are.
#[derive(Clone, Debug)]
pub struct Config {
    /// Environment with torch.
    pub venv: PathBuf,
    /// Folder of tasks.
    pub tasks: PathBuf,
    /// At which sizes they are measured.
    pub sizes: SizePolicy,
    /// Folder of templates.
    pub templates: PathBuf,
    /// Folder of the red team's corpus.
    pub red_team: PathBuf,
    /// Folder that is kept between processes.
    pub cache: PathBuf,
    /// Folder with the runners' binaries.
    pub runners: PathBuf,
    /// Folders of libtorch and of the libraries it needs.
    pub libraries: Vec<PathBuf>,
    /// Logical processors to measure on.
    pub cpus: Vec<usize>,
    /// What candidates run on.
    pub hardware: Hardware,
}

/// What candidates run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hardware {
    /// The processors.
    #[default]
    Cpu,
    /// A GPU, or what stands in for one.
    Cuda {
        /// What is compiled for, such as `sm_90a`; by default what the GPU has, and `sm_80` where
        /// there is none.
        arch: Option<kernel_nvrtc::Arch>,
    },
}

impl Config {
    /// Variables that a process must be started with to time torch fairly.
    pub fn environment(&self) -> Vec<(String, String)> {
        required_env(&Cache::new(self.cache.clone()).inductor(), &self.cpus)
    }
}

/// A task as it is being worked on: its timed size, its held-out size, its
/// baselines.
pub(crate) struct Bench {
    pub(crate) task: LoadedTask,
    pub(crate) held_out: Option<LoadedTask>,
    pub(crate) baselines: Option<Baselines>,
    /// Buffers for outputs, kept from one candidate to the next.
    pub(crate) pool: Pool,
    /// Rough time of an eager call, in nanoseconds.
    pub(crate) eager_ns: f64,
    /// The baseline that was faster the last time both ran: a quick look
    /// races against that one alone.
    pub(crate) leader: Option<usize>,
}

/// The lab.
pub struct Lab {
    pub(crate) interp: Interp,
    pub(crate) compiler: Cxx,
    pub(crate) device: Cpu,
    pub(crate) tasks: TaskLibrary,
    pub(crate) size_policy: SizePolicy,
    pub(crate) size_table: Option<SizeTable>,
    pub(crate) templates: Vec<Template>,
    /// Where CUDA candidates run, if that is what this lab is for.
    pub(super) cuda: Option<CudaLab>,
    pub(crate) cache: Cache,
    pub(crate) scrubber: Scrubber,
    pub(crate) waker: Waker,
    pub(crate) bench: Option<Bench>,
    pub(super) roofline: Roofline,
    /// Stands for the operating system's secrets, where trials are to be
    /// repeated.
    fixed_seed: Option<u64>,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").finish_non_exhaustive()
    }
}

/// A secret from the operating system.
pub(crate) fn draw_seed() -> Result<u64, HarnessError> {
    let mut bytes = [0_u8; 8];
    // SAFETY: the buffer is ours and its length is passed.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got == 8 {
        Ok(u64::from_le_bytes(bytes))
    } else {
        Err(HarnessError::last_os("draw a random seed"))
    }
}

/// What depends on what candidates run on.
fn hardware(config: &Config) -> Result<(Option<CudaLab>, Vec<Template>), HarnessError> {
    let cuda = CudaLab::of(config)?;
    let target = if cuda.is_some() {
        Target::Cuda
    } else {
        Target::Cpu
    };
    let templates = crate::template::load(&config.templates, target).map_err(|source| {
        HarnessError::Templates {
            dir: config.templates.clone(),
            source,
        }
    })?;
    Ok((cuda, templates))
}

impl Lab {
    /// Starts the interpreter and finds compiler, tasks and templates.
    pub fn start(config: &Config) -> Result<Self, HarnessError> {
        let cache = Cache::new(config.cache.clone());
        let tasks = TaskLibrary::new(config.tasks.clone());
        let size_table = match &config.sizes {
            SizePolicy::Table(path) => Some(SizeTable::read(path)?),
            SizePolicy::Auto | SizePolicy::Module => None,
        };
        let interp = Interp::start(&InterpConfig {
            venv: config.venv.clone(),
            threads: config.cpus.len(),
            env: Vec::new(),
        })
        .map_err(HarnessError::python("starting Python"))?;
        let waker = Waker::new(&interp, config.cpus.len())?;
        let compiler = Cxx::find(&cache.objects())?;
        let device = Cpu::new(
            &config.runners,
            config.libraries.clone(),
            config.venv.clone(),
            config.cpus.clone(),
        );
        let (cuda, templates) = hardware(config)?;
        let mut scrubber = Scrubber::new();
        let roofline = Roofline {
            bandwidth_bytes_per_s: FLOOR_MARGIN
                * scrubber.bandwidth_bytes_per_s()
                * config.cpus.len() as f64,
            peak_flop_per_s: 0.0,
        };
        Ok(Self {
            interp,
            compiler,
            device,
            tasks,
            size_policy: config.sizes.clone(),
            size_table,
            templates,
            cuda,
            cache,
            scrubber,
            waker,
            bench: None,
            roofline,
            fixed_seed: None,
        })
    }

    /// Lets every draw come from `seed` instead of the operating system, so
    /// that an evaluation can be repeated; `None` ends that. For trials of the
    /// lab alone: whoever knows the seed knows the inputs.
    pub(crate) fn fix_seed(&mut self, seed: Option<u64>) {
        self.fixed_seed = seed;
    }

    /// From now on candidates run on what `config` says: it differs from what the lab was
    /// started with in nothing else. What they run on is found now.
    pub(crate) fn turn_to(&mut self, config: &Config) -> Result<(), HarnessError> {
        let (mut cuda, templates) = hardware(config)?;
        if let Some(cuda) = &mut cuda {
            cuda.find()?;
        }
        (self.cuda, self.templates) = (cuda, templates);
        // A task has other sizes there.
        self.bench = None;
        Ok(())
    }

    /// Whether candidates are for CUDA.
    pub(crate) fn is_cuda(&self) -> bool {
        self.cuda.is_some()
    }

    /// Whether a simulator stands in for the device.
    pub(crate) fn is_simulated(&self) -> bool {
        self.cuda.as_ref().is_some_and(CudaLab::is_simulated)
    }

    /// What candidates are compiled for; `None` for those of processors.
    pub(crate) fn arch(&self) -> Option<&kernel_nvrtc::Arch> {
        self.cuda.as_ref().map(CudaLab::arch)
    }

    /// Whether candidates run on a GPU.
    pub(crate) fn has_gpu(&self) -> bool {
        self.cuda.as_ref().is_some_and(|cuda| !cuda.is_simulated())
    }

    /// The secret of an evaluation or of a task's parameters.
    pub(super) fn secret(&self) -> Result<u64, HarnessError> {
        match self.fixed_seed {
            Some(seed) => Ok(seed),
            None => draw_seed(),
        }
    }

    /// Makes `task` the one that is worked on.
    pub(crate) fn bench(&mut self, task: &str, baselines: bool) -> Result<(), HarnessError> {
        let source = self.tasks.find(task)?;
        let (source, size) = self.sized_for_device(source)?;
        let same = self
            .bench
            .as_ref()
            .is_some_and(|bench| bench.task.source == source);
        if !same {
            self.bench = None;
            self.interp
                .reset_compiler()
                .map_err(HarnessError::python("resetting torch.compile"))?;
            let loaded = LoadedTask::load(&self.interp, &source, size, self.secret()?)
                .map_err(|error| self.blame_sizes(&source, size, error))?;
            let held_out = if size != SIMULATED && source.sizes.contains_key(SIMULATED) {
                Some(LoadedTask::load(
                    &self.interp,
                    &source,
                    SIMULATED,
                    self.secret()?,
                )?)
            } else {
                None
            };
            // A GPU's sizes take a processor seconds, and nobody asks how many.
            let eager_ns = if size == ON_GPU {
                0.0
            } else {
                rough_time(&loaded)?
            };
            self.bench = Some(Bench {
                task: loaded,
                held_out,
                baselines: None,
                pool: Pool::default(),
                eager_ns,
                leader: None,
            });
        }
        if let Some(bench) = &mut self.bench
            && baselines
            && bench.baselines.is_none()
        {
            let _lock = MachineLock::take(&default_path(), PATIENCE)?;
            bench.baselines = Some(Baselines::prepare(&self.interp, &bench.task, &self.cache)?);
        }
        Ok(())
    }

    /// Names of the tasks in the lab's folder, sorted.
    pub fn task_names(&self) -> Result<Vec<String>, HarnessError> {
        self.tasks.names()
    }

    /// Looks at a candidate as deeply as asked. For a full evaluation the
    /// report also lies in `dir/attempt-N/report.json` afterwards.
    pub fn look(
        &mut self,
        dir: &Path,
        depth: Depth,
        attempt: Option<(u32, Split)>,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Report, HarnessError> {
        let started = Instant::now();
        let experiment = candidate::read_experiment(dir)?;
        progress("task", &experiment.task);
        let timed = depth != Depth::Check && self.cuda.is_none();
        self.bench(&experiment.task, timed)?;
        abort.check()?;
        let Some(mut bench) = self.bench.take() else {
            return Err(HarnessError::Task {
                task: experiment.task.clone(),
                problem: "it could not be loaded".to_owned(),
            });
        };
        let folder = attempt.map(|(number, _)| dir.join(format!("attempt-{number}")));
        let published = manifest::published(&bench.task.source)?;
        let mut looked = Attempt {
            report: self.blank_report(&experiment, &bench.task, depth, attempt),
            experiment: &experiment,
            depth,
            folder,
            started,
        };
        if let Some(word) = published.word() {
            let diagnostics = &mut looked.report.diagnostics;
            diagnostics.insert("quality".to_owned(), json!(word));
        }
        looked.lap("task", started);
        // The next candidate finds a runner that is up, or nearly: it starts
        // while this answer is read and the next source is compiled.
        if let Some(mut cuda) = self.cuda.take() {
            let result = cuda.walk(self, dir, looked, &mut bench, abort, progress);
            self.bench = Some(bench);
            let warm = cuda.warm();
            self.cuda = Some(cuda);
            return result.and_then(|report| warm.map(|()| report));
        }
        let result = self.walk(dir, looked, &mut bench, abort, progress);
        self.bench = Some(bench);
        self.device.warm()?;
        result
    }

    fn blank_report(
        &self,
        experiment: &Experiment,
        task: &LoadedTask,
        depth: Depth,
        attempt: Option<(u32, Split)>,
    ) -> Report {
        let mut facts = if let Some(cuda) = &self.cuda {
            cuda.facts()
        } else {
            let mut facts = self.device.facts();
            facts.insert("compiler".to_owned(), self.compiler.id().to_owned());
            facts.insert(
                "compiler_options".to_owned(),
                crate::compile::OPTIONS.join(" "),
            );
            facts
        };
        facts.insert("torch".to_owned(), self.interp.torch_version().to_owned());
        facts.insert(
            "torch_cpu_capability".to_owned(),
            self.interp.cpu_capability().to_owned(),
        );
        facts.insert("sizes".to_owned(), sizes_text(task));
        facts.insert(
            "lab_version".to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        );
        facts.insert("judge".to_owned(), env!("ALPHALAB_JUDGE").to_owned());
        facts.insert("sizes_from".to_owned(), task.size.clone());
        Report {
            schema: PROTOCOL_VERSION,
            lab: "kernel-lab".to_owned(),
            experiment: experiment.id.clone(),
            task: task.source.name.clone(),
            hash: task.hash.clone(),
            split: attempt.map(|(_, split)| split),
            provisional: depth != Depth::Evaluate,
            simulated: self.is_simulated(),
            verdict: Verdict::Ok,
            metrics: BTreeMap::new(),
            track: None,
            checks: Vec::new(),
            diagnostics: BTreeMap::new(),
            artifacts: Vec::new(),
            environment: Environment {
                device: if self.cuda.is_some() { "cuda" } else { "cpu" }.to_owned(),
                threads: self.device.parts() as u32,
                seed: String::new(),
                facts,
            },
            durations_ms: BTreeMap::new(),
        }
    }

    fn walk(
        &mut self,
        dir: &Path,
        mut looked: Attempt<'_>,
        bench: &mut Bench,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Report, HarnessError> {
        let material = match candidate::material(
            dir,
            looked.experiment,
            &bench.task,
            &self.templates,
            Target::Cpu,
        )? {
            Found::Material(material) => material,
            Found::Module(module) => {
                return self.walk_module(looked, &module, bench, abort, progress);
            }
            Found::Unusable(stage, reason) => {
                return looked.end(rejected(stage, reason));
            }
        };
        looked.report.hash = material.hash(&bench.task.hash);
        looked.keep("plan.toml", material.plan.as_bytes())?;
        looked.keep("kernel.cpp", material.source.as_bytes())?;

        let plan = match self.bind(&material, &bench.task) {
            Ok(plan) => plan,
            Err(reason) => return looked.end(rejected("plan", reason)),
        };
        looked.report.track = Some(plan.track.word().to_owned());
        looked.passed("plan", "parsed and bound");

        progress("compile", "");
        let since = Instant::now();
        let (compiled, early) = if looked.depth == Depth::Try {
            self.compile_and_prepare(&material, &plan, bench)?
        } else {
            (compile(&self.compiler, &material, &plan)?, None)
        };
        let object = match compiled {
            Ok(object) => object,
            Err(log) => {
                looked.lap("compile", since);
                return looked.end(rejected("compile", log));
            }
        };
        looked.lap("compile", since);
        if let Some(object) = &object {
            looked.passed(
                "compile",
                format!("{} ({})", self.compiler.id(), object.key.short()),
            );
            looked
                .report
                .diagnostics
                .insert("object_cached".to_owned(), json!(object.cached));
            looked
                .report
                .diagnostics
                .insert(OBJECT_HASH.to_owned(), json!(object.content_hash()?));
        }
        if looked.depth == Depth::Check {
            return looked.end(Verdict::Ok);
        }
        abort.check()?;
        let job = Job {
            code: Code::Plan(&material, object.as_ref()),
            plan: &plan,
        };
        self.measure(looked, &job, early, bench, abort, progress)
    }

    pub(super) fn bind(&self, material: &Material, task: &LoadedTask) -> Result<BoundPlan, String> {
        let plan = parse(&material.plan, Target::Cpu).map_err(|error| error.to_string())?;
        let parts = self.device.parts() as i64;
        bind(&plan, &task.signature, Some(parts), TEMPS).map_err(|error| error.to_string())
    }

    pub(super) fn arrange(
        &mut self,
        plan: &BoundPlan,
        task: &LoadedTask,
        slots: usize,
    ) -> Result<Box<dyn Arranged>, HarnessError> {
        let is_module = plan.track == Track::Python;
        let (construction, mut contents) = if is_module {
            let construction = module::construction(plan, task)?;
            (Some(construction), module::first_inputs(plan, task)?)
        } else {
            (None, Vec::new())
        };
        for (index, buffer) in plan.buffers.iter().enumerate() {
            if let crate::plan::Role::Param(key) = &buffer.role
                && let Some(param) = task.param_index(key)
            {
                let bytes = torch_bridge::bytes(&task.params[param])
                    .map_err(HarnessError::python("reading a parameter"))?;
                contents.push((index, bytes));
            }
        }
        self.device.arrange(&Wanted {
            plan,
            module: construction.as_ref(),
            contents: &contents,
            slots,
        })
    }
}

pub(crate) fn sizes_text(task: &LoadedTask) -> String {
    task.constants
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Median of a few eager calls, in nanoseconds, for time limits only.
fn rough_time(task: &LoadedTask) -> Result<f64, HarnessError> {
    let mut times = Vec::new();
    for set in &task.sets {
        let start = Instant::now();
        let output = set
            .eager
            .call()
            .map_err(HarnessError::python("calling the eager model"))?;
        times.push(start.elapsed().as_nanos() as f64);
        drop(output);
    }
    Ok(stats::median(&times).unwrap_or(0.0))
}
