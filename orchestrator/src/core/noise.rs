//! The noise floor: how far apart two measurements of the same candidate are
//! that each know of their own error only.
//!
//! A lab's interval comes from one process; another process has another
//! memory layout, other neighbours, another temperature. What that adds is
//! estimated from candidates that were measured more than once, relative to
//! their size, and widens every interval that is compared with another.

use std::collections::BTreeMap;

use protocol::Interval;
use serde::Serialize;
use stats::Pair;

use super::measurement::Score;

/// Half-width of a 95% interval in standard errors.
const HALF_WIDTH: f64 = 1.959_963_984_540_054;
/// Pairs that an earlier belief weighs as much as.
const BELIEF: f64 = 4.0;

/// Repeated measurements, by task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repeats {
    pairs: BTreeMap<String, Vec<Pair>>,
}

/// The noise floor of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Floor {
    /// Standard deviation between processes, as a part of the value.
    pub relative: f64,
    /// Pairs of this task behind it.
    pub pairs: usize,
    /// Pairs of the whole campaign behind it.
    pub all_pairs: usize,
}

impl Repeats {
    /// A candidate of `task` was measured again.
    pub(super) fn add(&mut self, task: &str, a: &Score, b: &Score) {
        let (Some(x), Some(y)) = (a.verified(), b.verified()) else {
            return;
        };
        let size = f64::midpoint(x.abs(), y.abs());
        if size <= 0.0 {
            return;
        }
        let error = |score: &Score| {
            let half = score.ci.map_or(0.0, |ci| (ci.hi() - ci.lo()) / 2.0);
            half / HALF_WIDTH / size
        };
        let pair = Pair {
            difference: (x - y) / size,
            variance: error(a).powi(2) + error(b).powi(2),
        };
        if pair.difference.is_finite() && pair.variance.is_finite() {
            self.pairs.entry(task.to_owned()).or_default().push(pair);
        }
    }

    /// The floor of a task. Few pairs say little: what is `assumed` counts like
    /// some pairs of the campaign, and what the campaign says like some pairs of
    /// the task.
    pub fn floor(&self, task: &str, assumed: f64) -> Floor {
        let all: Vec<Pair> = self.pairs.values().flatten().copied().collect();
        let own = self.pairs.get(task).map_or(&[][..], Vec::as_slice);
        let campaign = updated(assumed.powi(2), &all);
        Floor {
            relative: updated(campaign, own).sqrt(),
            pairs: own.len(),
            all_pairs: all.len(),
        }
    }
}

/// A variance that was believed in, after some pairs were seen.
fn updated(believed: f64, pairs: &[Pair]) -> f64 {
    let seen = stats::between_variance(pairs).unwrap_or(0.0);
    let n = pairs.len() as f64;
    (BELIEF * believed + n * seen) / (BELIEF + n)
}

impl Floor {
    /// Whether anything is known: a floor of zero that nothing was measured for
    /// is none.
    pub fn is_known(&self) -> bool {
        self.relative > 0.0 || self.all_pairs > 0
    }

    /// A 95% interval with the spread between processes in it; `None` where
    /// neither is known.
    pub fn widened(&self, value: f64, ci: Option<Interval>) -> Option<Interval> {
        if ci.is_none() && !self.is_known() {
            return None;
        }
        let error = |end: f64| HALF_WIDTH * self.error(value, end);
        let (lo, hi) = ci.map_or((value, value), |ci| (ci.lo(), ci.hi()));
        Some(Interval(value - error(lo), value + error(hi)))
    }

    /// Standard error of `value` on the side where its interval ends at `end`,
    /// with the spread between processes in it.
    pub fn error(&self, value: f64, end: f64) -> f64 {
        let own = (end - value) / HALF_WIDTH;
        own.hypot(self.relative * value)
    }
}

#[cfg(test)]
mod tests {
    use protocol::Verdict;

    use super::*;

    fn score(value: f64, half: Option<f64>) -> Score {
        Score {
            verdict: Verdict::Ok,
            value: Some(value),
            ci: half.map(|half| Interval(value - half, value + half)),
            n: 9,
        }
    }

    #[test]
    fn few_pairs_say_little_and_many_say_all() {
        let mut repeats = Repeats::default();
        assert!((repeats.floor("a", 0.01).relative - 0.01).abs() < 1e-15);
        assert!(!repeats.floor("a", 0.0).is_known());
        // Pairs that are as far apart as a spread of 2% makes them in the
        // middle: 0.02 · √2 · 0.6745.
        let apart = 0.02 * 2.0_f64.sqrt() * 0.674_489_75;
        let (x, y) = (10.0 * (1.0 + apart / 2.0), 10.0 * (1.0 - apart / 2.0));
        let mut before = 0.01;
        for n in 1..200 {
            repeats.add("a", &score(x, None), &score(y, None));
            let floor = repeats.floor("a", 0.01);
            assert_eq!((floor.pairs, floor.all_pairs), (n, n));
            assert!(floor.relative > before && floor.relative < 0.02);
            before = floor.relative;
        }
        assert!((before - 0.02).abs() < 0.0005, "{before}");
        // Another task believes what this one has seen, until it sees itself.
        let other = repeats.floor("b", 0.01);
        assert_eq!((other.pairs, other.all_pairs), (0, 199));
        assert!((other.relative - 0.02).abs() < 0.0005, "{}", other.relative);
    }

    #[test]
    fn what_intervals_explain_is_no_floor() {
        let mut repeats = Repeats::default();
        for _ in 0..20 {
            repeats.add("a", &score(1.01, Some(0.05)), &score(0.99, Some(0.05)));
        }
        let floor = repeats.floor("a", 0.0);
        assert!(floor.relative <= 0.0, "{floor:?}");
        assert!(floor.is_known());
        // Refused measurements and zeros say nothing.
        let refused = Score {
            verdict: Verdict::Crashed {
                signal: None,
                reason: String::new(),
            },
            ..score(1.0, None)
        };
        repeats.add("b", &refused, &score(1.0, None));
        repeats.add("b", &score(0.0, None), &score(0.0, None));
        assert_eq!(repeats.floor("b", 0.0).pairs, 0);
    }

    #[test]
    fn widening_adds_variances_on_each_side() {
        let floor = Floor {
            relative: 0.01,
            pairs: 0,
            all_pairs: 0,
        };
        let wide = floor
            .widened(2.0, Some(Interval(1.9, 2.3)))
            .expect("an interval");
        let between = HALF_WIDTH * 0.02;
        assert!((wide.lo() - (2.0 - 0.1_f64.hypot(between))).abs() < 1e-12);
        assert!((wide.hi() - (2.0 + 0.3_f64.hypot(between))).abs() < 1e-12);
        assert_eq!(Floor::default().widened(2.0, None), None);
    }
}
