//! What a candidate may have kept: the same call again with nearly the same
//! inputs, and other parameters than those that it was timed with.
//!
//! A memo that is never hit does no harm and is never seen. So one is offered
//! what it waits for: the same addresses, and values of which a single one has
//! changed. Whoever knows a call by its pointers or by a sample of its values
//! gives an old answer then.
//!
//! What can be derived from parameters alone belongs into `prepare` steps,
//! which are timed and reported. A candidate that derives it in its first call
//! and keeps it hides that time; it is found out when the parameters change.

use super::{Halt, Trial};
use crate::device::Session;
use crate::error::HarnessError;
use crate::inputs;
use crate::judge::Finding;
use crate::plan::{BoundPlan, Role};
use crate::task::{Draw, SETS};

impl<S: Session + ?Sized> Trial<'_, S> {
    /// The last verified call again, in the same slot, after one secret value
    /// of each input has changed, so much that hardly any answer stays the same.
    pub(in crate::evaluate) fn verify_near_repeat(&mut self) -> Result<(), Halt> {
        self.abort.check()?;
        let (slot, set) = (
            self.calls as usize % self.session.slots(),
            self.calls as usize % SETS,
        );
        self.calls += 1;
        let seed = inputs::one_way(self.seed, "repeats", self.calls);
        if !self.task.change_one(set, seed)? {
            return Ok(());
        }
        self.write_inputs(set, slot)?;
        let draw = Draw {
            seed: self.seed,
            call: self.calls,
            special: None,
        };
        // Where the changed value was the largest before, an index of it stays.
        let result = self.judge_call(set, slot, draw, None, false);
        // The next repeat would look for its call in the next slot.
        self.calls += (self.session.slots() * SETS) as u64 - 1;
        result
    }

    /// Changes a few secret values of each parameter, runs the `prepare`
    /// steps, and compares one call with the truth. The task's own parameters
    /// are back afterwards; the session's are not.
    pub(in crate::evaluate) fn verify_other_params(
        &mut self,
        plan: &BoundPlan,
    ) -> Result<(), Halt> {
        let is_param = |role: &Role| matches!(role, Role::Param(_));
        if !self.session.follows_params()
            || !plan.buffers.iter().any(|buffer| is_param(&buffer.role))
        {
            return Ok(());
        }
        let seed = inputs::one_way(self.seed, "parameters", 0);
        let own = self.task.alter_params(seed)?;
        let result = self.verify_anew(plan);
        self.task.restore_params(own)?;
        match result {
            Err(Halt::Found(inner)) if inner.is_of_values() => {
                Err(Halt::Found(Finding::ParamKept {
                    inner: Box::new(inner),
                }))
            }
            other => other,
        }
    }

    fn verify_anew(&mut self, plan: &BoundPlan) -> Result<(), Halt> {
        for (index, buffer) in plan.buffers.iter().enumerate() {
            let Role::Param(key) = &buffer.role else {
                continue;
            };
            let Some(param) = self.task.param_index(key) else {
                continue;
            };
            let bytes = torch_bridge::bytes(&self.task.params[param])
                .map_err(HarnessError::python("reading a parameter"))?;
            self.session.write(index, 0, bytes)?;
        }
        if plan.has_prepare() {
            self.prepare_params()?;
        }
        self.verify(None)
    }
}
