//! A candidate being judged: calls on fresh values, poisoned outputs, everything
//! compared with the truth. No clock takes part.

mod again;
mod anew;

use std::collections::HashMap;
use std::time::Duration;

use super::abort::Abort;
use super::early::Foreseen;
use super::idle::{Look, WINDOW, late_work, unfinished_work};
use super::weigh::{Denormals, Weighed, compare_output, weigh};
use crate::device::{Call, Ended, Run, Session};
use crate::error::HarnessError;
use crate::inputs::{self, Special};
use crate::judge::{ContentHash, Finding, Outcome, Site, is_uniform, poison};
use crate::pages::{Pages, Pool};
use crate::plan::{BoundPlan, Dtype, Role};
use crate::task::{Draw, Expected, LoadedTask, SETS};

/// Times the limit of a call that a call on a special distribution may take:
/// some processors take a hundred times as long for an operation on denormal
/// numbers, and an honest kernel may have ten of them for each element.
const SPECIAL_PATIENCE: u32 = 10;

/// How a trial or a duel ends before it is over.
#[derive(Debug)]
pub enum Halt {
    /// The harness failed.
    Harness(HarnessError),
    /// The candidate's process ended.
    Ended(Ended),
    /// The candidate did something wrong.
    Found(Finding),
}

impl From<HarnessError> for Halt {
    fn from(error: HarnessError) -> Self {
        match error {
            // A duel begins when the candidate is loaded: from then on its
            // process is in its own hands.
            HarnessError::OutOfReach { doing, .. } => Self::Found(Finding::OutOfReach {
                doing: doing.to_owned(),
            }),
            error => Self::Harness(error),
        }
    }
}

/// What a trial needs from outside.
pub(super) struct Ground<'a, S: Session + ?Sized> {
    /// The task, at the session's size.
    pub(super) task: &'a mut LoadedTask,
    /// The loaded candidate.
    pub(super) session: &'a mut S,
    /// Buffers for outputs.
    pub(super) pool: &'a mut Pool,
    /// Whether the answer is still wanted.
    pub(super) abort: &'a Abort,
}

/// Everything that a candidate's answers are judged by, on one task and size.
pub(super) struct Trial<'a, S: Session + ?Sized> {
    pub(super) task: &'a mut LoadedTask,
    pub(super) session: &'a mut S,
    pub(super) pool: &'a mut Pool,
    pub(super) abort: &'a Abort,
    pub(super) seed: u64,
    pub(super) limit: Duration,
    /// Buffer indices of inputs and outputs in the plan.
    inputs: Vec<(usize, usize)>,
    pub(super) outputs: Vec<usize>,
    pub(super) seen: HashMap<ContentHash, u64>,
    pub(super) calls: u64,
    /// Whether zeros may stand for denormal numbers.
    pub(super) denormals: Denormals,
    /// Values and truth of the first call, where they are known already.
    pub(super) foreseen: Option<Foreseen>,
    /// Largest share of the tolerance that any comparison used.
    pub(super) worst_ratio: f64,
    /// Comparisons made.
    pub(super) compared: usize,
    /// Special distributions that the task's reference itself can't take.
    pub(super) skipped: Vec<String>,
    /// Special distributions in which a non-finite truth was not reproduced.
    pub(super) not_propagated: Vec<String>,
}

impl<'a, S: Session + ?Sized> Trial<'a, S> {
    /// `seed` is the evaluation's secret, `limit` that of one call.
    pub(super) fn new(ground: Ground<'a, S>, plan: &BoundPlan, seed: u64, limit: Duration) -> Self {
        let Ground {
            task,
            session,
            pool,
            abort,
        } = ground;
        let mut inputs = Vec::new();
        let mut outputs = vec![0; task.signature.outputs.len()];
        for (index, buffer) in plan.buffers.iter().enumerate() {
            match buffer.role {
                Role::In(input) => inputs.push((index, input)),
                Role::Out(output) => outputs[output] = index,
                Role::Param(_) | Role::Temp(_) => {}
            }
        }
        Self {
            task,
            session,
            pool,
            abort,
            seed,
            limit,
            inputs,
            outputs,
            seen: HashMap::new(),
            calls: 0,
            denormals: Denormals::Kept,
            foreseen: None,
            worst_ratio: 0.0,
            compared: 0,
            skipped: Vec::new(),
            not_propagated: Vec::new(),
        }
    }

    /// Runs the `prepare` steps.
    pub(super) fn prepare_params(&mut self) -> Result<(), Halt> {
        match self.session.run(Call::Prepare, self.limit)? {
            Run::Done(()) => Ok(()),
            Run::Ended(ended) => Err(Halt::Ended(ended)),
        }
    }

    /// Whether it computes with the task's parameters.
    pub(super) fn follows_params(&self) -> bool {
        self.session.follows_params()
    }

