//! CUDA candidates: from plan and source by way of NVRTC to a verdict.
//!
//! All of them run on a simulator first: the judge is the one that all candidates meet, and what
//! the simulator finds is an offence, too. Where there is no GPU, that is all: a report has a
//! modelled cost ([`cost`]), which ranks variants of one kernel at best, and no speedup. That is
//! made of samples, and those come from a [`GpuSession`](crate::device::cuda::GpuSession) alone
//! ([`gpu`]).

mod cost;
mod gpu;
mod judge;
mod screen;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kernel_nvrtc::{Arch, Built, Compiler, Options, Outcome};
use protocol::{ContentHash, Report, Verdict};
use serde_json::json;

use self::cost::Figures;
pub(crate) use self::cost::{MODELLED_COST, MODELLED_UNIT};
use super::abort::Abort;
use super::attempt::{Attempt, REASON_CODE, rejected};
use super::candidate::{self, Found, Material};
use super::lab::{Bench, Config, Hardware, Lab, OBJECT_HASH, TEMPS};
use super::{Depth, OnProgress};
use crate::baseline::gpu::Python;
use crate::device::cuda::{Backing, Cuda, Gpu};
use crate::error::{HarnessError, chain};
use crate::plan::{BoundPlan, Target, bind, parse};
use crate::task::LoadedTask;

/// What CUDA candidates need of a lab.
pub(super) struct CudaLab {
    compiler: Compiler,
    options: Options,
    arch: Arch,
    /// The simulator, found when something is to be run: a check needs none.
    simulator: Option<Cuda>,
    backing: Backing,
    /// The GPU, where there is one that is wanted, and the process that calls its baselines.
    gpu: Option<Gpu>,
    baseline: Option<gpu::Kept>,
    python: Python,
    runners: PathBuf,
    cpus: Vec<usize>,
}

/// Where candidates are compiled for if nobody says so and there is no GPU.
const DEFAULT_ARCH: &str = "sm_80";

