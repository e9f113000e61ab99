//! The part of an evaluation in which the candidate runs.

use std::time::{Duration, Instant};

use protocol::{Report, Split, Verdict};
use serde_json::json;
use stats::Rng;

use super::abort::Abort;
use super::attempt::Attempt;
use super::candidate::Material;
use super::duel::{CANDIDATE, Duel, Ring};
use super::early::{Early, Foreseen};
use super::lab::{Bench, Lab, PATIENCE, sizes_text};
use super::report::check;
use super::trial::{Ground, Halt, Trial};
use super::{Depth, OnProgress, module, report};
use crate::compile::Object;
use crate::device::{self, Device as _, Ended, Load, TimedSession};
use crate::error::HarnessError;
use crate::inputs::{self, Special};
use crate::judge::Finding;
use crate::pages::Pool;
use crate::plan::BoundPlan;
use crate::task::LoadedTask;
use crate::timing::lock::{MachineLock, default_path};
use crate::timing::sampler::{Samples, sample};

/// Shortest time limit of one call; a slower eager model makes it longer.
const MIN_CALL_LIMIT: Duration = Duration::from_secs(2);
/// A call may take this many times as long as eager's.
const CALL_LIMIT_FACTOR: f64 = 50.0;
/// Clean rounds below which a result is no result.
const MIN_CLEAN: usize = 4;
/// Hand-shakes that are measured before the first session of a process.
pub(super) const FIRST_HANDSHAKES: usize = 5;
/// Calls that are repeated with one value changed.
const REPEATS: usize = 2;
/// Calls that show whether a candidate works at all on a shape.
const FIRST_CALLS: usize = 2;

/// What a candidate is made of.
#[derive(Clone, Copy)]
pub(super) enum Code<'a> {
    /// Plan and source, and what was compiled of it.
    Plan(&'a Material, Option<&'a Object>),
    /// A module in Python.
    Module(&'a str),
}

/// A candidate that is ready to be loaded.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) code: Code<'a>,
    pub(super) plan: &'a BoundPlan,
}

impl Job<'_> {
    /// As the device takes it.
    fn code(&self) -> device::Code<'_> {
        match self.code {
            Code::Plan(_, None) => device::Code::Nothing,
            Code::Plan(_, Some(object)) => device::Code::Object(&object.path),
            Code::Module(text) => device::Code::Module(text),
        }
    }
}

/// What a duel came to.
struct Measured {
    samples: Samples,
    /// With a read of the output in each time.
    consumed: Option<Samples>,
    prepare_ns: Option<f64>,
    worst_ratio: f64,
    refaulted: usize,
    compared: usize,
    skipped: Vec<String>,
    not_propagated: Vec<String>,
    /// Whether it computes with the task's parameters, not with its own.
    follows_params: bool,
    handshake_ns: f64,
    correctness_ms: f64,
    timing_ms: f64,
}

