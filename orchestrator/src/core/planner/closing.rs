//! The end of a search: contenders for best are measured again, the winners
//! are chosen, and the sealed split is opened for them.

use std::collections::BTreeSet;

use protocol::Split;

use super::{Decision, Effect, Gate, Planner};
use crate::core::board::BoardState;
use crate::core::event::{EffectKey, Event, FinishReason};
use crate::core::ids::ExperimentId;
use crate::core::rank;
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
            return vec![ablation];
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

    /// Candidates that could be the best of their task in truth: their
    /// intervals overlap with that of the best. They are measured again while
    /// there is more time than the sealed split needs, the closest first.
    fn contenders(&self) -> Vec<&Experiment> {
        let most = self.settings.policy.statistics.contenders as usize;
        let after = self.state.sealed_s() + self.state.pace().remeasure_s;
        if self.time_left_s() < after {
            return Vec::new();
        }
        let mut found: Vec<(usize, &Experiment)> = Vec::new();
        for task in &self.state.tasks {
            let done = || {
                let of_task = self.state.experiments_on(&task.name);
                of_task.filter(|e| e.state == BoardState::Done)
            };
            let measured = done().filter(|e| e.last(Split::Select).is_some()).count();
            let best = done()
                .filter_map(|e| Some((e, e.verified(Split::Select)?)))
                .reduce(|a, b| if self.state.better(b.1, a.1) { b } else { a });
            let Some((best, value)) = best else { continue };
            let floor = self.state.floor(&task.name);
            let of = |e: &Experiment, split| {
                let score = &e.last(split)?.measurement.score;
                floor.widened(score.verified()?, score.ci)
            };
            let Some(top) = of(best, Split::Select) else {
                continue;
            };
            let known: BTreeSet<_> = done()
                .filter(|e| e.last(Split::Select).is_some())
                .filter_map(|e| e.candidate.as_ref().map(|(_, hash)| hash))
                .collect();
            let mut close: Vec<(&Experiment, f64)> = done()
                .filter(|e| e.last(Split::Select).is_none())
                .filter(|e| e.candidate.as_ref().is_some_and(|c| !known.contains(&c.1)))
                .filter(|e| {
                    of(e, Split::Search)
                        .is_some_and(|ci| ci.lo() <= top.hi() && top.lo() <= ci.hi())
                })
                .filter_map(|e| Some((e, e.verified(Split::Search)?)))
                .collect();
            close.sort_by(|a, b| (value - a.1).abs().total_cmp(&(value - b.1).abs()));
            let more = most.saturating_sub(measured);
            let close = close.into_iter().take(more).enumerate();
            found.extend(close.map(|(place, (e, _))| (measured + place, e)));
        }
        found.sort_by_key(|(place, e)| (*place, e.id));
        let found = found.into_iter().map(|(_, e)| e);
        found
            .filter(|e| !self.state.intents.contains(&key_of(e)))
            .filter(|e| !matches!(self.gate(&key_of(e)), Gate::GiveUp(_)))
            .collect()
    }

    /// The best of every task by `select`, in the order of the tasks.
    fn winners(&self) -> Vec<ExperimentId> {
        let rows = rank::leaderboard(self.state).rows;
        let tasks = self.state.tasks.iter();
        tasks
            .filter_map(|task| rows.iter().find(|row| row.task == task.name))
            .map(|row| row.experiment)
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
        self.time_left_s() <= self.state.reserve_s()
    }
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