    /// The special distributions that its task can be drawn from.
    pub(super) fn specials(&self) -> Vec<Special> {
        self.task.specials()
    }

    /// One untimed call on the task's own distribution or a special one,
    /// compared with the truth at once.
    pub(super) fn verify(&mut self, special: Option<Special>) -> Result<(), Halt> {
        self.abort.check()?;
        let draw = self.next_draw(special);
        let slot = (draw.call as usize) % self.session.slots();
        let set = (draw.call as usize) % SETS;
        let foreseen = self.foreseen.take().filter(|seen| seen.draw == draw);
        if foreseen.is_none() {
            self.task.fill(set, draw)?;
        }
        self.write_inputs(set, slot)?;
        self.judge_call(set, slot, draw, foreseen, true)
    }

    /// One call on what lies in `slot`, compared with the truth of `set`.
    /// Where nothing is `fresh`, an answer may be an earlier one.
    fn judge_call(
        &mut self,
        set: usize,
        slot: usize,
        draw: Draw,
        foreseen: Option<Foreseen>,
        fresh: bool,
    ) -> Result<(), Halt> {
        self.poison(slot, draw.call)?;
        let limit = match draw.special {
            Some(_) => self.limit * SPECIAL_PATIENCE,
            None => self.limit,
        };
        match self.session.run(Call::Plan { slot }, limit)? {
            Run::Done(()) => {}
            Run::Ended(ended) => return Err(Halt::Ended(ended)),
        }
        if let Some(finding) = self.session.guards()? {
            return Err(Halt::Found(finding));
        }
        self.read_back(set, slot, draw.call)?;
        let outputs = self.collect(slot, usize::MAX)?;
        let hashed = if fresh {
            self.note_hash(&outputs, draw)
        } else {
            Ok(())
        };
        let compared = hashed.and_then(|()| {
            let expected = match foreseen {
                Some(foreseen) => foreseen.expected,
                None => self.task.expected(set)?,
            };
            self.compare(&expected, draw, &outputs)
        });
        self.give_back(outputs);
        if let Err(halt) = compared {
            // A candidate that reported too early is wrong because it is not
            // done: that explains more than the wrong values do.
            let unfinished = unfinished_work(|_| self.session.late_cpu_ns(WINDOW))?;
            return Err(match unfinished {
                Some(cpu_ns) => Halt::Found(Finding::StillRunning { cpu_ns }),
                None => halt,
            });
        }
        Ok(())
    }

    /// Makes sure that the candidate does nothing while nothing is asked.
    pub(super) fn verify_idle(&mut self) -> Result<(), Halt> {
        let late = late_work(|look| {
            if look == Look::AfterCall {
                self.verify(None)?;
            }
            Ok::<_, Halt>(self.session.late_cpu_ns(WINDOW)?)
        })?;
        match late {
            Some(cpu_ns) => Err(Halt::Found(Finding::StillRunning { cpu_ns })),
            None => Ok(()),
        }
    }

    /// Compares the session's parameters with the task's own.
    pub(super) fn verify_params(&mut self, plan: &BoundPlan) -> Result<(), Halt> {
        for (index, buffer) in plan.buffers.iter().enumerate() {
            let Role::Param(key) = &buffer.role else {
                continue;
            };
            let Some(param) = self.task.param_index(key) else {
                continue;
            };
            let want = torch_bridge::bytes(&self.task.params[param])
                .map_err(HarnessError::python("reading a parameter"))?;
            let mut got = vec![0; want.len()];
            self.session.read(index, 0, &mut got)?;
            if got != want {
                return Err(Halt::Found(Finding::ParamMutated {
                    buffer: buffer.role.to_string(),
                }));
            }
        }
        match self.session.guards()? {
            Some(finding) => Err(Halt::Found(finding)),
            None => Ok(()),
        }
    }

    pub(super) fn next_draw(&mut self, special: Option<Special>) -> Draw {
        self.calls += 1;
        Draw {
            seed: self.seed,
            call: self.calls,
            special,
        }
    }

    /// Fills a set with fresh values and writes them into a slot.
    pub(super) fn hand_over(&mut self, set: usize, slot: usize, draw: Draw) -> Result<(), Halt> {
        self.task.fill(set, draw)?;
        self.write_inputs(set, slot)
    }

    fn write_inputs(&mut self, set: usize, slot: usize) -> Result<(), Halt> {
        for &(buffer, input) in &self.inputs {
            let bytes = self.task.input_bytes(set, input)?;
            self.session.write(buffer, slot, bytes)?;
        }
        Ok(())
    }

    pub(super) fn poison(&mut self, slot: usize, call: u64) -> Result<(), Halt> {
        for (output, &buffer) in self.outputs.iter().enumerate() {
            let mut bytes = self.pool.take(self.output_bytes(output))?;
            poison::fill(
                self.output_dtype(output),
                self.poison_seed(call),
                output as u64,
                &mut bytes,
            );
            let written = self.session.write(buffer, slot, &bytes);
            self.pool.give(bytes);
            written?;
        }
        Ok(())
    }

