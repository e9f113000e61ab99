//! One candidate against the baselines: calls on fresh values, every output
//! kept, a secret few compared with the truth afterwards.

mod alone;
mod anew;
mod consumed;
mod rounds;
mod spot;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use stats::Rng;
use torch_bridge::{BoundCall, Output};

use super::abort::Abort;
use super::early::Foreseen;
use super::idle::{Look, WINDOW, late_work, unfinished_work};
use super::weigh::{Weighed, compare_output, weigh};
use crate::baseline::Host;
use crate::device::{Call, Ended, Run, Session};
use crate::error::HarnessError;
use crate::inputs::{self, Special};
use crate::judge::{ContentHash, Finding, Outcome, Site, is_uniform, poison};
use crate::pages::{Pages, Pool};
use crate::plan::{BoundPlan, Dtype, Role};
use crate::task::{Draw, Expected, LoadedTask, SETS};
use crate::timing::scrub::Scrubber;
use crate::timing::wake::Waker;

/// The candidate among the contestants.
pub const CANDIDATE: usize = 0;
/// Eager PyTorch.
pub const EAGER: usize = 1;
/// `torch.compile`.
pub const COMPILED: usize = 2;

/// Times the limit of a call that a call on a special distribution may take:
/// some processors take a hundred times as long for an operation on denormal
/// numbers, and an honest kernel may have ten of them for each element.
const SPECIAL_PATIENCE: u32 = 10;
/// Outputs that are kept in full, in bytes; beyond it a random choice stays.
const KEEP_BYTES: usize = 768 << 20;
/// Baseline outputs that stay alive, so that the next call can't write into a
/// block that is still hot.
const HELD: usize = 3;
/// Rounds after which the slower baseline leaves, if it is this much slower.
const LEAVE_AFTER: usize = 10;
const LEAVE_RATIO: f64 = 1.4;
/// Bytes of an output that are read where none is kept.
const QUICK_BYTES: usize = 1 << 20;
/// One round in this many, on average, has its inputs read back: of the
/// fewest rounds that there are, at least one all but certainly.
const READ_BACK: u64 = 2;

/// How a duel ends before it is over.
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

/// A call, and by how much its outputs differ from a baseline's.
#[derive(Debug)]
struct Suspect {
    doubt: f64,
    call: Kept,
}

/// Outputs of one call.
#[derive(Debug)]
struct Kept {
    call: u64,
    outputs: Vec<Pages>,
}

/// Everything that one candidate meets on one task and size.
pub(super) struct Duel<'a> {
    task: &'a mut LoadedTask,
    session: &'a mut dyn Session,
    compiled: Option<&'a [BoundCall]>,
    scrubber: &'a mut Scrubber,
    abort: &'a Abort,
    rng: Rng,
    seed: u64,
    limit: Duration,
    /// Buffer indices of inputs and outputs in the plan.
    inputs: Vec<(usize, usize)>,
    outputs: Vec<usize>,
    kept: Vec<Kept>,
    /// The timed call that agrees least with the baseline's.
    suspect: Option<Suspect>,
    pool: &'a mut Pool,
    seen: HashMap<ContentHash, u64>,
    calls: u64,
    held: VecDeque<Output>,
    times: [Vec<f64>; 3],
    host: Host<'a>,
    /// Values and truth of the first call, where they are known already.
    pub(super) foreseen: Option<Foreseen>,
    /// Rounds in which the hand-shake is measured, from the first.
    pub(super) handshakes: usize,
    /// Where outputs are read to, if that counts into each time.
    consumer: Option<Vec<Pages>>,
    /// Whether timed outputs are kept, to be compared afterwards.
    pub(super) keeps: bool,
    /// The only baseline that takes part, where one was chosen.
    pub(super) only: Option<usize>,
    /// Baseline calls that were made again for touching fresh pages.
    pub(super) refaulted: usize,
    /// Largest share of the tolerance that any comparison used.
    pub(super) worst_ratio: f64,
    /// Comparisons made.
    pub(super) compared: usize,
    /// Special distributions that the task's reference itself can't take.
    pub(super) skipped: Vec<String>,
    /// Special distributions in which a non-finite truth was not reproduced.
    pub(super) not_propagated: Vec<String>,
}

/// What a duel needs from outside.
pub(super) struct Ring<'a> {
    /// The task, at the session's size.
    pub(super) task: &'a mut LoadedTask,
    /// The loaded candidate.
    pub(super) session: &'a mut dyn Session,
    /// The compiled baseline per input set.
    pub(super) compiled: Option<&'a [BoundCall]>,
    /// Cache scrubber.
    pub(super) scrubber: &'a mut Scrubber,
    /// Wakes the host's threads before a baseline's call.
    pub(super) waker: &'a Waker,
    /// Buffers for outputs.
    pub(super) pool: &'a mut Pool,
    /// Whether the answer is still wanted.
    pub(super) abort: &'a Abort,
}

