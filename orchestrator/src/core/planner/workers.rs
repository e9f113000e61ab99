//! Who works on what: a worker for every lane that is free.

use super::{Decision, Planner};
use crate::core::agent::Role;
use crate::core::board::BoardState;
use crate::core::ids::ExperimentId;
use crate::core::state::Experiment;

impl Planner<'_> {
    /// Agents for the lanes that are free: for what failed and for what nobody
    /// looks back at, then workers on tasks that nobody works on; what a person
    /// wants first comes first. The running time that is left is
    /// shared evenly between what waits.
    pub(super) fn more_workers(&self) -> Vec<Decision> {
        let at_work = || {
            self.state
                .live_agents()
                .filter(|agent| !agent.role.is_staff())
                .filter_map(|agent| agent.experiment)
        };
        if self.state.refused || self.search_is_over() {
            return Vec::new();
        }
        // A second measurement takes a lane: a worker would wait for it in the
        // time that is meant for its search.
        let again = |e: &&Experiment| e.state == BoardState::Remeasure;
        let live = at_work().count();
        let taken = live + self.state.active_experiments().filter(again).count();
        let lanes = (self.settings.workers as usize).saturating_sub(taken);
        if lanes == 0 {
            return Vec::new();
        }
        let mut free: Vec<&Experiment> = self
            .state
            .active_experiments()
            .filter(|e| e.state == BoardState::ToImplement && e.owner.is_none())
            .filter(|e| !self.state.steering.cancelled.contains(&e.id))
            .collect();
        let boosted = &self.state.steering.boosted;
        let place = |id: ExperimentId| boosted.iter().position(|known| *known == id);
        free.sort_by_key(|e| place(e.id).unwrap_or(usize::MAX));
        let tries_until_wall_s = self.looks_until(free.len(), live);
        let mut decisions = self.second_hands(lanes, tries_until_wall_s);
        let lanes = lanes - decisions.len();
        let deciding = self.state.live_agents().any(|a| a.role == Role::Strategist);
        if deciding || lanes == 0 {
            return decisions;
        }
        let mut tasks: Vec<&str> = at_work()
            .filter_map(|id| self.state.experiments.get(&id))
            .map(|e| e.task.as_str())
            .collect();
        let fresh = free
            .into_iter()
            .filter(|e| {
                let new = !tasks.contains(&e.task.as_str());
                tasks.push(&e.task);
                new
            })
            .take(lanes)
            .map(|e| Decision::StartAgent {
                role: Role::Worker,
                experiment: Some(e.id),
                round: None,
                under: None,
                tries_until_wall_s,
            });
        decisions.extend(fresh);
        decisions
    }

    /// Running time after which a worker that begins now takes no more looks.
    fn looks_until(&self, free: usize, live: usize) -> Option<f64> {
        let wall = self.budget.wall_s;
        wall.limit?;
        let policy = &self.settings.policy;
        let pace = self.state.pace();
        let waiting = (free + live).max(1);
        let lanes = (self.settings.workers as usize).min(waiting).max(1);
        let left = (wall.left() - self.reserve_s).max(0.0);
        let share = left * lanes as f64 / waiting as f64;
        let after = f64::from(policy.finalists) * pace.evaluate_s + pace.remeasure_s;
        Some(wall.spent + (share - after).max(self.least_looks() * policy.try_s))
    }
}
