//! Ends: tasks that have converged, and winners that are taken apart when the
//! search is over.

use super::{Decision, Effect, Planner};
use crate::core::event::Event;

impl Planner<'_> {
    /// Tasks on which nothing has improved for long, not even when they were
    /// explored again.
    pub(super) fn converged(&self) -> Vec<Decision> {
        if !self.settings.strategy.has_strategist() {
            return Vec::new();
        }
        let worked_on = |task: &str| {
            self.state.live_agents().any(|agent| {
                let on = agent
                    .experiment
                    .and_then(|id| self.state.experiments.get(&id));
                on.is_some_and(|e| e.task == task)
            })
        };
        let open = self.state.tasks.iter().filter(|task| task.closed.is_none());
        open.filter(|task| !worked_on(&task.name))
            .filter_map(|task| {
                let reason = self.state.converged(&task.name)?;
                let task = task.name.clone();
                Some(Decision::Record(Event::TaskClosed { task, reason }))
            })
            .collect()
    }

    /// The next winner to take apart, if that is wanted and there is time;
    /// nothing to decide as long as its Auditor may say that it is none.
    pub(super) fn ablation(&self) -> Option<Vec<Decision>> {
        let task = self.state.next_ablation()?.to_owned();
        let least_s = self.state.sealed_s() + self.state.pace().evaluate_s;
        if self.time_left_s() < least_s {
            return None;
        }
        if self.is_audited(&task) {
            return Some(Vec::new());
        }
        Some(vec![Decision::Perform(Effect::Ablate { task })])
    }
}
