//! Candidates on a GPU: judged by the simulator at a small size, judged by the GPU at the task's
//! own, and timed against PyTorch in another process.
//!
//! **None of this has run on a GPU**: docs/cuda.md says what has never met one.

mod duel;
mod kept;
mod report;
mod sides;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use kernel_cuda::wire::Work;
use protocol::Report;
use stats::Rng;

use self::duel::{Rounds, Rules, WARM_SLOT, duel};
pub(super) use self::kept::Kept;
use self::kept::ready;
use self::sides::{Copies, Ring};
use super::judge::{self, contents};
use super::{Attempt, CudaLab, plan};
use crate::baseline::gpu::{On, Process};
use crate::device::cuda::{Gpu, GpuSession, Load, untimed};
use crate::device::{Call, Ended, Run, Session as _};
use crate::error::HarnessError;
use crate::evaluate::abort::Abort;
use crate::evaluate::attempt::rejected;
use crate::evaluate::candidate::Material;
use crate::evaluate::lab::{Bench, PATIENCE, sizes_text};
use crate::evaluate::measure::{ended, shuffled};
use crate::evaluate::report::check;
use crate::evaluate::trial::{Ground, Halt, Trial};
use crate::evaluate::weigh::Denormals;
use crate::evaluate::{Depth, OnProgress};
use crate::inputs;
use crate::pages::Pool;
use crate::plan::BoundPlan;
use crate::task::LoadedTask;
use crate::timing::lock::{MachineLock, default_path};

/// Longest call on values of the task's own.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long clocks are brought up before the calls of a block count, in milliseconds.
const WARM_MS: f64 = 50.0;
/// Calls on fresh values, and those that are repeated with one value changed. Truth is computed on
/// the processor, which takes a GPU's sizes seconds.
const CALLS: usize = 2;
const REPEATS: usize = 1;
/// Special distributions that a GPU's size is judged on; the small shape has seen all.
const SPECIALS: usize = 2;
/// Fewest copies of inputs and outputs: one to bring clocks up on, one whose call is dropped, one
/// that counts.
const LEAST_SLOTS: usize = 3;
/// Bytes of a copy in the null test, and the part of the device's memory that it takes at most.
const NULL_BYTES: u64 = 256 << 20;
const NULL_SHARE: u64 = 32;
/// By how much two processes may differ on the same copy.
const NULL_TOLERANCE: f64 = 0.03;

/// A candidate that is compiled.
#[derive(Clone, Copy)]
pub(super) struct Code<'a> {
    pub(super) material: &'a Material,
    /// Bound to the task at the GPU's size.
    pub(super) plan: &'a BoundPlan,
    pub(super) ptx: &'a str,
    pub(super) cubin: &'a [u8],
    /// The evaluation's secret.
    pub(super) seed: u64,
}

/// What a depth asks for.
struct Effort {
    /// Copies of inputs and outputs.
    slots: usize,
    rounds: std::ops::RangeInclusive<usize>,
    most_time: Duration,
    half_width: f64,
    /// Rounds of the null test.
    null: std::ops::RangeInclusive<usize>,
}

impl Effort {
    fn of(depth: Depth) -> Self {
        let seconds = Duration::from_secs;
        match depth {
            Depth::Check | Depth::Try => Self {
                slots: 4,
                rounds: 3..=6,
                most_time: seconds(2),
                half_width: 0.05,
                null: 3..=6,
            },
            Depth::Judge => Self {
                slots: 5,
                rounds: 4..=8,
                most_time: seconds(4),
                half_width: 0.05,
                null: 4..=8,
            },
            Depth::Evaluate => Self {
                slots: 9,
                rounds: 12..=60,
                most_time: seconds(20),
                half_width: 0.01,
                null: 8..=24,
            },
        }
    }

    /// For calls of `work` on all slots but the one that clocks are brought up on.
    fn rules(&self, work: Work, slots: usize) -> Rules {
        Rules {
            work,
            slots: (WARM_SLOT + 1..slots).collect(),
            warm_ms: WARM_MS,
            flush: true,
            limit: CALL_LIMIT,
            rounds: self.rounds.clone(),
            most_time: self.most_time,
            half_width: self.half_width,
        }
    }
}

