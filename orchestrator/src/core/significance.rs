//! Which improvements are more than noise.
//!
//! Every candidate that is verified on `search` is compared once with the best
//! of its task so far. It is a *new best* only if its interval, widened by the
//! noise floor, excludes what was best, at a level that keeps the share of
//! false ones over the whole campaign below [`FALSE_DISCOVERIES`]. All of it is
//! folded from the log: the same log, the same new bests.

use std::collections::BTreeMap;

use protocol::{Direction, Interval, Split};
use stats::Lord;

use super::ids::ExperimentId;
use super::measurement::{Measurement, Score};
use super::noise::{Floor, Repeats};
use super::settings::MetricSettings;
use super::stagnation::Progress;
use super::state::State;

/// Share of false ones among all that is called new best, in the mean.
pub const FALSE_DISCOVERIES: f64 = 0.05;
/// What the levels add up to before the first new best: half of all, as in the
/// experiments of the procedure's authors.
const START: f64 = FALSE_DISCOVERIES / 2.0;
/// One-sided level at which a 95% interval excludes a number.
const EXCLUDED: f64 = 0.025;

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What was compared.
    pub experiment: ExperimentId,
    /// Its task.
    pub task: String,
    /// What with; the baseline, if absent.
    pub against: Option<ExperimentId>,
    /// Chance of such a difference, or a larger one, between equals.
    pub p: f64,
    /// Largest `p` for a new best.
    pub level: f64,
    /// Whether it is one.
    pub new_best: bool,
}

/// What is best on a task.
#[derive(Clone, Debug, Default, PartialEq)]
struct Best {
    experiment: Option<ExperimentId>,
    /// The best by its number alone.
    leading: Option<(ExperimentId, f64)>,
    /// Candidates that were verified.
    verified: u32,
    /// How many there were at the last significant improvement.
    improved_at: u32,
}

/// The comparisons of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Significance {
    levels: Lord,
    tasks: BTreeMap<String, Best>,
    /// Candidates measured more than once.
    pub repeats: Repeats,
    /// The comparison of the last candidate that was measured, if there was one.
    pub last: Option<Test>,
    /// New bests, in order.
    pub new_bests: Vec<Test>,
}

impl Default for Significance {
    fn default() -> Self {
        Self {
            levels: Lord::new(FALSE_DISCOVERIES, START),
            tasks: BTreeMap::new(),
            repeats: Repeats::default(),
            last: None,
            new_bests: Vec::new(),
        }
    }
}

impl Significance {
    /// Number of comparisons.
    pub fn tests(&self) -> u32 {
        self.levels.tests()
    }

    /// What candidates of a task have to beat; the baseline, or nothing yet, if
    /// absent.
    pub fn best(&self, task: &str) -> Option<ExperimentId> {
        self.tasks.get(task)?.experiment
    }

    /// Whether an experiment was a new best when it was measured.
    pub fn is_new_best(&self, experiment: ExperimentId) -> bool {
        self.new_bests
            .iter()
            .any(|test| test.experiment == experiment)
    }
}

impl State {
    /// The noise floor of a task, as far as it is known by now.
    pub fn floor(&self, task: &str) -> Floor {
        let assumed = self.settings.as_ref();
        let assumed = assumed.map_or(0.0, |s| s.policy.statistics.noise);
        self.significance.repeats.floor(task, assumed)
    }

    /// The best candidate of a task by its number on `search` alone.
    pub fn leading(&self, task: &str) -> Option<(ExperimentId, f64)> {
        self.significance.tasks.get(task)?.leading
    }

    /// The newest measurement of an experiment was added.
    pub(super) fn judge(&mut self, id: ExperimentId, measurement: &Measurement) {
        let Some(e) = self.experiments.get(&id) else {
            return;
        };
        let task = e.task.clone();
        let earlier = e.attempts.iter().rev().skip(1);
        if let Some(before) = earlier.map(|a| &a.measurement).next()
            && before.hash == measurement.hash
            && measurement.hash.is_some()
        {
            let (a, b) = (before.score.clone(), &measurement.score);
            self.significance.repeats.add(&task, &a, b);
        }
        match measurement.split {
            Split::Search => self.compare(id, task, measurement),
            // It did not hold.
            Split::Select if measurement.score.verified().is_none() => self.forget_best(id),
            Split::Select | Split::Sealed => {}
        }
    }

    /// A candidate was refused when it was measured again, or was demoted: what
    /// comes next is not held against it.
    pub(super) fn forget_best(&mut self, id: ExperimentId) {
        let Some(task) = self.experiments.get(&id).map(|e| e.task.clone()) else {
            return;
        };
        let next = self.top(&task, 1).into_iter().find_map(|top| {
            let e = self.experiments.get(&top)?;
            Some((top, e.verified(Split::Search)?))
        });
        if let Some(best) = self.significance.tasks.get_mut(&task) {
            if best.experiment == Some(id) {
                best.experiment = None;
            }
            if best.leading.is_some_and(|(leading, _)| leading == id) {
                best.leading = next;
            }
        }
        if let Some(index) = self.index.tasks.get_mut(&task) {
            let best = index.progress.best.as_ref();
            if best.is_some_and(|(best, _)| *best == id) {
                index.progress = Progress::default();
            }
        }
        self.credits.forget(&task, next.map(|(_, value)| value));
    }

