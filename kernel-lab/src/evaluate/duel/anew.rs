//! Other parameters than those that the candidate was timed with.
//!
//! What can be derived from parameters alone belongs into `prepare` steps,
//! which are timed and reported. A candidate that derives it in its first call
//! and keeps it hides that time; it is found out when the parameters change.

use super::{Duel, Halt};
use crate::error::HarnessError;
use crate::inputs;
use crate::judge::Finding;
use crate::plan::{BoundPlan, Role};

impl Duel<'_> {
    /// Changes a few secret values of each parameter, runs the `prepare`
    /// steps, and compares one call with the truth. The task's own parameters
    /// are back afterwards; the session's are not.
    pub(in crate::evaluate) fn verify_other_params(&mut self, plan: &BoundPlan) -> Result<(), Halt> {
        let is_param = |role: &Role| matches!(role, Role::Param(_));
        if !plan.buffers.iter().any(|buffer| is_param(&buffer.role)) {
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
        if !plan.prepare.is_empty() {
            self.prepare_params()?;
        }
        self.verify(None)
    }
}