/// The same copies in both processes.
struct Null {
    /// Torch's time over the runner's.
    ratio: stats::Ratio,
    /// Bytes that the runner's copies moved in a second, read and written.
    bytes_per_s: f64,
    /// Bytes of a copy.
    bytes: u64,
}

impl Null {
    /// Whether the two processes see the same time.
    fn agrees(&self) -> bool {
        let (lo, hi) = (self.ratio.ci.lo, self.ratio.ci.hi);
        lo <= 1.0 + NULL_TOLERANCE
            && hi >= 1.0 - NULL_TOLERANCE
            && self.ratio.ci.half_width() <= NULL_TOLERANCE
    }
}

/// What the GPU said of a candidate that is right.
struct Measured {
    rounds: Rounds,
    sides: usize,
    graphed: bool,
    null: Null,
    prepare_ns: Option<f64>,
    compared: usize,
    worst_ratio: f64,
    skipped: Vec<String>,
    not_propagated: Vec<String>,
}

impl CudaLab {
    /// The road of a compiled candidate where there is a GPU.
    pub(super) fn on_gpu(
        &mut self,
        mut looked: Attempt<'_>,
        code: &Code<'_>,
        bench: &mut Bench,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Report, HarnessError> {
        if let Some(reason) = untimed(code.plan) {
            return looked.end(rejected("plan", reason));
        }
        let facts = self.gpu()?.facts();
        looked.report.environment.facts.extend(facts);
        if let Some(ended) = self.small(&mut looked, code, bench, abort, progress)? {
            return looked.end_with(&ended);
        }
        abort.check()?;
        let effort = Effort::of(looked.depth);
        let (python, baseline) = (self.python.clone(), self.baseline.take());
        let gpu = self.gpu()?;
        let lock = MachineLock::take(&default_path(), PATIENCE)?;
        let waited_ms = lock.waited().as_secs_f64() * 1e3;
        let durations = &mut looked.report.durations_ms;
        durations.insert("lock_wait".to_owned(), waited_ms);
        let on = On::Gpu(gpu.which().to_owned());
        progress("baseline", "torch in a process of its own");
        let since = Instant::now();
        let mut kept = ready(baseline, &python, on, gpu, &bench.task, &effort)?;
        looked.lap("baseline", since);
        let (task, pool) = (&mut bench.task, &mut bench.pool);
        let measured = measure(
            gpu,
            &mut kept,
            &mut looked,
            code,
            task,
            pool,
            &effort,
            abort,
            progress,
        )?;
        drop(lock);
        let done = match measured {
            Ok(measured) => report::conclude(looked, &measured, &kept, &bench.task, gpu, code.seed),
            Err(ended) => {
                judge::note_finding(&mut looked, &ended);
                looked.end_with(&ended)
            }
        };
        self.baseline = Some(kept);
        done
    }

    /// What the simulator and the GPU say of the candidate at the small size; what ended it, if
    /// something did. The small size is the held-out shape, too.
    fn small(
        &mut self,
        looked: &mut Attempt<'_>,
        code: &Code<'_>,
        bench: &mut Bench,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Option<Ended>, HarnessError> {
        let Some(task) = &mut bench.held_out else {
            let detail = "the task has no small size: nobody has looked for races, accesses out of \
                          bounds and reads of what nobody has written";
            looked.report.checks.push(check("simulator", false, detail));
            return Ok(None);
        };
        let shape = sizes_text(task);
        let small = match plan(code.material, task) {
            Ok(small) => small,
            Err(reason) => {
                let reason = format!("does not fit another shape ({shape}): {reason}");
                return Ok(Some(Ended::Refused(reason)));
            }
        };
        let ready = judge::Ready {
            plan: &small,
            ptx: code.ptx,
            seed: code.seed,
        };
        match self.simulator() {
            Ok(simulator) => {
                progress("simulator", &shape);
                let pool = &mut bench.pool;
                match judge::judge(simulator, looked, &ready, task, pool, abort, progress)? {
                    Ok(seen) => judge::note(looked, &seen),
                    Err(ended) => return Ok(Some(ended)),
                }
            }
            // A GPU that nothing simulates is no reason to go without a verdict.
            Err(error) if error.is_input() => {
                let detail = format!(
                    "{error}: nobody has looked for races, accesses out of bounds and reads of \
                     what nobody has written"
                );
                looked.report.checks.push(check("simulator", false, detail));
            }
            Err(error) => return Err(error),
        }
        progress("held-out shape", &shape);
        let since = Instant::now();
        let contents = contents(&small, task)?;
        let slots = looked.depth.slots();
        let gpu = self.gpu()?;
        let loaded = gpu.load(&small, code.ptx, code.cubin, &contents, slots)?;
        let mut session = match loaded {
            Load::Ready(session) => session,
            Load::Ended(ended) => return Ok(Some(ended)),
        };
        let ground = Ground {
            task,
            session: session.as_mut(),
            pool: &mut bench.pool,
            abort,
        };
        let mut trial = Trial::new(ground, &small, code.seed, CALL_LIMIT);
        trial.denormals = Denormals::MayBeFlushed;
        let specials = usize::MAX;
        let judged = judge_at(&mut trial, &small, looked.depth, specials, progress);
        looked.lap("held_out", since);
        match judged {
            Ok(()) => {
                looked.passed("held_out_shape", shape);
                Ok(None)
            }
            // The simulator has let it through at this very size, so that it is no matter of shape.
            Err(halt) => ended(halt).map(Some),
        }
    }
}

/// Untimed calls that are compared with the truth, at most `specials` of the special distributions
/// among them.
fn judge_at(
    trial: &mut Trial<'_, GpuSession>,
    plan: &BoundPlan,
    depth: Depth,
    specials: usize,
    progress: OnProgress<'_>,
) -> Result<(), Halt> {
    if plan.has_prepare() {
        trial.prepare_params()?;
    }
    progress("correctness", "the task's own distribution");
    trial.verify(None)?;
    if depth.is_full() {
        for _ in 1..CALLS {
            trial.verify(None)?;
        }
        for _ in 0..REPEATS {
            trial.verify_near_repeat()?;
        }
        let all = shuffled(trial.specials(), trial.seed);
        for special in all.into_iter().take(specials) {
            progress("correctness", special.name());
            trial.verify(Some(special))?;
        }
    }
    trial.verify_params(plan)
}

/// Where no candidate takes part, no end is its own.
fn of_the_machine(halt: Halt) -> HarnessError {
    match halt {
        Halt::Harness(error) => error,
        other => HarnessError::Runner {
            doing: "time a copy",
            problem: format!("{other:?}"),
        },
    }
}

/// Everything on the GPU at the task's own size.
#[expect(
    clippy::too_many_arguments,
    reason = "one caller beside a test; each is a different thing"
)]
fn measure(
    gpu: &mut Gpu,
    kept: &mut Kept,
    looked: &mut Attempt<'_>,
    code: &Code<'_>,
    task: &mut LoadedTask,
    pool: &mut Pool,
    effort: &Effort,
    abort: &Abort,
    progress: OnProgress<'_>,
) -> Result<Result<Measured, Ended>, HarnessError> {
    let contents = contents(code.plan, task)?;
    let loaded = gpu.load(code.plan, code.ptx, code.cubin, &contents, effort.slots)?;
    let mut session = match loaded {
        Load::Ready(session) => session,
        Load::Ended(ended) => return Ok(Err(ended)),
    };
    if session.slots() < LEAST_SLOTS {
        return Err(HarnessError::CudaInput(format!(
            "out of memory: {LEAST_SLOTS} copies of inputs and outputs of `{}` don't fit a quarter \
             of the GPU's {} bytes; `--sizes` makes a task smaller",
            task.source.name,
            gpu.told().memory_bytes
        )));
    }
    progress("null test", "the same copy in both processes");
    let since = Instant::now();
    let memory = gpu.told().memory_bytes;
    let null = null_test(&mut session, &mut kept.process, memory, effort, code.seed)?;
    looked.lap("null_test", since);
    let ground = Ground {
        task,
        session: session.as_mut(),
        pool,
        abort,
    };
    let mut trial = Trial::new(ground, code.plan, code.seed, CALL_LIMIT);
    trial.denormals = Denormals::MayBeFlushed;
    let measured = judge_and_time(trial, kept, looked, code, effort, null, progress);
    match measured {
        Ok(measured) => Ok(Ok(measured)),
        Err(halt) => ended(halt).map(Err),
    }
}

