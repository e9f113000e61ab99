//! A second figure, with one read of the output inside the clock on both sides.
//!
//! A kernel that writes past the caches leaves the memory traffic to whoever
//! reads its output next. The harness is that reader here: right after each
//! call it copies the output out, the same way for both sides, and the copy
//! counts.

use std::time::{Duration, Instant};

use stats::Rng;

use super::{CANDIDATE, Duel, Halt};
use crate::error::HarnessError;
use crate::pages::Pages;
use crate::timing::sampler::{Policy, Samples, sample};

/// The ratio is a second opinion on a winner: a coarser interval will do.
const POLICY: Policy = Policy {
    warm_up: 1,
    min_rounds: 12,
    max_rounds: 40,
    max_time: Duration::from_millis(800),
    patience: Duration::from_millis(1500),
    hard_time: Duration::from_secs(4),
    half_width: 0.03,
};

impl Duel<'_> {
    /// Rounds of the candidate and one baseline with a read of the output in
    /// each time. Their outputs are judged as those of other timed calls.
    pub(crate) fn sample_consumed(
        &mut self,
        baseline: usize,
        contestants: usize,
        rng: &mut Rng,
    ) -> Result<Samples, Halt> {
        let mut into = Vec::with_capacity(self.trial.outputs.len());
        for output in 0..self.trial.outputs.len() {
            let mut bytes = self.trial.pool.take(self.trial.output_bytes(output))?;
            // A page that nobody has touched would be made inside the clock.
            bytes.fill(0);
            into.push(bytes);
        }
        self.only = Some(baseline);
        self.consumer = Some(into);
        let samples = sample(self, contestants, &POLICY, rng);
        if let Some(into) = self.consumer.take() {
            self.trial.give_back(into);
        }
        let mut samples = samples?;
        samples.subtract(CANDIDATE, self.handshake_ns());
        Ok(samples)
    }

    /// Reads what a contestant has just written, if that counts; nanoseconds.
    pub(super) fn consume(&mut self, contestant: usize, slot: usize) -> Result<f64, Halt> {
        let Some(mut into) = self.consumer.take() else {
            return Ok(0.0);
        };
        let elapsed = if contestant == CANDIDATE {
            self.read_slot(slot, &mut into)
        } else {
            self.read_held(&mut into)
        };
        self.consumer = Some(into);
        Ok(elapsed?.as_nanos() as f64)
    }

    fn read_slot(&mut self, slot: usize, into: &mut [Pages]) -> Result<Duration, HarnessError> {
        let since = Instant::now();
        for (output, bytes) in into.iter_mut().enumerate() {
            self.trial
                .session
                .read(self.trial.outputs[output], slot, bytes)?;
        }
        Ok(since.elapsed())
    }

    /// The last baseline's output, by the same system call.
    fn read_held(&self, into: &mut [Pages]) -> Result<Duration, HarnessError> {
        let tensors = match self.held.back() {
            Some(output) => output
                .tensors()
                .map_err(HarnessError::python("reading a baseline's output"))?,
            None => Vec::new(),
        };
        let since = Instant::now();
        for (tensor, bytes) in tensors.iter().zip(into) {
            sandbox::read_own_memory(tensor.data_ptr() as u64, bytes)
                .map_err(HarnessError::process("read a baseline's output"))?;
        }
        Ok(since.elapsed())
    }
}
