//! What the harness decides itself where no Strategist does.

use super::{Decision, Effect, MIN_TRIES, Planner};
use crate::core::board::BoardState;
use crate::core::event::{Event, FinishReason};
use crate::core::index::TaskIndex;
use crate::core::lineage::Kind;
use crate::core::state::{Experiment, Task};
use crate::core::strategy::Strategy;

/// Experiments of a task that stay in the running for a second measurement.
const KEPT: usize = 3;
/// Drawn experiments that wait for each slot: none has to wait for a draw.
const WAITING_PER_SLOT: usize = 2;

impl Planner<'_> {
    /// Experiments that are not among the best of their task any more, which
    /// are done; `waiting` keeps the others.
    pub(super) fn overtaken(&self, waiting: &mut Vec<&Experiment>) -> Vec<Decision> {
        if waiting.len() <= KEPT {
            return Vec::new();
        }
        let value = |e: &Experiment| e.verified(protocol::Split::Search);
        waiting.sort_by(|a, b| match (value(a), value(b)) {
            (Some(a), Some(b)) if self.state.better(a, b) => std::cmp::Ordering::Less,
            (Some(a), Some(b)) if self.state.better(b, a) => std::cmp::Ordering::Greater,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            _ => a.id.cmp(&b.id),
        });
        let over = waiting.split_off(KEPT);
        over.into_iter()
            .map(|e| super::moved(e, BoardState::Done, ""))
            .collect()
    }

    /// Whether more candidates will be drawn for a task.
    pub(super) fn draws_on(&self, task: &Task) -> bool {
        self.settings.strategy == Strategy::Random && self.may_draw() && is_open(task)
    }

    fn may_draw(&self) -> bool {
        let budget = &self.budget;
        let pace = self.state.pace();
        budget.experiments.left() >= 1.0
            && budget.wall_s.left() - self.reserve_s > pace.evaluate_s + pace.remeasure_s
    }

    /// Draws for the slots, each for the task that has had the fewest.
    pub(super) fn draws(&self) -> Vec<Decision> {
        let waiting = self
            .state
            .active_experiments()
            .filter(|e| e.attempts.is_empty())
            .count();
        let wanted = (self.settings.workers as usize * WAITING_PER_SLOT).saturating_sub(waiting);
        if wanted == 0 || !self.may_draw() {
            return Vec::new();
        }
        let proposed = |task: &Task| {
            let index = self.state.index.tasks.get(&task.name);
            index.map_or(0, |TaskIndex { proposed, .. }| *proposed)
        };
        let open = self.state.tasks.iter().filter(|task| is_open(task));
        let mut open: Vec<(usize, &Task)> = open.map(|task| (proposed(task), task)).collect();
        let left = self.budget.experiments.left();
        // A limit that is not there leaves infinitely many.
        let wanted = wanted.min(left.min(wanted as f64) as usize);
        let next = (0..wanted).filter_map(|_| {
            let (had, task) = open.iter_mut().min_by_key(|(had, _)| *had)?;
            *had += 1;
            Some(Decision::Perform(Effect::Draw {
                task: task.name.clone(),
            }))
        });
        next.collect()
    }

    /// Nothing is under way and nobody decides: every task gets one worker,
    /// once; then the campaign is over.
    pub(super) fn without_strategist(&self) -> Vec<Decision> {
        let has_had = |task: &Task| {
            let index = self.state.index.tasks.get(&task.name);
            index.is_some_and(|index| index.proposed > 0)
        };
        let first = self.state.next_experiment();
        let fresh = self.state.tasks.iter();
        let fresh = fresh.filter(|task| is_open(task) && !has_had(task));
        let mut next = first;
        let proposed: Vec<Decision> = fresh
            .filter(|_| self.settings.strategy != Strategy::Random)
            .map(|task| {
                let experiment = next;
                next = next.next();
                let inspected = task.inspected.as_ref();
                Decision::Record(Event::ExperimentProposed {
                    experiment,
                    task: task.name.clone(),
                    name: self.settings.strategy.word().to_owned(),
                    hypothesis: "there is something better than the baseline".to_owned(),
                    templates: inspected.map_or_else(Vec::new, |i| i.templates.clone()),
                    by: None,
                    owner: None,
                    parent: None,
                    kind: Kind::Explore,
                })
            })
            .collect();
        if !proposed.is_empty() {
            return proposed;
        }
        let reason = if self.state.experiments.is_empty() {
            FinishReason::NothingToDo
        } else {
            FinishReason::Converged
        };
        self.conclude(reason)
    }

    /// Quick looks that a worker may always take.
    pub(super) fn least_looks(&self) -> f64 {
        if self.settings.strategy.has_looks() {
            MIN_TRIES
        } else {
            0.0
        }
    }
}

/// Whether a task can be worked on.
fn is_open(task: &Task) -> bool {
    task.closed.is_none()
        && task
            .inspected
            .as_ref()
            .is_some_and(|inspected| !inspected.templates.is_empty())
}