fn judge_and_time(
    mut trial: Trial<'_, GpuSession>,
    kept: &mut Kept,
    looked: &mut Attempt<'_>,
    code: &Code<'_>,
    effort: &Effort,
    null: Null,
    progress: OnProgress<'_>,
) -> Result<Measured, Halt> {
    let depth = looked.depth;
    let since = Instant::now();
    judge_at(&mut trial, code.plan, depth, SPECIALS, progress)?;
    // What is left in variables of the module is gone now.
    trial.session.reload(code.cubin)?;
    let prepare_ns = if code.plan.has_prepare() {
        Some(time_prepare(&mut trial)?)
    } else {
        None
    };
    looked.lap("correctness", since);

    progress("timing", "in turns with PyTorch");
    let since = Instant::now();
    let rules = effort.rules(Work::Plan, trial.session.slots());
    let mut rng = Rng::new(inputs::one_way(code.seed, "order", 0));
    let compiled = kept.compiled.as_deref();
    let mut ring = Ring::new(
        &mut trial,
        &mut kept.process,
        compiled,
        depth.secret_checks(),
    );
    let sides = duel::Field::sides(&ring);
    duel::Field::fresh(&mut ring, &[WARM_SLOT])?;
    let rounds = duel(&mut ring, &rules, &mut rng)?;
    looked.lap("timing", since);

    progress("correctness", "a secret choice of the timed calls");
    let since = Instant::now();
    ring.verify_kept()?;
    let graphed = ring.graphed;
    trial.verify_params(code.plan)?;
    if depth.is_full() {
        trial.verify_other_params(code.plan)?;
    }
    looked.lap("correctness", since);
    Ok(Measured {
        rounds,
        sides,
        graphed,
        null,
        prepare_ns,
        compared: trial.compared,
        worst_ratio: trial.worst_ratio,
        skipped: std::mem::take(&mut trial.skipped),
        not_propagated: std::mem::take(&mut trial.not_propagated),
    })
}

