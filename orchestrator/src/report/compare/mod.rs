//! Several campaigns beside each other: what each strategy found over the same
//! seeds, with intervals. Everything here comes from the campaigns' logs.

mod chart;
mod text;

use protocol::{Interval, Split};
use serde::Serialize;
use serde_json::{Value, json};

use crate::core::event::{Event, Logged};
use crate::core::rank;
use crate::core::state::State;

pub use chart::chart;
pub use text::{markdown, table};

/// Confidence of every interval in a comparison.
const CONFIDENCE: f64 = 0.95;

/// One campaign of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ran {
    /// What it was run with: the name of its strategy.
    pub arm: String,
    /// Its seed.
    pub seed: u64,
    /// Its directory.
    pub dir: String,
    /// Geometric mean over all tasks of the re-measured best, the baseline
    /// where there is nothing better. Absent where no baseline is known or a
    /// simulator stood in for the device.
    pub score: Option<f64>,
    /// Tasks with a verified, re-measured result.
    pub verified: usize,
    /// Tasks won, where a baseline is known.
    pub won: Option<usize>,
    /// Experiments evaluated.
    pub experiments: u32,
    /// Quick looks taken.
    pub looks: usize,
    /// US dollars paid.
    pub usd: f64,
    /// Tokens, in and out.
    pub tokens: u64,
    /// Running time in seconds.
    pub wall_s: f64,
    /// (experiments evaluated, score by what the search itself measured) at
    /// every improvement.
    pub curve: Vec<(u32, f64)>,
}

impl Ran {
    /// What the log of a campaign comes to.
    pub fn of(arm: &str, dir: &str, state: &State, log: &[Logged]) -> Self {
        let summary = rank::leaderboard(state).summary;
        Self {
            arm: arm.to_owned(),
            seed: state.settings.as_ref().map_or(0, |s| s.seed),
            dir: dir.to_owned(),
            score: summary.geomean_deployed.filter(|score| *score > 0.0),
            verified: summary.verified,
            won: summary.won,
            experiments: u32::try_from(state.index.spent).unwrap_or(u32::MAX),
            looks: state.tries.len(),
            usd: state.paid.usd,
            tokens: state.paid.tokens,
            wall_s: state.clock.logged_s(),
            curve: curve(state, log),
        }
    }
}

/// The best so far over the number of experiments, as the search measured it.
fn curve(state: &State, log: &[Logged]) -> Vec<(u32, f64)> {
    let Some(baseline) = state.baseline().filter(|baseline| *baseline > 0.0) else {
        return Vec::new();
    };
    let mut best: Vec<(&str, f64)> = state
        .tasks
        .iter()
        .map(|task| (task.name.as_str(), baseline))
        .collect();
    let mut steps = vec![(0, baseline)];
    let mut measured = 0;
    for logged in log {
        let Event::Measured {
            experiment,
            measurement,
            ..
        } = &logged.event
        else {
            continue;
        };
        if measurement.split != Split::Search {
            continue;
        }
        measured += 1;
        let (Some(e), Some(value)) = (
            state.experiments.get(experiment),
            measurement.score.verified(),
        ) else {
            continue;
        };
        let known = best.iter_mut().find(|(task, _)| *task == e.task);
        if e.demoted().is_some() {
            continue;
        }
        if let Some(known) = known.filter(|known| value > 0.0 && state.better(value, known.1)) {
            known.1 = value;
            let values: Vec<f64> = best.iter().map(|(_, value)| *value).collect();
            steps.extend(stats::geomean(&values).map(|mean| (measured, mean)));
        }
    }
    steps
}

/// An estimate over seeds; the interval is Student's, on logarithms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Geometric mean.
    pub value: f64,
    /// 95% interval; absent for a single seed.
    pub ci: Option<Interval>,
    /// Seeds.
    pub n: usize,
}

impl Estimate {
    fn of(logs: &[f64]) -> Option<Self> {
        let ci = stats::mean_interval(logs, CONFIDENCE);
        Some(Self {
            value: stats::mean(logs)?.exp(),
            ci: ci.map(|ci| Interval(ci.lo.exp(), ci.hi.exp())),
            n: logs.len(),
        })
    }
}

/// What one strategy came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Its score over the seeds.
    pub score: Option<Estimate>,
    /// How many times better the reference is, seed by seed; above 1 the
    /// reference is better, whatever the metric's direction. Absent for the
    /// reference itself.
    pub reference_is_better_by: Option<Estimate>,
    /// Seeds in which the reference is better, and seeds in which both have a
    /// score.
    pub reference_better_in: Option<(usize, usize)>,
    /// Its campaigns, by seed.
    pub runs: Vec<Ran>,
}

