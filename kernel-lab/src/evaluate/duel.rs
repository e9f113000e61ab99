//! One candidate against the baselines: timed calls on fresh values, every output
//! kept, a secret few compared with the truth afterwards.
//!
//! Only a [`TimedSession`] can take part: what a simulated device runs has no time.

mod alone;
mod consumed;
mod rounds;
mod spot;

use std::collections::VecDeque;
use std::time::Duration;

use stats::Rng;
use torch_bridge::{BoundCall, Output};

use super::trial::{Ground, Halt, Trial};
use crate::baseline::Host;
use crate::device::{Call, Run, TimedSession};
use crate::error::HarnessError;
use crate::inputs;
use crate::pages::Pages;
use crate::plan::BoundPlan;
use crate::task::{Draw, SETS};
use crate::timing::scrub::Scrubber;
use crate::timing::wake::Waker;

/// The candidate among the contestants.
pub const CANDIDATE: usize = 0;
/// Eager PyTorch.
pub const EAGER: usize = 1;
/// `torch.compile`.
pub const COMPILED: usize = 2;

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

/// A candidate and its baselines on one task and size.
pub(super) struct Duel<'a> {
    /// The candidate, being judged.
    pub(super) trial: Trial<'a, dyn TimedSession>,
    compiled: Option<&'a [BoundCall]>,
    scrubber: &'a mut Scrubber,
    rng: Rng,
    kept: Vec<Kept>,
    /// The timed call that agrees least with the baseline's.
    suspect: Option<Suspect>,
    held: VecDeque<Output>,
    times: [Vec<f64>; 3],
    host: Host<'a>,
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
}

/// What a duel needs beside what a trial does.
pub(super) struct Ring<'a> {
    /// The compiled baseline per input set.
    pub(super) compiled: Option<&'a [BoundCall]>,
    /// Cache scrubber.
    pub(super) scrubber: &'a mut Scrubber,
    /// Wakes the host's threads before a baseline's call.
    pub(super) waker: &'a Waker,
}

impl<'a> Duel<'a> {
    /// Sets the ring up. `seed` is the evaluation's secret.
    pub(super) fn new(
        ground: Ground<'a, dyn TimedSession>,
        ring: Ring<'a>,
        plan: &BoundPlan,
        seed: u64,
        limit: Duration,
    ) -> Result<Self, HarnessError> {
        let Ring {
            compiled,
            scrubber,
            waker,
        } = ring;
        Ok(Self {
            trial: Trial::new(ground, plan, seed, limit),
            compiled,
            scrubber,
            rng: Rng::new(inputs::one_way(seed, "choices", 0)),
            kept: Vec::new(),
            suspect: None,
            held: VecDeque::with_capacity(HELD + 1),
            times: Default::default(),
            host: Host::new(waker)?,
            handshakes: 0,
            consumer: None,
            keeps: true,
            only: None,
            refaulted: 0,
        })
    }

    /// Runs the `prepare` steps; nanoseconds.
    pub(super) fn prepare_params(&mut self) -> Result<f64, Halt> {
        let limit = self.trial.limit;
        match self.trial.session.run_timed(Call::Prepare, limit)? {
            Run::Done(timed) => Ok((timed.elapsed_ns - self.handshake_ns()).max(0.0)),
            Run::Ended(ended) => Err(Halt::Ended(ended)),
        }
    }

    /// What a hand-shake costs, in nanoseconds; part of every time of the
    /// candidate.
    pub(super) fn handshake_ns(&self) -> f64 {
        self.trial.session.handshake_ns()
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
            self.trial.abort.check()?;
            if position >= chosen {
                let other = position + self.rng.below((kept.len() - position) as u64) as usize;
                kept.swap(position, other);
            }
            let draw = Draw {
                seed: self.trial.seed,
                call: kept[position].call,
                special: None,
            };
            self.trial.task.fill(0, draw)?;
            let expected = self.trial.task.expected(0)?;
            self.trial
                .compare(&expected, draw, &kept[position].outputs)?;
        }
        Ok(())
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

    fn keep(&mut self, kept: Kept) {
        let bytes: usize = kept.outputs.iter().map(|pages| pages.len()).sum();
        let room = (KEEP_BYTES / bytes.max(1)).max(8);
        if self.kept.len() < room {
            self.kept.push(kept);
            return;
        }
        // Reservoir sampling: every call is kept with equal probability, and
        // the choice is made after the call, while the candidate is frozen.
        let position = self.rng.below(self.trial.seen.len() as u64 + 1) as usize;
        if position < room {
            let old = std::mem::replace(&mut self.kept[position], kept);
            self.trial.give_back(old.outputs);
        } else {
            self.trial.give_back(kept.outputs);
        }
    }
}
