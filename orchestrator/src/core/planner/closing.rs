//! The end of a search: contenders for best are measured again, the winners
//! are chosen, and the sealed split is opened for them.

use std::collections::BTreeSet;

use protocol::{ContentHash, Split};

use super::{Decision, Effect, Gate, Planner};
use crate::core::board::BoardState;
use crate::core::event::{EffectKey, Event, FinishReason};
use crate::core::ids::ExperimentId;
use crate::core::sealed::Opened;
use crate::core::state::Experiment;

impl Planner<'_> {
    /// Nothing is left to search: what follows before the campaign is over.
    pub(super) fn conclude(&self, reason: FinishReason) -> Vec<Decision> {
        let under_way = self.measured_when_done();
        let again = self.contenders();
        if !under_way.is_empty() || !again.is_empty() {
            // One that failed waits for its next try.
            let next = again
                .into_iter()
                .filter(|e| matches!(self.gate(&key_of(e)), Gate::Go))
                .map(|e| measure(e, Split::Select));
            return under_way.into_iter().chain(next).collect();
        }
        if let Some(ablation) = self.ablation() {
            return ablation;
        }
        let experiments = self.winners();
        if experiments.is_empty() || self.time_left_s() < self.state.pace().remeasure_s {
            return vec![Decision::Record(Event::CampaignFinished { reason })];
        }
        vec![Decision::Record(Event::SealedOpened {
            experiments,
            reason,
        })]
    }

    /// The sealed split is open: every winner is measured there, as long as
    /// there is time.
    pub(super) fn sealed(&self, opened: &Opened) -> Vec<Decision> {
        let under_way = self.measured_when_done();
        let enough = self.time_left_s() >= self.state.pace().evaluate_s;
        let begun = under_way_ids(&under_way);
        let waiting: Vec<&Experiment> = opened
            .experiments
            .iter()
            .filter(|id| !begun.contains(id))
            .filter_map(|id| self.state.experiments.get(id))
            .filter(|e| e.last(Split::Sealed).is_none())
            .filter(|e| !matches!(self.gate(&key_of(e)), Gate::GiveUp(_)))
            .filter(|_| enough)
            .collect();
        if under_way.is_empty() && waiting.is_empty() {
            let reason = opened.reason;
            return vec![Decision::Record(Event::CampaignFinished { reason })];
        }
        let next = waiting
            .into_iter()
            .filter(|e| matches!(self.gate(&key_of(e)), Gate::Go))
            .map(|e| measure(e, Split::Sealed));
        under_way.into_iter().chain(next).collect()
    }

    /// Measurements of what is done that have begun: they come to an end
    /// whatever the time is.
    pub(super) fn measured_when_done(&self) -> Vec<Decision> {
        let begun = self.state.intents.iter().filter_map(|key| match key {
            EffectKey::Measure { experiment, .. } => self.state.experiments.get(experiment),
            EffectKey::Describe
            | EffectKey::Inspect { .. }
            | EffectKey::Model { .. }
            | EffectKey::Tool { .. }
            | EffectKey::Audit { .. }
            | EffectKey::Check { .. } => None,
        });
        begun
            .filter(|e| e.state == BoardState::Done)
            .map(|e| measure(e, self.state.split_of(e)))
            .collect()
    }

    /// Candidates that could be the best of their task in truth. They are
    /// measured again while there is more time than the sealed split needs. A
    /// task whose winner did not hold comes first: its next best follows.
    fn contenders(&self) -> Vec<&Experiment> {
        let left = self.time_left_s();
        let again = self.state.pace().remeasure_s;
        if left < again {
            return Vec::new();
        }
        let time_for_more = left >= again + self.state.sealed_s();
        let mut found: Vec<(usize, &Experiment)> = Vec::new();
        for task in &self.state.tasks {
            let (held, close) = self.contenders_on(&task.name);
            if held == 0 || time_for_more {
                let close = close.into_iter().enumerate();
                found.extend(close.map(|(place, e)| (held + place, e)));
            }
        }
        found.sort_by_key(|(place, e)| (*place, e.id));
        let found = found.into_iter().map(|(_, e)| e);
        found
            .filter(|e| !self.state.intents.contains(&key_of(e)))
            .filter(|e| !matches!(self.gate(&key_of(e)), Gate::GiveUp(_)))
            .collect()
    }

    /// How many candidates of a task have held on `select`, and those that are
    /// to be measured there: their intervals overlap with that of the best, the
    /// closest first; or, where none has held, the best by `search`.
    fn contenders_on(&self, task: &str) -> (usize, Vec<&Experiment>) {
        let most = self.settings.policy.statistics.contenders as usize;
        let floor = self.state.floor(task);
        let widened = |e: &Experiment, split| {
            let score = &e.last(split)?.measurement.score;
            floor.widened(e.verified(split)?, score.ci)
        };
        let (measured, others): (Vec<&Experiment>, Vec<&Experiment>) = self
            .state
            .experiments
            .values()
            .filter(|e| e.task == task && e.state == BoardState::Done)
            .partition(|e| e.last(Split::Select).is_some());
        let known: BTreeSet<_> = measured.iter().filter_map(|e| hash_of(e)).collect();
        let others = others
            .into_iter()
            .filter(|e| e.replicates.is_none())
            .filter(|e| hash_of(e).is_some_and(|hash| !known.contains(hash)))
            .filter_map(|e| Some((e, e.verified(Split::Search)?)));
        let held: Vec<(&Experiment, f64)> = measured
            .iter()
            .filter_map(|e| Some((*e, e.verified(Split::Select)?)))
            .collect();
        // As many may fail to hold as may hold.
        let more = most
            .saturating_sub(held.len())
            .min((2 * most).saturating_sub(measured.len()));
        let better = |a: (_, f64), b: (_, f64)| if self.state.better(b.1, a.1) { b } else { a };
        let Some((best, value)) = held.iter().copied().reduce(better) else {
            let next = others.reduce(better).map(|(e, _)| e);
            return (0, next.into_iter().take(more).collect());
        };
        let Some(top) = widened(best, Split::Select) else {
            return (held.len(), Vec::new());
        };
        let overlaps = |e: &Experiment| {
            let ci = widened(e, Split::Search);
            ci.is_some_and(|ci| ci.lo() <= top.hi() && top.lo() <= ci.hi())
        };
        let mut close: Vec<(&Experiment, f64)> = others.filter(|(e, _)| overlaps(e)).collect();
        close.sort_by(|a, b| (value - a.1).abs().total_cmp(&(value - b.1).abs()));
        let close = close.into_iter().take(more).map(|(e, _)| e);
        (held.len(), close.collect())
    }

    /// The best of every task by `select`, in the order of the tasks.
    fn winners(&self) -> Vec<ExperimentId> {
        let tasks = self.state.tasks.iter();
        tasks
            .filter_map(|task| self.state.winner(&task.name))
            .map(|(winner, _)| winner.id)
            .collect()
    }

    /// Seconds of running time that are left.
    pub(super) fn time_left_s(&self) -> f64 {
        let limit = self.state.limits().wall_s.unwrap_or(f64::INFINITY);
        (limit - self.state.wall_spent_s(self.now_ms)).max(0.0)
    }

    /// Whether what is left of the running time is for what comes after the
    /// search.
    pub(super) fn search_is_over(&self) -> bool {
        self.time_left_s() <= self.reserve_s
    }
}

fn hash_of(e: &Experiment) -> Option<&ContentHash> {
    e.candidate.as_ref().map(|(_, hash)| hash)
}

fn key_of(e: &Experiment) -> EffectKey {
    EffectKey::Measure {
        experiment: e.id,
        attempt: e.attempts.len() as u32 + 1,
    }
}

fn measure(e: &Experiment, split: Split) -> Decision {
    Decision::Perform(Effect::Measure {
        experiment: e.id,
        attempt: e.attempts.len() as u32 + 1,
        split,
    })
}

fn under_way_ids(decisions: &[Decision]) -> BTreeSet<ExperimentId> {
    decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::Perform(Effect::Measure { experiment, .. }) => Some(*experiment),
            Decision::Record(_) | Decision::StartAgent { .. } | Decision::Perform(_) => None,
        })
        .collect()
}
