//! Whether the work on a task still gets anywhere: significant improvements,
//! the exploration that follows when there are none, and its end.

use protocol::Split;

use super::board::MEASURED;
use super::ids::ExperimentId;
use super::lineage::Kind;
use super::measurement::Score;
use super::state::State;

/// How a task has come along.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The last result that was a significant improvement, or the first.
    pub best: Option<(ExperimentId, Score)>,
    /// Experiments since that were measured or came to nothing.
    pub since: u32,
    /// Proposals since the task is explored again; absent while it need not
    /// be.
    pub escape: Option<u32>,
}

impl Progress {
    /// Another experiment that improved nothing.
    fn fall_short(&mut self, stagnation: u32) {
        self.since = self.since.saturating_add(1);
        // A task without any result is not stuck at one.
        if self.since >= stagnation && self.best.is_some() {
            self.escape.get_or_insert(0);
        }
    }
}

/// Whether `new` gains more than the part `gain` on `best`, where larger is
/// better if `up`: what counts between numbers of which one has no interval.
fn gains(new: &Score, best: &Score, up: bool, gain: f64) -> bool {
    let (Some(a), Some(b)) = (new.verified(), best.verified()) else {
        return new.verified().is_some();
    };
    let ahead = if up { a - b } else { b - a };
    let known = new.ci.is_some() && best.ci.is_some();
    !known && ahead > gain * b.abs()
}

impl State {
    /// Books a measurement on its task's progress. Replicates and ablations
    /// are not meant to improve anything.
    pub(super) fn note_progress(&mut self, id: ExperimentId) {
        let Some(settings) = &self.settings else {
            return;
        };
        let policy = settings.policy;
        let up = settings.metric.direction == protocol::Direction::Maximise;
        let Some(e) = self.experiments.get(&id) else {
            return;
        };
        let Some(attempt) = e.last(Split::Search) else {
            return;
        };
        if e.replicates.is_some() || e.kind == Kind::Ablation {
            return;
        }
        let score = &attempt.measurement.score;
        // It was compared when it was measured (`significance`).
        let new_best = self.significance.best(&e.task) == Some(id);
        let progress = &mut self.index.tasks.entry(e.task.clone()).or_default().progress;
        let better = match &progress.best {
            None => score.verified().is_some(),
            Some((_, best)) => new_best || gains(score, best, up, policy.converged_gain),
        };
        if better {
            *progress = Progress {
                best: Some((id, score.clone())),
                since: 0,
                escape: None,
            };
            return;
        }
        progress.fall_short(policy.search.stagnation);
    }

    /// Books work that came to its end without a measurement: it improved
    /// nothing either.
    pub(super) fn note_fruitless(&mut self, id: ExperimentId) {
        let (Some(settings), Some(e)) = (&self.settings, self.experiments.get(&id)) else {
            return;
        };
        // What nobody took up, or what a person called off, says nothing.
        let called_off = self.steering.cancelled.contains(&id);
        let worked = e.owner.is_some() && e.attempts.is_empty() && !called_off;
        if !worked || e.replicates.is_some() || e.kind == Kind::Ablation {
            return;
        }
        let stagnation = settings.policy.search.stagnation;
        let index = self.index.tasks.entry(e.task.clone()).or_default();
        index.progress.fall_short(stagnation);
    }

    /// Whether the work on a task has not got anywhere for long.
    pub fn has_stagnated(&self, task: &str) -> bool {
        self.progress(task).is_some_and(|p| p.escape.is_some())
    }

    /// How a task has come along; none before its first experiment.
    pub fn progress(&self, task: &str) -> Option<&Progress> {
        self.index.tasks.get(task).map(|index| &index.progress)
    }

    /// Why a task has converged: it was explored again in vain. None if it has
    /// not, or if something on it is under way.
    pub fn converged(&self, task: &str) -> Option<String> {
        let policy = self.settings.as_ref()?.policy.search;
        let progress = self.progress(task)?;
        let made = progress.escape.filter(|made| *made >= policy.escape)?;
        let under_way = self
            .active_experiments()
            .any(|e| e.task == task && !MEASURED.contains(&e.state));
        (!under_way).then(|| {
            format!(
                "converged: no significant improvement in {} experiments, {made} proposals of a new \
                 exploration among them",
                progress.since
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Interval, Verdict};

    fn score(value: f64, half: Option<f64>) -> Score {
        Score {
            verdict: Verdict::Ok,
            value: Some(value),
            ci: half.map(|half| Interval(value - half, value + half)),
            n: 5,
        }
    }

    #[test]
    fn without_intervals_a_gain_must_be_large() {
        let cases = [
            (score(10.3, None), true, true),
            (score(10.1, None), true, false),
            (score(9.7, None), false, true),
            (score(10.3, None), false, false),
            (score(10.3, Some(0.01)), true, true),
        ];
        for (new, up, expected) in cases {
            assert_eq!(
                gains(&new, &score(10.0, None), up, 0.02),
                expected,
                "{new:?}"
            );
        }
        // With both, the comparison of significance decides alone.
        let best = score(10.0, Some(0.01));
        assert!(!gains(&score(20.0, Some(0.01)), &best, true, 0.02));
    }
}
