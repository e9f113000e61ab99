//! A candidate and its baselines, one timed call at a time: for harnesses
//! with a stopping rule and statistics of their own.
//!
//! Inputs, processes, caches, clock and lock are those of an evaluation, and
//! the candidate is judged like one, before and after. What is missing is the
//! duel's pairing: who calls the contestants one after the other has what
//! drifts over seconds in the ratio of their times.

use std::path::Path;

use protocol::Verdict;

use super::abort::Abort;
use super::candidate::{self, Found};
use super::duel::{CANDIDATE, Duel, Ring};
use super::early::compile;
use super::lab::{Bench, Lab, PATIENCE};
use super::measure::{FIRST_HANDSHAKES, call_limit, ended};
use super::trial::{Ground, Halt};
use super::{Depth, OnProgress, read_experiment, verdict};
use crate::device::{Code, Device as _, Load};
use crate::error::HarnessError;
use crate::plan::Target;
use crate::timing::contention::is_contaminated;
use crate::timing::lock::{MachineLock, default_path};

/// Times a call that was disturbed is made again before it is taken as it is.
const RETRIES: usize = 8;

/// A verified candidate and its baselines.
pub struct Solo<'a> {
    duel: Duel<'a>,
    has_compiled: bool,
    round: usize,
    halt: Option<Halt>,
}

impl std::fmt::Debug for Solo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Solo")
            .field("round", &self.round)
            .field("halt", &self.halt)
            .finish_non_exhaustive()
    }
}

/// One timed call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoloTime {
    /// Time on the harness's clock, in nanoseconds; of a candidate's, what
    /// the hand-shake costs is subtracted.
    pub ns: f64,
    /// Whether its threads had to wait for a processor in every attempt.
    pub disturbed: bool,
}

/// There are no more calls: the candidate has come to its end, or the harness
/// has failed. [`Lab::solo`] says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub struct Over;

impl Solo<'_> {
    /// Whether there is a contestant [`COMPILED`](super::COMPILED).
    pub fn has_compiled(&self) -> bool {
        self.has_compiled
    }

    /// One timed call of [`CANDIDATE`], [`EAGER`](super::EAGER) or
    /// [`COMPILED`](super::COMPILED) on fresh values at fresh addresses,
    /// caches scrubbed. One that was disturbed is made again, a few times.
    pub fn call(&mut self, contestant: usize) -> Result<SoloTime, Over> {
        if self.halt.is_some() {
            return Err(Over);
        }
        self.undisturbed(contestant).map_err(|halt| {
            self.halt = Some(halt);
            Over
        })
    }

    fn undisturbed(&mut self, contestant: usize) -> Result<SoloTime, Halt> {
        let mut attempt = 0;
        loop {
            let timed = self.duel.call_alone(contestant, self.round)?;
            self.round += 1;
            let disturbed = is_contaminated(timed.elapsed_ns, timed.delay_ns);
            if disturbed && attempt < RETRIES {
                attempt += 1;
                continue;
            }
            let handshake_ns = if contestant == CANDIDATE {
                self.duel.handshake_ns()
            } else {
                0.0
            };
            return Ok(SoloTime {
                ns: (timed.elapsed_ns - handshake_ns).max(0.0),
                disturbed,
            });
        }
    }
}

impl Lab {
    /// Judges the candidate in `dir` and, if it is right, hands it to `with`
    /// to be timed, under the lock of the machine. `with` is not called for
    /// any other; whatever it has timed is worth something only if the
    /// verdict is [`Verdict::Ok`], since timed outputs are compared when it
    /// returns.
    pub fn solo(
        &mut self,
        dir: &Path,
        abort: &Abort,
        progress: OnProgress<'_>,
        with: &mut dyn FnMut(&mut Solo<'_>),
    ) -> Result<Verdict, HarnessError> {
        let report = self.look(dir, Depth::Judge, None, abort, progress)?;
        if !report.verdict.is_ok() {
            return Ok(report.verdict);
        }
        let Some(mut bench) = self.bench.take() else {
            return Ok(report.verdict);
        };
        progress("timing", "one after the other");
        let verdict = self.alone(dir, &report.hash, &mut bench, abort, with);
        self.bench = Some(bench);
        verdict
    }

    fn alone(
        &mut self,
        dir: &Path,
        judged: &protocol::ContentHash,
        bench: &mut Bench,
        abort: &Abort,
        with: &mut dyn FnMut(&mut Solo<'_>),
    ) -> Result<Verdict, HarnessError> {
        let changed = |problem: String| HarnessError::Experiment {
            dir: dir.to_owned(),
            problem: format!("it changed after it was judged: {problem}"),
        };
        let experiment = read_experiment(dir)?;
        let material =
            match candidate::material(dir, &experiment, &bench.task, &self.templates, Target::Cpu)?
            {
                Found::Material(material) => material,
                Found::Module(_) => {
                    return Err(HarnessError::Experiment {
                        dir: dir.to_owned(),
                        problem: "a Python submission is timed by `kernel-lab evaluate` alone"
                            .to_owned(),
                    });
                }
                Found::Unusable(_, reason) => return Err(changed(reason)),
            };
        if material.hash(&bench.task.hash) != *judged {
            return Err(changed("plan or source differ".to_owned()));
        }
        let plan = self.bind(&material, &bench.task).map_err(changed)?;
        let object = compile(&self.compiler, &material, &plan)?.map_err(changed)?;

        let lock = MachineLock::take(&default_path(), PATIENCE)?;
        let seed = self.secret()?;
        let depth = Depth::Evaluate;
        let arranged = self.arrange(&plan, &bench.task, depth.slots())?;
        let scrubber = &mut self.scrubber;
        self.device
            .measure_handshakes(FIRST_HANDSHAKES, &mut || scrubber.scrub())?;
        let code = object
            .as_ref()
            .map_or(Code::Nothing, |object| Code::Object(&object.path));
        let mut session = match arranged.load(code)? {
            Load::Ready(session) => session,
            Load::Ended(ended) => return Ok(verdict::on_end(&ended)),
        };
        let compiled = bench
            .baselines
            .as_ref()
            .and_then(|baselines| baselines.compiled.as_deref());
        let ground = Ground {
            task: &mut bench.task,
            session: session.as_mut(),
            pool: &mut bench.pool,
            abort,
        };
        let ring = Ring {
            compiled,
            scrubber: &mut self.scrubber,
            waker: &self.waker,
        };
        let mut solo = Solo {
            duel: Duel::new(ground, ring, &plan, seed, call_limit(bench.eager_ns))?,
            has_compiled: compiled.is_some(),
            round: 0,
            halt: None,
        };
        let mut walk = || -> Result<(), Halt> {
            if !plan.prepare.is_empty() {
                solo.duel.prepare_params()?;
            }
            solo.duel.trial.verify(None)?;
            solo.duel.warm_baselines()?;
            with(&mut solo);
            if let Some(halt) = solo.halt.take() {
                return Err(halt);
            }
            solo.duel.trial.verify_idle()?;
            solo.duel.verify_kept(depth.secret_checks())?;
            solo.duel.trial.verify_params(&plan)
        };
        let walked = walk();
        drop(session);
        drop(lock);
        match walked {
            Ok(()) => Ok(Verdict::Ok),
            Err(halt) => Ok(verdict::on_end(&ended(halt)?)),
        }
    }
}