    fn compare(&mut self, id: ExperimentId, task: String, measurement: &Measurement) {
        self.significance.last = None;
        let Some(value) = measurement.score.verified() else {
            return;
        };
        let best = self.significance.tasks.get(&task);
        let known = best.and_then(|best| best.leading);
        let leads = known.is_none_or(|(_, known)| self.better(value, known));
        let against = best.and_then(|best| best.experiment);
        let p = self.p_better(&task, &measurement.score, against, measurement.simulated);
        let level = self.significance.levels.level().min(EXCLUDED);
        // Where there is a baseline, what can't be compared with it is no best.
        let alone = measurement.simulated || self.baseline().is_none();
        let untested = against.is_none() && p.is_none() && alone;
        let new_best = p.is_some_and(|p| p <= level);
        let best = self.significance.tasks.entry(task.clone()).or_default();
        best.verified = best.verified.saturating_add(1);
        if leads {
            best.leading = Some((id, value));
        }
        if new_best || untested {
            best.experiment = Some(id);
            best.improved_at = best.verified;
        }
        if let Some(p) = p {
            self.significance.levels.record(new_best);
            let test = Test {
                experiment: id,
                task,
                against,
                p,
                level,
                new_best,
            };
            if new_best {
                self.significance.new_bests.push(test.clone());
            }
            self.significance.last = Some(test);
        }
    }

    /// Chance that a candidate that is no better than what it is compared with
    /// looks this much better; `None` where there is nothing to compare with or
    /// nothing is known of the error.
    fn p_better(
        &self,
        task: &str,
        score: &Score,
        against: Option<ExperimentId>,
        simulated: bool,
    ) -> Option<f64> {
        let floor = self.floor(task);
        let direction = self.settings.as_ref()?.metric.direction;
        let new = Measured::of(score, &floor)?;
        let old = match against {
            Some(id) => {
                let e = self.experiments.get(&id)?;
                // What was measured again was not chosen by that number.
                let again = e.last(Split::Select).or_else(|| e.last(Split::Search))?;
                Measured::of(&again.measurement.score, &floor)?
            }
            None if simulated => return None,
            None => Measured::baseline(self, Split::Search)?,
        };
        Some(new.p_better_than(&old, direction))
    }

    /// Two-sided p-value of a difference to the baseline on `select`.
    pub(super) fn p_differs(&self, task: &str, score: &Score) -> Option<f64> {
        let settings = self.settings.as_ref()?;
        let new = Measured::of(score, &self.floor(task))?;
        let baseline = Measured::baseline(self, Split::Select)?;
        let MetricSettings { direction, .. } = settings.metric;
        let better = new.p_better_than(&baseline, direction);
        let worse = baseline.p_better_than(&new, direction);
        Some((2.0 * better.min(worse)).min(1.0))
    }
}

/// A number with its standard errors on both sides.
struct Measured {
    value: f64,
    below: f64,
    above: f64,
}

impl Measured {
    fn of(score: &Score, floor: &Floor) -> Option<Self> {
        let value = score.verified()?;
        if score.ci.is_none() && !floor.is_known() {
            return None;
        }
        let ends = score.ci.unwrap_or(Interval(value, value));
        Some(Self {
            value,
            below: floor.error(value, ends.lo()),
            above: floor.error(value, ends.hi()),
        })
    }

    /// The baseline has an interval where it was measured, else it is a number
    /// that follows from the metric's definition.
    fn baseline(state: &State, split: Split) -> Option<Self> {
        let value = state.baseline_on(split)?;
        let measured = state.measured.as_ref();
        let ci = measured.and_then(|measured| measured.on(split).ci);
        let ends = ci.unwrap_or(Interval(value, value));
        let exact = Floor::default();
        Some(Self {
            value,
            below: exact.error(value, ends.lo()),
            above: exact.error(value, ends.hi()),
        })
    }

    /// P(a difference at least like this | no difference), by the errors that
    /// face each other.
    fn p_better_than(&self, other: &Self, direction: Direction) -> f64 {
        let (gain, error) = match direction {
            Direction::Maximise => (self.value - other.value, self.below.hypot(other.above)),
            Direction::Minimise => (other.value - self.value, self.above.hypot(other.below)),
        };
        if error > 0.0 {
            stats::normal_cdf(-gain / error)
        } else if gain > 0.0 {
            0.0
        } else {
            1.0
        }
    }
}

/// Candidates of a task that were verified since its last significant
/// improvement.
pub fn since_significant_improvement(state: &State, task: &str) -> u32 {
    let best = state.significance.tasks.get(task);
    best.map_or(0, |best| best.verified.saturating_sub(best.improved_at))
}
