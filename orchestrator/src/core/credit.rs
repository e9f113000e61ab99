//! Who has improved what by how much: kept along with the log, since it
//! depends on the order in which things were measured.

use std::collections::BTreeMap;

use protocol::Split;

use super::ids::{AgentId, ExperimentId};
use super::measurement::Measurement;
use super::state::State;

/// What measurements have gained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Credits {
    /// Best verified value on `search` so far, by task; never worse than the
    /// baseline where that is known.
    best: BTreeMap<String, f64>,
    /// What each measured experiment has gained on the best before it.
    gains: BTreeMap<ExperimentId, f64>,
    /// Who has put an experiment on the board.
    proposed: BTreeMap<ExperimentId, AgentId>,
}

impl Credits {
    /// What an experiment has gained on the best of its task before it: the
    /// logarithm of the ratio, or the difference relative to the best where a
    /// ratio makes no sense; 0 where it was no better. None if it was not
    /// measured, or if there was nothing to compare it with.
    pub fn gain(&self, experiment: ExperimentId) -> Option<f64> {
        self.gains.get(&experiment).copied()
    }

    /// All gains above 0, by experiment.
    pub fn gains(&self) -> impl Iterator<Item = f64> {
        self.gains.values().copied().filter(|gain| *gain > 0.0)
    }

    /// Who has put an experiment on the board, if an agent did.
    pub fn proposer(&self, experiment: ExperimentId) -> Option<AgentId> {
        self.proposed.get(&experiment).copied()
    }

    /// The best of a task did not hold; `next` is the best of the others.
    pub(super) fn forget(&mut self, task: &str, next: Option<f64>) {
        match next {
            Some(value) => self.best.insert(task.to_owned(), value),
            None => self.best.remove(task),
        };
    }

    pub(super) fn proposed(&mut self, experiment: ExperimentId, by: Option<AgentId>) {
        if let Some(by) = by {
            self.proposed.insert(experiment, by);
        }
    }
}

impl State {
    /// Takes note of a measurement.
    pub(super) fn credit(&mut self, experiment: ExperimentId, measurement: &Measurement) {
        let Some(e) = self.experiments.get(&experiment) else {
            return;
        };
        if measurement.split != Split::Search {
            return;
        }
        let before = self
            .credits
            .best
            .get(&e.task)
            .copied()
            .or_else(|| self.baseline());
        let value = measurement.score.verified();
        let better = value.filter(|value| before.is_none_or(|before| self.better(*value, before)));
        let task = e.task.clone();
        if let Some(before) = before {
            let gain = better.map_or(0.0, |value| gain(before, value));
            self.credits.gains.insert(experiment, gain);
        }
        if let Some(value) = better {
            self.credits.best.insert(task, value);
        }
    }
}

/// How much better `value` is than `before`, in either direction.
fn gain(before: f64, value: f64) -> f64 {
    let gain = if before > 0.0 && value > 0.0 {
        (value / before).ln().abs()
    } else if before == 0.0 {
        (value - before).abs()
    } else {
        ((value - before) / before).abs()
    };
    if gain.is_finite() { gain } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::gain;

    #[test]
    fn a_gain_is_a_ratio_where_there_is_one() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(gain(1.0, 2.0), std::f64::consts::LN_2));
        assert!(close(gain(2.0, 1.0), std::f64::consts::LN_2));
        assert!(close(gain(-4.0, -3.0), 0.25));
        assert!(close(gain(0.0, 0.5), 0.5));
        assert!(close(gain(1.0, f64::INFINITY), 0.0));
    }
}
