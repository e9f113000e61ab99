//! The sides of a GPU's duels: a candidate in its runner, a task's models in torch's process.

use kernel_cuda::wire::{Block, Sample, Work};
use stats::Rng;

use super::duel::Field;
use crate::baseline::gpu::{self, Calls, Process};
use crate::device::Run;
use crate::device::cuda::GpuSession;
use crate::error::HarnessError;
use crate::evaluate::trial::{Halt, Trial};
use crate::inputs;
use crate::pages::Pages;
use crate::task::{Draw, LoadedTask, SETS};

/// One block in this many, on average, has the inputs of its calls read back.
const READ_BACK: u64 = 2;

/// Outputs of a timed call.
struct Kept {
    draw: Draw,
    outputs: Vec<Pages>,
}

/// A candidate against eager and compiled PyTorch.
pub(super) struct Ring<'a, 't> {
    pub(super) trial: &'a mut Trial<'t, GpuSession>,
    process: &'a mut Process,
    /// The mode of `torch.compile` that is the third side.
    compiled: Option<&'a str>,
    rng: Rng,
    /// What lies in the slots of the round.
    draws: Vec<(usize, Draw)>,
    kept: Vec<Kept>,
    /// How many outputs are kept, and how many there have been.
    keeps: usize,
    passed: usize,
    /// Whether calls of the candidate were launches of a graph.
    pub(super) graphed: bool,
}

impl<'a, 't> Ring<'a, 't> {
    /// `keeps` timed calls, a secret choice, are compared with the truth by [`Self::verify_kept`].
    pub(super) fn new(
        trial: &'a mut Trial<'t, GpuSession>,
        process: &'a mut Process,
        compiled: Option<&'a str>,
        keeps: usize,
    ) -> Self {
        Self {
            rng: Rng::new(inputs::one_way(trial.seed, "choices", 0)),
            trial,
            process,
            compiled,
            draws: Vec::new(),
            kept: Vec::new(),
            keeps,
            passed: 0,
            graphed: false,
        }
    }

    /// Compares the kept outputs with the truth.
    pub(super) fn verify_kept(&mut self) -> Result<(), Halt> {
        for Kept { draw, outputs } in std::mem::take(&mut self.kept) {
            self.trial.abort.check()?;
            self.trial.task.fill(0, draw)?;
            let expected = self.trial.task.expected(0)?;
            self.trial.compare(&expected, draw, &outputs)?;
            self.trial.give_back(outputs);
        }
        Ok(())
    }

    /// Every call is kept with the same probability, and the choice is made after it.
    fn keep(&mut self, draw: Draw, outputs: Vec<Pages>) {
        self.passed += 1;
        let at = if self.kept.len() < self.keeps {
            self.kept.len()
        } else {
            self.rng.index(self.passed)
        };
        let kept = Kept { draw, outputs };
        if at >= self.keeps {
            self.trial.give_back(kept.outputs);
        } else if let Some(old) = self.kept.get_mut(at) {
            let old = std::mem::replace(old, kept);
            self.trial.give_back(old.outputs);
        } else {
            self.kept.push(kept);
        }
    }
}

impl Field for Ring<'_, '_> {
    fn sides(&self) -> usize {
        2 + usize::from(self.compiled.is_some())
    }

    fn fresh(&mut self, slots: &[usize]) -> Result<(), Halt> {
        self.draws.clear();
        for &slot in slots {
            self.trial.abort.check()?;
            let draw = self.trial.next_draw(None);
            let set = draw.call as usize % SETS;
            self.trial.hand_over(set, slot, draw)?;
            self.trial.poison(slot, draw.call)?;
            fill(self.process, self.trial.task, set, slot)?;
            self.draws.push((slot, draw));
        }
        Ok(())
    }

    fn block(&mut self, side: usize, block: &Block) -> Result<Vec<Sample>, Halt> {
        match (side, self.compiled) {
            (0, _) => match self.trial.session.time(block)? {
                Run::Done(timing) => {
                    self.graphed = timing.graphed;
                    Ok(timing.samples)
                }
                Run::Ended(ended) => Err(Halt::Ended(ended)),
            },
            (2, Some(mode)) => Ok(self.process.time(Calls::Of(mode), block)?),
            _ => Ok(self.process.time(Calls::Of(gpu::EAGER), block)?),
        }
    }

    fn look(&mut self, _slots: &[usize]) -> Result<(), Halt> {
        use crate::device::Session as _;
        if let Some(finding) = self.trial.session.guards()? {
            return Err(Halt::Found(finding));
        }
        let reads_back = self.rng.below(READ_BACK) == 0;
        for (slot, draw) in std::mem::take(&mut self.draws) {
            if reads_back {
                // There are more slots than sets: what was drawn is drawn again.
                self.trial.task.fill(0, draw)?;
                self.trial.read_back(0, slot, draw.call)?;
            }
            let outputs = self.trial.collect(slot, usize::MAX)?;
            self.trial.note_hash(&outputs, draw)?;
            self.keep(draw, outputs);
        }
        Ok(())
    }
}

/// Writes what a set of the task's holds into a slot of torch's process.
pub(super) fn fill(
    process: &mut Process,
    task: &LoadedTask,
    set: usize,
    slot: usize,
) -> Result<(), HarnessError> {
    let count = task.signature.inputs.len();
    let inputs: Result<Vec<&[u8]>, _> = (0..count).map(|at| task.input_bytes(set, at)).collect();
    process.fill(slot, &inputs?)
}

/// The two compiled models against each other, of which one takes part.
pub(super) struct Modes<'a> {
    pub(super) process: &'a mut Process,
    pub(super) modes: [&'a str; 2],
}

impl Field for Modes<'_> {
    fn sides(&self) -> usize {
        2
    }

    fn fresh(&mut self, _slots: &[usize]) -> Result<(), Halt> {
        Ok(())
    }

    fn block(&mut self, side: usize, block: &Block) -> Result<Vec<Sample>, Halt> {
        let mode = self.modes.get(side).copied().unwrap_or(self.modes[0]);
        Ok(self.process.time(Calls::Of(mode), block)?)
    }

    fn look(&mut self, _slots: &[usize]) -> Result<(), Halt> {
        Ok(())
    }
}

/// The same copy in both processes: what a fair duel finds to be equally fast.
pub(super) struct Copies<'a> {
    pub(super) session: &'a mut GpuSession,
    pub(super) process: &'a mut Process,
}

impl Field for Copies<'_> {
    fn sides(&self) -> usize {
        2
    }

    fn fresh(&mut self, _slots: &[usize]) -> Result<(), Halt> {
        Ok(())
    }

    fn block(&mut self, side: usize, block: &Block) -> Result<Vec<Sample>, Halt> {
        debug_assert!(matches!(block.work, Work::Copy { .. }));
        if side > 0 {
            return Ok(self.process.time(Calls::Copies, block)?);
        }
        match self.session.time(block)? {
            Run::Done(timing) => Ok(timing.samples),
            Run::Ended(ended) => Err(Halt::Ended(ended)),
        }
    }

    fn look(&mut self, _slots: &[usize]) -> Result<(), Halt> {
        Ok(())
    }
}
