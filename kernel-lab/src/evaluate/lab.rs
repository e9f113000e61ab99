//! The lab: everything that is kept between experiments, and the one road
//! that each of them takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{
    Artifact, ContentHash, Environment, Experiment, PROTOCOL_VERSION, Report, Split, Verdict,
};
use serde_json::json;
use torch_bridge::{Interp, InterpConfig, required_env};

use super::abort::Abort;
use super::candidate::{self, Found, Material};
use super::early::compile;
use super::measure::{Code, Job};
use super::module;
use super::report::check;
use super::{Depth, OnProgress, verdict};
use crate::admit::manifest;
use crate::baseline::Baselines;
use crate::cache::Cache;
use crate::compile::{Compiler as _, Cxx};
use crate::device::cpu::Cpu;
use crate::device::{Arranged, Device, Ended, Wanted};
use crate::error::HarnessError;
use crate::judge::Roofline;
use crate::pages::Pool;
use crate::plan::{BoundPlan, Limits, Track, bind, parse};
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
/// Diagnostic with a stable word for why a candidate was refused.
const REASON_CODE: &str = "reason_code";
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

/// A candidate on its way through an evaluation.
pub(super) struct Attempt<'a> {
    experiment: &'a Experiment,
    pub(super) depth: Depth,
    pub(super) report: Report,
    /// Where raw samples and sources go, for a full evaluation.
    folder: Option<PathBuf>,
    started: Instant,
}

impl Attempt<'_> {
    pub(super) fn passed(&mut self, name: &str, detail: impl Into<String>) {
        self.report.checks.push(check(name, true, detail));
    }

    pub(super) fn lap(&mut self, phase: &str, since: Instant) {
        let elapsed_ms = since.elapsed().as_secs_f64() * 1e3;
        *self
            .report
            .durations_ms
            .entry(phase.to_owned())
            .or_default() += elapsed_ms;
    }

    pub(super) fn end(mut self, verdict: Verdict) -> Result<Report, HarnessError> {
        if !verdict.is_ok() {
            self.report
                .diagnostics
                .entry(REASON_CODE.to_owned())
                .or_insert_with(|| json!(stage_of(&verdict)));
            self.report
                .checks
                .push(check(stage_of(&verdict), false, verdict.reason()));
        }
        self.report.verdict = verdict;
        self.lap("total", self.started);
        if let Some(folder) = &self.folder {
            let text = serde_json::to_vec_pretty(&self.report).map_err(|error| {
                HarnessError::Experiment {
                    dir: folder.clone(),
                    problem: format!("failed to write the report: {error}"),
                }
            })?;
            Cache::store(&folder.join("report.json"), &text)?;
        }
        Ok(self.report)
    }

    /// The end of a candidate whose process came to an end, or that did
    /// something wrong.
    pub(super) fn end_with(mut self, ended: &Ended) -> Result<Report, HarnessError> {
        let code = json!(verdict::code(ended));
        self.report.diagnostics.insert(REASON_CODE.to_owned(), code);
        self.end(verdict::on_end(ended))
    }

    pub(super) fn keep(&mut self, name: &str, bytes: &[u8]) -> Result<(), HarnessError> {
        if let Some(folder) = &self.folder {
            Cache::store(&folder.join(name), bytes)?;
            let hash = ContentHash::of_stream(bytes).map_err(|error| HarnessError::Experiment {
                dir: folder.clone(),
                problem: format!("failed to hash `{name}`: {error}"),
            })?;
            self.report.artifacts.push(Artifact {
                path: name.into(),
                hash,
            });
        }
        Ok(())
    }
}

fn stage_of(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Ok => "done",
        Verdict::Rejected { stage, .. } => stage,
        Verdict::Crashed { .. } | Verdict::TimedOut { .. } => "run",
    }
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
        let templates =
            crate::template::load(&config.templates).map_err(|source| HarnessError::Templates {
                dir: config.templates.clone(),
                source,
            })?;
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
        let source = self.sized(source)?;
        let same = self
            .bench
            .as_ref()
            .is_some_and(|bench| bench.task.source == source);
        if !same {
            self.bench = None;
            self.interp
                .reset_compiler()
                .map_err(HarnessError::python("resetting torch.compile"))?;
            let loaded = LoadedTask::load(&self.interp, &source, "cpu", self.secret()?)
                .map_err(|error| self.blame_sizes(&source, error))?;
            let held_out = if source.sizes.contains_key("sim") {
                Some(LoadedTask::load(
                    &self.interp,
                    &source,
                    "sim",
                    self.secret()?,
                )?)
            } else {
                None
            };
            let eager_ns = rough_time(&loaded)?;
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
        self.bench(&experiment.task, depth != Depth::Check)?;
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
        let result = self.walk(dir, looked, &mut bench, abort, progress);
        self.bench = Some(bench);
        // The next candidate finds a runner that is up, or nearly: it starts
        // while this answer is read and the next source is compiled.
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
        let mut facts = self.device.facts();
        facts.insert("compiler".to_owned(), self.compiler.id().to_owned());
        facts.insert(
            "compiler_options".to_owned(),
            crate::compile::OPTIONS.join(" "),
        );
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
            simulated: false,
            verdict: Verdict::Ok,
            metrics: BTreeMap::new(),
            track: None,
            checks: Vec::new(),
            diagnostics: BTreeMap::new(),
            artifacts: Vec::new(),
            environment: Environment {
                device: "cpu".to_owned(),
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
        let material =
            match candidate::material(dir, looked.experiment, &bench.task, &self.templates)? {
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
        let plan = parse(&material.plan).map_err(|error| error.to_string())?;
        bind(&plan, &task.signature, self.device.parts() as i64, TEMPS)
            .map_err(|error| error.to_string())
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

pub(super) fn rejected(stage: &str, reason: String) -> Verdict {
    Verdict::Rejected {
        stage: stage.to_owned(),
        reason,
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