/// Campaigns that differ in strategy and seed only.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub metric: String,
    /// Which way is better.
    pub maximise: bool,
    /// Value of the metric that equals the baseline.
    pub baseline: Option<f64>,
    /// What the others are compared with.
    pub reference: String,
    /// The strategies, in the order asked for.
    pub arms: Vec<Arm>,
}

impl Comparison {
    /// Compares what has run. `reference` names one of the `arms`.
    pub fn new(arms: &[&str], reference: &str, ran: &[Ran], state: &State) -> Self {
        let maximise = state.better(2.0, 1.0);
        let of = |name: &str| -> Vec<Ran> {
            let mut runs: Vec<Ran> = ran.iter().filter(|r| r.arm == name).cloned().collect();
            runs.sort_by_key(|run| run.seed);
            runs
        };
        let theirs = of(reference);
        let arms = arms
            .iter()
            .map(|name| arm(name, of(name), (reference, &theirs), maximise));
        Self {
            metric: state
                .settings
                .as_ref()
                .map_or_else(String::new, |s| s.metric.name.clone()),
            maximise,
            baseline: state.baseline(),
            reference: reference.to_owned(),
            arms: arms.collect(),
        }
    }

    /// The document for programs.
    pub fn json(&self) -> Value {
        json!({
            "schema": 1,
            "metric": self.metric,
            "direction": if self.maximise { "maximise" } else { "minimise" },
            "baseline": self.baseline,
            "reference": self.reference,
            "confidence": CONFIDENCE,
            "arms": self.arms,
        })
    }
}

fn arm(name: &str, runs: Vec<Ran>, reference: (&str, &[Ran]), maximise: bool) -> Arm {
    let logs: Vec<f64> = runs
        .iter()
        .filter_map(|run| Some(run.score?.ln()))
        .collect();
    let pairs: Vec<f64> = runs
        .iter()
        .filter_map(|run| {
            let other = reference.1.iter().find(|other| other.seed == run.seed)?;
            let gain = other.score?.ln() - run.score?.ln();
            Some(if maximise { gain } else { -gain })
        })
        .collect();
    let is_reference = name == reference.0;
    let better = pairs.iter().filter(|gain| **gain > 0.0).count();
    Arm {
        name: name.to_owned(),
        score: Estimate::of(&logs),
        reference_is_better_by: Estimate::of(&pairs).filter(|_| !is_reference),
        reference_better_in: (!is_reference).then_some((better, pairs.len())),
        runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(arm: &str, seed: u64, score: f64) -> Ran {
        Ran {
            arm: arm.to_owned(),
            seed,
            dir: String::new(),
            score: Some(score),
            verified: 1,
            won: Some(1),
            experiments: 3,
            looks: 0,
            usd: 0.0,
            tokens: 0,
            wall_s: 1.0,
            curve: Vec::new(),
        }
    }

    #[test]
    fn strategies_are_compared_seed_by_seed() {
        // Seeds differ by far more than strategies do: only pairs show it.
        let ran = vec![
            ran("full", 1, 2.2),
            ran("full", 2, 22.0),
            ran("full", 3, 230.0),
            ran("random", 3, 200.0),
            ran("random", 1, 2.0),
            ran("random", 2, 20.0),
        ];
        let both = Comparison::new(&["random", "full"], "full", &ran, &State::default());
        let random = &both.arms[0];
        let gain = random.reference_is_better_by.unwrap();
        assert_eq!(random.reference_better_in, Some((3, 3)));
        assert!((gain.value - (1.1_f64 * 1.1 * 1.15).cbrt()).abs() < 1e-12);
        assert!(gain.ci.unwrap().lo() > 1.0);
        assert!((random.score.unwrap().value - 20.0).abs() < 1e-9);
        assert!(random.score.unwrap().ci.unwrap().lo() < 1.0);
        assert_eq!(both.arms[1].reference_is_better_by, None);
    }

    #[test]
    fn one_seed_has_no_interval_and_a_missing_score_no_pair() {
        let mut without = ran("random", 1, 1.0);
        without.score = None;
        let ran = vec![ran("full", 1, 2.0), without];
        let both = Comparison::new(&["random", "full"], "full", &ran, &State::default());
        assert_eq!(both.arms[0].score, None);
        assert_eq!(both.arms[0].reference_better_in, Some((0, 0)));
        assert_eq!(both.arms[1].score.unwrap().ci, None);
    }
}