impl<'a> Duel<'a> {
    /// Sets the ring up. `seed` is the evaluation's secret.
    pub(super) fn new(
        ring: Ring<'a>,
        plan: &BoundPlan,
        seed: u64,
        limit: Duration,
    ) -> Result<Self, HarnessError> {
        let Ring {
            task,
            session,
            compiled,
            scrubber,
            waker,
            pool,
            abort,
        } = ring;
        let mut inputs = Vec::new();
        let mut outputs = vec![0; task.signature.outputs.len()];
        for (index, buffer) in plan.buffers.iter().enumerate() {
            match buffer.role {
                Role::In(input) => inputs.push((index, input)),
                Role::Out(output) => outputs[output] = index,
                Role::Param(_) | Role::Temp(_) => {}
            }
        }
        Ok(Self {
            task,
            session,
            compiled,
            scrubber,
            abort,
            rng: Rng::new(inputs::one_way(seed, "choices", 0)),
            seed,
            limit,
            inputs,
            outputs,
            kept: Vec::new(),
            suspect: None,
            pool,
            seen: HashMap::new(),
            calls: 0,
            held: VecDeque::with_capacity(HELD + 1),
            times: Default::default(),
            host: Host::new(waker)?,
            foreseen: None,
            handshakes: 0,
            consumer: None,
            keeps: true,
            only: None,
            refaulted: 0,
            worst_ratio: 0.0,
            compared: 0,
            skipped: Vec::new(),
            not_propagated: Vec::new(),
        })
    }

    /// Runs the `prepare` steps; nanoseconds.
    pub(super) fn prepare_params(&mut self) -> Result<f64, Halt> {
        match self.session.run(Call::Prepare, self.limit)? {
            Run::Done(timed) => Ok((timed.elapsed_ns - self.handshake_ns()).max(0.0)),
            Run::Ended(ended) => Err(Halt::Ended(ended)),
        }
    }

    /// What a hand-shake costs, in nanoseconds; part of every time of the
    /// candidate.
    pub(super) fn handshake_ns(&self) -> f64 {
        self.session.handshake_ns()
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
            Run::Done(_) => {}
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

    /// Compares `count` of the kept outputs with the truth: the one that
    /// agrees least with the baseline's, and a secret choice.
    pub(super) fn verify_kept(&mut self, count: usize) -> Result<(), Halt> {
        let mut kept = std::mem::take(&mut self.kept);
        let mut chosen = 0;
        if let Some(suspect) = self.suspect.take() {
            kept.insert(0, suspect.call);
            chosen = 1;
        }
        let count = count.min(kept.len());
        for position in 0..count {
            self.abort.check()?;
            if position >= chosen {
                let other = position + self.rng.below((kept.len() - position) as u64) as usize;
                kept.swap(position, other);
            }
            let draw = Draw {
                seed: self.seed,
                call: kept[position].call,
                special: None,
            };
            self.task.fill(0, draw)?;
            let expected = self.task.expected(0)?;
            self.compare(&expected, draw, &kept[position].outputs)?;
        }
        Ok(())
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

    /// Calls the baselines until malloc's heap has grown to what they need.
    pub(super) fn warm_baselines(&mut self) -> Result<(), Halt> {
        let contestants = if self.compiled.is_some() {
            [EAGER, COMPILED].as_slice()
        } else {
            &[EAGER]
        };
        for round in 0..HELD + 2 {
            for &contestant in contestants {
                self.call_baseline(contestant, round % SETS)?;
            }
            self.release_held();
        }
        Ok(())
    }

    fn release_held(&mut self) {
        while self.held.len() > HELD {
            self.held.pop_front();
        }
    }

    fn next_draw(&mut self, special: Option<Special>) -> Draw {
        self.calls += 1;
        Draw {
            seed: self.seed,
            call: self.calls,
            special,
        }
    }

    /// Fills a set with fresh values and writes them into a slot.
    fn hand_over(&mut self, set: usize, slot: usize, draw: Draw) -> Result<(), Halt> {
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

    fn poison(&mut self, slot: usize, call: u64) -> Result<(), Halt> {
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

    fn output_dtype(&self, output: usize) -> Dtype {
        self.task.signature.outputs[output].dtype
    }

    fn output_bytes(&self, output: usize) -> usize {
        let meta = &self.task.signature.outputs[output];
        let elements = meta.shape.iter().product::<i64>().max(0) as usize;
        elements * meta.dtype.size_bytes()
    }

    fn give_back(&mut self, outputs: Vec<Pages>) {
        for pages in outputs {
            self.pool.give(pages);
        }
    }

    /// The outputs in a slot, at most the first `most` bytes of each.
    fn collect(&mut self, slot: usize, most: usize) -> Result<Vec<Pages>, HarnessError> {
        let mut all = Vec::with_capacity(self.outputs.len());
        for output in 0..self.outputs.len() {
            let mut bytes = self.pool.take(self.output_bytes(output).min(most))?;
            self.session.read(self.outputs[output], slot, &mut bytes)?;
            all.push(bytes);
        }
        Ok(all)
    }

    fn read_back(&mut self, set: usize, slot: usize, call: u64) -> Result<(), Halt> {
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
    fn note_hash(&mut self, outputs: &[Pages], draw: Draw) -> Result<(), Halt> {
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

    fn compare(&mut self, expected: &Expected, draw: Draw, outputs: &[Pages]) -> Result<(), Halt> {
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
        match weigh(draw.special, outcome) {
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

    fn keep(&mut self, kept: Kept) {
        let bytes: usize = kept.outputs.iter().map(|pages| pages.len()).sum();
        let room = (KEEP_BYTES / bytes.max(1)).max(8);
        if self.kept.len() < room {
            self.kept.push(kept);
            return;
        }
        // Reservoir sampling: every call is kept with equal probability, and
        // the choice is made after the call, while the candidate is frozen.
        let position = self.rng.below(self.seen.len() as u64 + 1) as usize;
        if position < room {
            let old = std::mem::replace(&mut self.kept[position], kept);
            self.give_back(old.outputs);
        } else {
            self.give_back(kept.outputs);
        }
    }
}