impl CudaLab {
    /// Of a lab for CUDA; `None` for one for processors.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, HarnessError> {
        let Hardware::Cuda { arch } = &config.hardware else {
            return Ok(None);
        };
        let backing = Backing::find(&variable)?;
        let find = || Gpu::find(&config.runners, &config.cpus, &variable);
        let (arch, gpu) = match (arch, backing) {
            (Some(arch), _) => (arch.clone(), None),
            (None, Backing::Gpu) => {
                let gpu = find()?;
                (gpu.arch()?, Some(gpu))
            }
            (None, Backing::Simulator) => {
                let arch = Arch::parse(DEFAULT_ARCH);
                let arch = arch.map_err(|error| HarnessError::CudaInput(chain(&error)))?;
                (arch, None)
            }
        };
        Ok(Some(Self {
            compiler: crate::cuda::compiler(&variable)?,
            options: Options::default(),
            arch,
            simulator: None,
            backing,
            gpu,
            baseline: None,
            python: Python::of(config),
            runners: config.runners.clone(),
            cpus: config.cpus.clone(),
        }))
    }

    /// Whether the simulator is all there is.
    pub(super) fn is_simulated(&self) -> bool {
        self.backing == Backing::Simulator
    }

    /// The GPU that candidates are compiled for.
    pub(super) fn arch(&self) -> &Arch {
        &self.arch
    }

    /// Facts for reports.
    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = match (self.backing, &self.gpu, &self.simulator) {
            (Backing::Gpu, Some(gpu), _) => gpu.facts(),
            (Backing::Simulator, _, Some(simulator)) => simulator.facts(),
            _ => BTreeMap::new(),
        };
        facts.insert("arch".to_owned(), self.arch.name().to_owned());
        facts
    }

    /// Makes ready for the next candidate.
    pub(super) fn warm(&mut self) -> Result<(), HarnessError> {
        if let Some(simulator) = &mut self.simulator {
            simulator.warm()?;
        }
        match &mut self.gpu {
            Some(gpu) => gpu.warm(),
            None => Ok(()),
        }
    }

    /// Makes sure that there is something to run on.
    pub(super) fn find(&mut self) -> Result<(), HarnessError> {
        match self.backing {
            Backing::Simulator => self.simulator().map(|_| ()),
            Backing::Gpu => self.gpu().map(|_| ()),
        }
    }

    fn simulator(&mut self) -> Result<&mut Cuda, HarnessError> {
        let simulator = match self.simulator.take() {
            Some(simulator) => simulator,
            None => Cuda::find(&self.runners, &self.arch, &self.cpus)?,
        };
        Ok(self.simulator.insert(simulator))
    }

    /// The GPU, which runs what is compiled.
    fn gpu(&mut self) -> Result<&mut Gpu, HarnessError> {
        let gpu = match self.gpu.take() {
            Some(gpu) => gpu,
            None => Gpu::find(&self.runners, &self.cpus, &variable)?,
        };
        gpu.check_arch(&self.arch)?;
        Ok(self.gpu.insert(gpu))
    }

    /// The whole road of a candidate.
    pub(super) fn walk(
        &mut self,
        lab: &Lab,
        dir: &Path,
        mut looked: Attempt<'_>,
        bench: &mut Bench,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Report, HarnessError> {
        let (task, templates) = (&bench.task, &lab.templates);
        let found = candidate::material(dir, looked.experiment, task, templates, Target::Cuda)?;
        let material = match found {
            Found::Material(material) => material,
            Found::Module(_) => {
                let reason = "a Python submission can't be run on CUDA yet".to_owned();
                return looked.end(rejected("files", reason));
            }
            Found::Unusable(stage, reason) => return looked.end(rejected(stage, reason)),
        };
        looked.report.hash = material.hash(&task.hash);
        looked.keep("plan.toml", material.plan.as_bytes())?;
        looked.keep(Target::Cuda.kernel_file(), material.source.as_bytes())?;
        let plan = match plan(&material, task) {
            Ok(plan) => plan,
            Err(reason) => return looked.end(rejected("plan", reason)),
        };
        looked.report.track = Some(plan.track.word().to_owned());
        looked.passed("plan", "parsed and bound");

        progress("compile", self.arch.name());
        let since = Instant::now();
        let compiled = self
            .compiler
            .compile(&material.source, &self.arch, &self.options)
            .map_err(|error| HarnessError::Cuda(Box::new(error)))?;
        looked.lap("compile", since);
        let built = match compiled {
            Outcome::Built(built) => built,
            Outcome::Refused(log) => return looked.end(rejected("compile", log)),
        };
        let ptx = read(&built.ptx)?;
        note_compiled(&mut looked, &built)?;
        if let Err(reason) = Cuda::check(&plan, &ptx) {
            return looked.end(rejected("plan", reason));
        }
        looked.passed("arguments", "as the kernels take them");
        if let Some(refused) = screened(&mut looked, &ptx) {
            return looked.end(refused);
        }
        let figures = Figures::new(&self.arch, &plan, &built);
        looked.report.diagnostics.extend(figures.resources());
        if looked.depth == Depth::Check {
            return looked.end(Verdict::Ok);
        }
        abort.check()?;
        let seed = lab.secret()?;
        looked.report.environment.seed = format!("{seed:016x}");
        if !self.is_simulated() {
            let code = gpu::Code {
                material: &material,
                plan: &plan,
                ptx: &ptx,
                cubin: &fs::read(&built.cubin).map_err(file(&built.cubin))?,
                seed,
            };
            return self.on_gpu(looked, &code, bench, abort, progress);
        }
        let simulator = self.simulator()?;
        looked.report.environment.facts.extend(simulator.facts());
        let ready = judge::Ready {
            plan: &plan,
            ptx: &ptx,
            seed,
        };
        let (task, pool) = (&mut bench.task, &mut bench.pool);
        let judged = judge::judge(simulator, &mut looked, &ready, task, pool, abort, progress)?;
        let seen = match judged {
            Ok(seen) => seen,
            Err(ended) => return looked.end_with(&ended),
        };
        judge::note(&mut looked, &seen);
        let cost = figures.cost(&seen.prepared, &seen.called);
        let report = &mut looked.report;
        report.metrics.extend(cost.metrics);
        report.diagnostics.extend(cost.diagnostics);
        let fallback = json!(bench.task.truth_fallback);
        report
            .diagnostics
            .insert("truth_fallback".to_owned(), fallback);
        looked.end(Verdict::Ok)
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The plan of a candidate, bound to its task. The error is for who wrote it.
fn plan(material: &Material, task: &LoadedTask) -> Result<BoundPlan, String> {
    parse(&material.plan, Target::Cuda)
        .and_then(|plan| bind(&plan, &task.signature, None, TEMPS))
        .map_err(|error| error.to_string())
}

fn note_compiled(looked: &mut Attempt<'_>, built: &Built) -> Result<(), HarnessError> {
    let (major, minor) = built.version;
    let compiler = format!("NVRTC {major}.{minor}");
    looked.passed("compile", format!("{compiler} ({})", built.key.short()));
    let facts = &mut looked.report.environment.facts;
    facts.insert("compiler".to_owned(), compiler);
    facts.insert("compiler_options".to_owned(), built.options.join(" "));
    let code = fs::read(&built.cubin).map_err(file(&built.cubin))?;
    let hash = ContentHash::of_stream(code.as_slice()).map_err(file(&built.cubin))?;
    let diagnostics = &mut looked.report.diagnostics;
    diagnostics.insert("object_cached".to_owned(), json!(built.cached));
    diagnostics.insert(OBJECT_HASH.to_owned(), json!(hash));
    if !built.warnings.is_empty() {
        diagnostics.insert("warnings".to_owned(), json!(built.warnings));
    }
    Ok(())
}

/// What is in the code that no answer shows: the report is told, and the verdict, if there is
/// one already, is returned.
fn screened(looked: &mut Attempt<'_>, ptx: &str) -> Option<Verdict> {
    let screened = match screen::screen(ptx) {
        Ok(screened) => screened,
        Err(error) => {
            return Some(rejected(
                "screen",
                format!("the PTX can't be read: {error}"),
            ));
        }
    };
    let diagnostics = &mut looked.report.diagnostics;
    if !screened.flagged.is_empty() {
        diagnostics.insert("screen".to_owned(), json!(screened.flagged));
    }
    if let Some((rule, reason)) = screened.refusal() {
        diagnostics.insert(REASON_CODE.to_owned(), json!(format!("screen:{rule}")));
        return Some(rejected("screen", reason));
    }
    let told: Vec<String> = screened.flagged.iter().map(ToString::to_string).collect();
    let detail = match told.as_slice() {
        [] => "nothing but computing".to_owned(),
        told => told.join("; "),
    };
    looked.passed("screen", detail);
    None
}

fn read(path: &Path) -> Result<String, HarnessError> {
    fs::read_to_string(path).map_err(file(path))
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> HarnessError {
    let path = path.to_owned();
    move |source| HarnessError::File {
        doing: "read",
        path,
        source,
    }
}