/// Runs the `prepare` steps; nanoseconds of the host's clock.
fn time_prepare(trial: &mut Trial<'_, GpuSession>) -> Result<f64, Halt> {
    let since = Instant::now();
    match trial.session.run(Call::Prepare, CALL_LIMIT)? {
        Run::Done(()) => Ok(since.elapsed().as_nanos() as f64),
        Run::Ended(ended) => Err(Halt::Ended(ended)),
    }
}

/// The same copy in both processes, in turns.
fn null_test(
    session: &mut GpuSession,
    process: &mut Process,
    memory_bytes: u64,
    effort: &Effort,
    seed: u64,
) -> Result<Null, HarnessError> {
    let bytes = NULL_BYTES.min(memory_bytes / NULL_SHARE).max(1);
    let rules = Rules {
        rounds: effort.null.clone(),
        half_width: NULL_TOLERANCE / 3.0,
        ..effort.rules(Work::Copy { bytes }, effort.slots)
    };
    let mut rng = Rng::new(inputs::one_way(seed, "null test", 0));
    let rounds = duel(&mut Copies { session, process }, &rules, &mut rng);
    let samples = rounds.map_err(of_the_machine)?.medians(2);
    let (own, other) = samples.pairs(0, 1);
    let ratio = stats::ratio_of_medians(&other, &own, &crate::evaluate::resampling(seed));
    let own_ns = stats::median(&own);
    let (Some(ratio), Some(own_ns)) = (ratio, own_ns) else {
        return Err(HarnessError::Busy("there are no samples".to_owned()));
    };
    Ok(Null {
        ratio,
        bytes_per_s: 2.0 * bytes as f64 / own_ns * 1e9,
        bytes,
    })
}