    fn poison_seed(&self, call: u64) -> u64 {
        inputs::one_way(self.seed, "outputs", call)
    }

    pub(super) fn output_dtype(&self, output: usize) -> Dtype {
        self.task.signature.outputs[output].dtype
    }

    pub(super) fn output_bytes(&self, output: usize) -> usize {
        let meta = &self.task.signature.outputs[output];
        let elements = meta.shape.iter().product::<i64>().max(0) as usize;
        elements * meta.dtype.size_bytes()
    }

    pub(super) fn give_back(&mut self, outputs: Vec<Pages>) {
        for pages in outputs {
            self.pool.give(pages);
        }
    }

    /// The outputs in a slot, at most the first `most` bytes of each.
    pub(super) fn collect(&mut self, slot: usize, most: usize) -> Result<Vec<Pages>, HarnessError> {
        let mut all = Vec::with_capacity(self.outputs.len());
        for output in 0..self.outputs.len() {
            let mut bytes = self.pool.take(self.output_bytes(output).min(most))?;
            self.session.read(self.outputs[output], slot, &mut bytes)?;
            all.push(bytes);
        }
        Ok(all)
    }

    pub(super) fn read_back(&mut self, set: usize, slot: usize, call: u64) -> Result<(), Halt> {
        for &(buffer, input) in &self.inputs {
            let want = self.task.input_bytes(set, input)?;
            let mut got = self.pool.take(want.len())?;
            self.session.read(buffer, slot, &mut got)?;
            let same = *got == *want;
            self.pool.give(got);
            if !same {
                return Err(Halt::Found(Finding::InputMutated {
                    buffer: format!("in.{input}"),
                    call,
                }));
            }
        }
        Ok(())
    }

    /// An answer that was given before, to other inputs, is a cached one. A
    /// special distribution (constant, say) may rightly repeat an answer, and
    /// so may outputs of a few bytes or of one value (zeros behind a ReLU).
    pub(super) fn note_hash(&mut self, outputs: &[Pages], draw: Draw) -> Result<(), Halt> {
        const FEW_BYTES: usize = 64;
        let bytes: usize = outputs.iter().map(|pages| pages.len()).sum();
        let uniform = |(output, pages): (usize, &Pages)| {
            is_uniform(pages, self.output_dtype(output).size_bytes())
        };
        let says_little = bytes < FEW_BYTES || outputs.iter().enumerate().all(uniform);
        if draw.special.is_some() || says_little {
            return Ok(());
        }
        let hash = ContentHash::of_parts(outputs.iter().map(|pages| &**pages));
        match self.seen.insert(hash, draw.call) {
            Some(earlier_call) => Err(Halt::Found(Finding::Stale {
                call: draw.call,
                earlier_call,
            })),
            None => Ok(()),
        }
    }

    pub(super) fn compare(
        &mut self,
        expected: &Expected,
        draw: Draw,
        outputs: &[Pages],
    ) -> Result<(), Halt> {
        for (output, got) in outputs.iter().enumerate() {
            let site = Site {
                output,
                call: draw.call,
            };
            let meta = &self.task.signature.outputs[output];
            let outcome = compare_output(site, got, meta, expected)?;
            self.compared += 1;
            self.weigh(draw, output, got, &outcome)?;
        }
        Ok(())
    }

    /// Decides what an outcome means.
    fn weigh(
        &mut self,
        draw: Draw,
        output: usize,
        got: &[u8],
        outcome: &Outcome,
    ) -> Result<(), Halt> {
        let name = || draw.special.map(|special| special.name().to_owned());
        match weigh(draw.special, self.denormals, outcome) {
            Weighed::Right => {
                let used = outcome.max_ratio_of_tolerance.max(outcome.rms_ratio);
                self.worst_ratio = self.worst_ratio.max(used);
                Ok(())
            }
            Weighed::Skipped => {
                self.skipped.extend(name());
                Ok(())
            }
            Weighed::NotPropagated => {
                self.not_propagated.extend(name());
                Ok(())
            }
            Weighed::Wrong(first) => Err(Halt::Found(match name() {
                Some(name) => Finding::SpecialDistribution {
                    name,
                    inner: Box::new(first),
                },
                None => self.gap(draw, output, got).unwrap_or(first),
            })),
        }
    }

    /// A gap in the output explains wrong values better than they do.
    fn gap(&self, draw: Draw, output: usize, got: &[u8]) -> Option<Finding> {
        let dtype = self.output_dtype(output);
        let count = poison::unwritten(dtype, self.poison_seed(draw.call), output as u64, got)?;
        Some(Finding::Unwritten {
            output,
            call: draw.call,
            count,
            total: (got.len() / dtype.size_bytes()) as u64,
        })
    }
}