impl Lab {
    pub(super) fn measure(
        &mut self,
        mut looked: Attempt<'_>,
        job: &Job<'_>,
        early: Option<Early>,
        bench: &mut Bench,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Report, HarnessError> {
        let (seed, arranged, foreseen) = match early {
            Some(early) => (early.seed, Some(early.arranged), Some(early.foreseen)),
            None => (self.secret()?, None, None),
        };
        looked.report.environment.seed = format!("{seed:016x}");
        let limit = call_limit(bench.eager_ns);

        if looked.depth.is_full() && bench.held_out.is_some() {
            progress("held-out shape", "");
            let since = Instant::now();
            let halted = self.held_out(job, bench, seed, limit, abort)?;
            looked.lap("held_out", since);
            match halted {
                None => {
                    let sizes = bench.held_out.as_ref().map(sizes_text);
                    looked.passed("held_out_shape", sizes.unwrap_or_default());
                }
                Some(halt) => return looked.end_with(&ended(halt)?),
            }
        }

        let depth = looked.depth;
        // A module may compile for a minute while it is loaded.
        let ready = match job.code {
            Code::Module(_) => {
                progress("load", "");
                let since = Instant::now();
                let arranged = self.arrange(job.plan, &bench.task, depth.slots())?;
                let loaded = arranged.load(job.code())?;
                looked.lap("load", since);
                match loaded {
                    Load::Ready(session) => Some(session),
                    Load::Ended(ended) => return looked.end_with(&ended),
                }
            }
            Code::Plan(..) => None,
        };
        let lock = MachineLock::take(&default_path(), PATIENCE)?;
        looked
            .report
            .durations_ms
            .insert("lock_wait".to_owned(), lock.waited().as_secs_f64() * 1e3);
        let mut session = if let Some(session) = ready {
            self.first_handshakes()?;
            session
        } else {
            let arranged = match arranged {
                Some(arranged) => arranged,
                None => self.arrange(job.plan, &bench.task, depth.slots())?,
            };
            self.first_handshakes()?;
            match arranged.load(job.code())? {
                Load::Ready(session) => session,
                Load::Ended(ended) => return looked.end_with(&ended),
            }
        };
        let again = looked
            .report
            .split
            .is_some_and(|split| split != Split::Search);
        let result = self.duel(
            looked.depth,
            again,
            job,
            foreseen,
            bench,
            session.as_mut(),
            seed,
            abort,
            progress,
        );
        drop(session);
        drop(lock);
        let measured = match result {
            Ok(measured) => measured,
            Err(halt) => return looked.end_with(&ended(halt)?),
        };
        self.conclude(looked, bench, &measured, seed)
    }

    fn first_handshakes(&mut self) -> Result<(), HarnessError> {
        let scrubber = &mut self.scrubber;
        self.device
            .measure_handshakes(FIRST_HANDSHAKES, &mut || scrubber.scrub())
    }

    /// A few calls on another shape, in a runner of their own. `None` is
    /// good. What fails there is tried on the timed shape as well: a
    /// candidate that is wrong on both is just wrong.
    fn held_out(
        &mut self,
        job: &Job<'_>,
        bench: &mut Bench,
        seed: u64,
        limit: Duration,
        abort: &Abort,
    ) -> Result<Option<Halt>, HarnessError> {
        let Some(task) = &mut bench.held_out else {
            return Ok(None);
        };
        let pool = &mut bench.pool;
        let shape = sizes_text(task);
        let bound = match job.code {
            Code::Plan(material, _) => self.bind(material, task),
            Code::Module(_) => module::plan(task),
        };
        let halted = match bound {
            Ok(plan) => {
                let other = Job {
                    plan: &plan,
                    ..*job
                };
                self.first_calls(&other, task, pool, seed, limit, true, abort)?
            }
            Err(reason) => Some(Halt::Ended(Ended::Refused(format!(
                "does not fit another shape ({shape}): {reason}"
            )))),
        };
        let Some(halt) = halted else {
            return Ok(None);
        };
        let specials = matches!(&halt, Halt::Found(Finding::SpecialDistribution { .. }));
        let task = &mut bench.task;
        if let Some(plain) = self.first_calls(job, task, pool, seed, limit, specials, abort)? {
            return Ok(Some(plain));
        }
        Ok(Some(match halt {
            Halt::Found(inner) | Halt::Ended(Ended::Found(inner)) => {
                Halt::Found(Finding::HeldOutShape {
                    shape,
                    inner: Box::new(inner),
                })
            }
            other => other,
        }))
    }

    /// A few verified calls in a fresh runner. `None` is good.
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller; each is a different thing"
    )]
    fn first_calls(
        &mut self,
        job: &Job<'_>,
        task: &mut LoadedTask,
        pool: &mut Pool,
        seed: u64,
        limit: Duration,
        specials: bool,
        abort: &Abort,
    ) -> Result<Option<Halt>, HarnessError> {
        let arranged = self.arrange(job.plan, task, Depth::Try.slots())?;
        let mut session = match arranged.load(job.code())? {
            Load::Ready(session) => session,
            Load::Ended(ended) => return Ok(Some(Halt::Ended(ended))),
        };
        let ground = Ground {
            task,
            session: session.as_mut(),
            pool,
            abort,
        };
        // Nothing is timed here: the runner for what comes next may start.
        self.device.warm()?;
        let mut trial = Trial::new(ground, job.plan, seed, limit);
        let mut walk = || -> Result<(), Halt> {
            if job.plan.has_prepare() {
                trial.prepare_params()?;
            }
            for _ in 0..FIRST_CALLS {
                trial.verify(None)?;
            }
            for _ in 0..REPEATS {
                trial.verify_near_repeat()?;
            }
            if specials {
                for special in trial.specials() {
                    trial.verify(Some(special))?;
                }
            }
            trial.verify_params(job.plan)
        };
        match walk() {
            Ok(()) => Ok(None),
            Err(Halt::Harness(error)) => Err(error),
            Err(halt) => Ok(Some(halt)),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one caller; each is a different thing"
    )]
    fn duel(
        &mut self,
        depth: Depth,
        again: bool,
        job: &Job<'_>,
        foreseen: Option<Foreseen>,
        bench: &mut Bench,
        session: &mut (dyn TimedSession + 'static),
        seed: u64,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Measured, Halt> {
        let compiled = bench
            .baselines
            .as_ref()
            .and_then(|baselines| baselines.compiled.as_deref());
        let contestants = if compiled.is_some() { 3 } else { 2 };
        let ground = Ground {
            task: &mut bench.task,
            session,
            pool: &mut bench.pool,
            abort,
        };
        let ring = Ring {
            compiled,
            scrubber: &mut self.scrubber,
            waker: &self.waker,
        };
        let mut duel = Duel::new(ground, ring, job.plan, seed, call_limit(bench.eager_ns))?;

        duel.trial.foreseen = foreseen;
        duel.keeps = depth.secret_checks() > 0;
        duel.handshakes = depth.handshakes();

        let since = Instant::now();
        let prepare_ns = if job.plan.has_prepare() {
            Some(duel.prepare_params()?)
        } else {
            None
        };
        progress("correctness", "the task's own distribution");
        duel.trial.verify(None)?;
        if depth.is_full() {
            for _ in 0..REPEATS {
                duel.trial.verify_near_repeat()?;
            }
            for special in shuffled(duel.trial.specials(), seed) {
                progress("correctness", special.name());
                duel.trial.verify(Some(special))?;
            }
        }
        let mut correctness = since.elapsed();

        progress("timing", "interleaved with the baselines");
        let since = Instant::now();
        if depth.is_full() {
            duel.warm_baselines()?;
        } else {
            duel.only = bench.leader;
        }
        let mut rng = Rng::new(seed);
        let mut samples = sample(&mut duel, contestants, &depth.policy(), &mut rng)?;
        let handshake_ns = duel.handshake_ns();
        samples.subtract(CANDIDATE, handshake_ns);
        let consumed = match report::faster_baseline(&samples).filter(|_| again) {
            Some(baseline) => Some(duel.sample_consumed(baseline, contestants, &mut rng)?),
            None => None,
        };
        let timing = since.elapsed();

        progress("correctness", "a secret choice of the timed calls");
        let since = Instant::now();
        duel.trial.verify_idle()?;
        duel.verify_kept(depth.secret_checks())?;
        duel.trial.verify_params(job.plan)?;
        if depth.is_full() {
            duel.trial.verify_other_params(job.plan)?;
        }
        correctness += since.elapsed();
        Ok(Measured {
            samples,
            consumed,
            prepare_ns,
            worst_ratio: duel.trial.worst_ratio,
            refaulted: duel.refaulted,
            compared: duel.trial.compared,
            skipped: std::mem::take(&mut duel.trial.skipped),
            not_propagated: std::mem::take(&mut duel.trial.not_propagated),
            follows_params: duel.trial.follows_params(),
            handshake_ns,
            correctness_ms: correctness.as_secs_f64() * 1e3,
            timing_ms: timing.as_secs_f64() * 1e3,
        })
    }

    fn conclude(
        &self,
        mut looked: Attempt<'_>,
        bench: &mut Bench,
        measured: &Measured,
        seed: u64,
    ) -> Result<Report, HarnessError> {
        let durations = &mut looked.report.durations_ms;
        durations.insert("correctness".to_owned(), measured.correctness_ms);
        durations.insert("timing".to_owned(), measured.timing_ms);
        looked.passed(
            "correctness",
            format!(
                "{} outputs compared, worst {:.2} of the tolerance",
                measured.compared, measured.worst_ratio
            ),
        );
        let clean = measured.samples.rounds.len();
        if clean < MIN_CLEAN {
            return Err(HarnessError::Busy(format!(
                "only {clean} rounds were fit to count, {} were not; stop other programs and \
                 try again",
                measured.samples.contaminated
            )));
        }
        let scores = bench
            .baselines
            .as_ref()
            .and_then(|baselines| report::scores(&measured.samples, baselines, seed))
            .ok_or_else(|| HarnessError::Busy("there are no samples".to_owned()))?;
        bench.leader = Some(scores.winner);
        let (_, out_bytes) = bench.task.traffic_bytes();
        let floor_ns = self.roofline.floor_ns(out_bytes, 0.0);
        looked.report.checks.push(check(
            "quiet",
            measured.samples.disturbed == 0,
            if measured.samples.disturbed == 0 {
                format!("{} disturbed rounds dropped", measured.samples.contaminated)
            } else {
                format!(
                    "the machine was busy: {} of {clean} rounds were disturbed, by up to 30% of a \
                     call",
                    measured.samples.disturbed
                )
            },
        ));
        if !measured.not_propagated.is_empty() {
            looked.report.checks.push(check(
                "non_finite_values",
                false,
                format!(
                    "infinities or NaN of the model are not reproduced on: {}",
                    measured.not_propagated.join(", ")
                ),
            ));
        }
        if !measured.follows_params {
            looked.report.checks.push(check(
                "parameters",
                false,
                "its parameters are not those of the task by name and shape: they are what the \
                 seed made of them, and what it derived from them beforehand is in no time",
            ));
        }
        if scores.candidate_ns < floor_ns {
            let finding = Finding::TooFast {
                floor_ns,
                got_ns: scores.candidate_ns,
            };
            return looked.end_with(&Ended::Found(finding));
        }
        looked.passed(
            "floor",
            format!(
                "{:.3} ms; writing the outputs takes at least {:.3} ms",
                scores.candidate_ns / 1e6,
                floor_ns / 1e6
            ),
        );
        let report = &mut looked.report;
        report.metrics.extend(scores.metrics);
        report.diagnostics.extend(scores.diagnostics);
        if let Some(prepare_ns) = measured.prepare_ns {
            report.metrics.insert(
                "prepare_ms".to_owned(),
                report::metric_ms(&[prepare_ns], seed),
            );
        }
        if let Some(baselines) = &bench.baselines
            && baselines.compiled.is_some()
        {
            report.metrics.insert(
                "compile_time_ms".to_owned(),
                report::metric_ms(&[baselines.compile_time_ms * 1e6], seed),
            );
        }
        for (name, value) in [
            ("handshake_us", json!(measured.handshake_ns / 1e3)),
            ("baseline_calls_repeated", json!(measured.refaulted)),
            ("tolerance_used", json!(measured.worst_ratio)),
            ("not_propagated", json!(measured.not_propagated)),
            ("special_skipped", json!(measured.skipped)),
            ("truth_fallback", json!(bench.task.truth_fallback)),
        ] {
            report.diagnostics.insert(name.to_owned(), value);
        }
        if let Some(samples) = &measured.consumed {
            let metric = report::speedup(samples, scores.winner, seed);
            let named = metric.map(|metric| ("speedup_consumed".to_owned(), metric));
            looked.report.metrics.extend(named);
            let raw = report::raw_lines(samples);
            looked.keep("samples-consumed.jsonl", raw.as_bytes())?;
        }
        let raw = report::raw_lines(&measured.samples);
        looked.keep("samples.jsonl", raw.as_bytes())?;
        looked.end(Verdict::Ok)
    }
}

/// The special distributions in a secret order. The held-out shape has seen
/// all of them, but a candidate may know one shape from the other: a secret
/// few would let it through as often as not.
pub(super) fn shuffled(mut specials: Vec<Special>, seed: u64) -> Vec<Special> {
    Rng::new(inputs::one_way(seed, "specials", 0)).shuffle(&mut specials);
    specials
}

/// What the candidate did to end a duel; a failure of the harness stays an
/// error.
pub(super) fn ended(halt: Halt) -> Result<Ended, HarnessError> {
    match halt {
        Halt::Harness(error) => Err(error),
        Halt::Ended(ended) => Ok(ended),
        Halt::Found(finding) => Ok(Ended::Found(finding)),
    }
}

/// How long one call may take.
pub(super) fn call_limit(eager_ns: f64) -> Duration {
    MIN_CALL_LIMIT.max(Duration::from_nanos((CALL_LIMIT_FACTOR * eager_ns) as u64))
}
