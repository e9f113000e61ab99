//! The leaderboard: verified, re-measured results, one row per task.

use std::collections::BTreeMap;

use protocol::{ContentHash, Interval, Split};
use serde::Serialize;

use super::board::BoardState;
use super::event::EffectKey;
use super::ids::ExperimentId;
use super::measurement::Score;
use super::significance::FALSE_DISCOVERIES;
use super::state::{Experiment, State, Task};

/// How a result stands against the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The whole interval is better.
    Won,
    /// The whole interval is worse.
    Lost,
    /// The interval includes the baseline, or there is no interval.
    Even,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Place, from 1.
    pub rank: usize,
    /// Which experiment.
    pub experiment: ExperimentId,
    /// Its short name.
    pub name: String,
    /// Its task.
    pub task: String,
    /// Whose candidate it is; nobody's if it was drawn at random.
    pub model: Option<String>,
    /// The re-measured number.
    pub value: f64,
    /// Its 95% interval.
    pub ci: Option<Interval>,
    /// The interval with the spread between processes in it.
    pub ci_widened: Option<Interval>,
    /// Samples behind it.
    pub n: u32,
    /// Share of false ones among the results that differ from the baseline, if
    /// this one and all clearer ones count (Benjamini and Hochberg); absent
    /// where nothing can be compared.
    pub q: Option<f64>,
    /// Whether it was a new best when the search found it.
    pub new_best: bool,
    /// What the sealed split said.
    pub sealed: Option<Score>,
    /// What the search had said: the gap to `value` is the winner's curse.
    pub search_value: Option<f64>,
    /// Track of the result.
    pub track: Option<String>,
    /// Whether a simulator stood in for the device.
    pub simulated: bool,
    /// What sets the row apart: the quality of its task, or its own track.
    pub apart: Option<String>,
    /// What is to be said beside the number.
    pub caveats: Vec<String>,
    /// Against the baseline; absent on a simulator.
    pub standing: Option<Standing>,
    /// The same quantity by other rules, by the name of the metric.
    pub also: BTreeMap<String, f64>,
    /// The report behind the number.
    pub report: Option<ContentHash>,
    /// Hash of what was measured.
    pub hash: Option<ContentHash>,
}

/// A task without a verified result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unverified {
    /// The task.
    pub task: String,
    /// Why there is none.
    pub reason: String,
}

/// Numbers over all tasks; `None` where there is nothing to average or the
/// device was simulated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Tasks of the campaign.
    pub tasks: usize,
    /// Tasks with at least one evaluated experiment.
    pub attempted: usize,
    /// Tasks with a verified, re-measured result.
    pub verified: usize,
    /// Whole interval better than the baseline.
    pub won: Option<usize>,
    /// Whole interval worse than the baseline.
    pub lost: Option<usize>,
    /// Of those won, how many are left when at most 5% of all that differ from
    /// the baseline may be false.
    pub won_fdr: Option<usize>,
    /// The same of those lost.
    pub lost_fdr: Option<usize>,
    /// Geometric mean over verified tasks, losses included, without those that
    /// are set apart.
    pub geomean: Option<f64>,
    /// Verified tasks that are set apart: they collapse by algebra, wrong
    /// answers pass on them, or only a Python submission was found.
    pub apart: usize,
    /// Geometric mean over those.
    pub geomean_apart: Option<f64>,
    /// Geometric mean over all tasks of what one would deploy: the result
    /// where it is better than the baseline, else the baseline.
    pub geomean_deployed: Option<f64>,
    /// Mean over what `geomean` is over.
    pub mean: Option<f64>,
    /// Median over what `geomean` is over.
    pub median: Option<f64>,
    /// Shares of all tasks whose result is more than so many times as good as
    /// the baseline: `fast_p` of KernelBench (Ouyang et al. 2025, section 3.4). Of a
    /// metric that is to be large, with a baseline above zero.
    pub fast: Option<[f64; FAST.len()]>,
}

/// Ratios to the baseline that [`Summary::fast`] is about.
pub const FAST: [f64; 4] = [1.0, 1.2, 1.5, 2.0];

/// Numbers over the tasks that count, by another rule of the metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Also {
    /// Name of the metric.
    pub metric: String,
    /// Tasks that it is known of.
    pub n: usize,
    /// Of these, how many are worse than the baseline.
    pub lost: Option<usize>,
    /// Geometric mean.
    pub geomean: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub median: Option<f64>,
}

/// The leaderboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaderboard {
    /// Rows, best first.
    pub rows: Vec<Row>,
    /// Tasks without a row.
    pub unverified: Vec<Unverified>,
    /// Numbers over all tasks.
    pub summary: Summary,
    /// The same by other rules of the metric.
    pub also: Vec<Also>,
}

/// Track of results that are there to be compared with and count for nothing:
/// Python submissions to kernel-lab.
pub const COMPARED: &str = "python";

/// Ranks what the campaign has found.
pub fn leaderboard(state: &State) -> Leaderboard {
    let mut rows: Vec<Row> = Vec::new();
    let mut unverified = Vec::new();
    let mut attempted = 0;
    for task in &state.tasks {
        if state
            .experiments_on(&task.name)
            .any(|e| !e.attempts.is_empty())
        {
            attempted += 1;
        }
        match state.winner(&task.name) {
            Some((experiment, value)) => rows.extend(row(state, experiment, value)),
            None => unverified.push(Unverified {
                task: task.name.clone(),
                reason: why_not(state, &task.name),
            }),
        }
    }
    rows.sort_by(|a, b| {
        let order = a.value.total_cmp(&b.value);
        if state.better(2.0, 1.0) {
            order.reverse()
        } else {
            order
        }
    });
    for (place, row) in rows.iter_mut().enumerate() {
        row.rank = place + 1;
    }
    control(&mut rows);
    let summary = summary(state, &rows, attempted);
    let also = also(state, &rows);
    Leaderboard {
        rows,
        unverified,
        summary,
        also,
    }
}

/// Turns the p-values of the rows into q-values.
fn control(rows: &mut [Row]) {
    let tested: Vec<&mut f64> = rows.iter_mut().filter_map(|row| row.q.as_mut()).collect();
    let p: Vec<f64> = tested.iter().map(|p| **p).collect();
    for (row, q) in tested.into_iter().zip(stats::benjamini_hochberg(&p)) {
        *row = q;
    }
}

impl State {
    /// The winner of a task with its number, wherever one is asked for: the best
    /// that was verified, measured again, and not demoted; of equal ones the
    /// earliest. What is only compared with comes after all else.
    pub fn winner(&self, task: &str) -> Option<(&Experiment, f64)> {
        let again = self.staff.remeasured.get(task)?.iter();
        again
            .filter_map(|id| self.experiments.get(id))
            .filter_map(|e| Some((e, e.verified(Split::Select)?)))
            .reduce(|a, b| {
                let better = match (is_compared_only(a.0), is_compared_only(b.0)) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => self.better(b.1, a.1),
                };
                if better { b } else { a }
            })
    }
}

/// Whether what was measured again is of [`COMPARED`].
fn is_compared_only(experiment: &Experiment) -> bool {
    let again = experiment.last(Split::Select);
    again.is_some_and(|attempt| attempt.measurement.track.as_deref() == Some(COMPARED))
}

impl Task {
    /// The quality that sets the task apart from those that count: a wrong
    /// answer passes there, or algebra does the work.
    pub fn apart(&self) -> Option<&str> {
        let quality = self.inspected.as_ref()?.quality.as_deref()?;
        // A stale verdict is none.
        (!["ok", "stale"].contains(&quality)).then_some(quality)
    }
}

fn row(state: &State, experiment: &Experiment, value: f64) -> Option<Row> {
    let measurement = &experiment.last(Split::Select)?.measurement;
    let ci = measurement.score.ci;
    let standing = standing(state, Split::Select, ci).filter(|_| !measurement.simulated);
    let quality = state.task(&experiment.task).and_then(Task::apart);
    let compared = is_compared_only(experiment).then_some(COMPARED);
    Some(Row {
        rank: 0,
        experiment: experiment.id,
        name: experiment.name.clone(),
        task: experiment.task.clone(),
        model: state.model_of(experiment).map(str::to_owned),
        value,
        ci,
        ci_widened: state.floor(&experiment.task).widened(value, ci),
        n: measurement.score.n,
        // A p-value, until all rows are known.
        q: state
            .p_differs(&experiment.task, &measurement.score)
            .filter(|_| !measurement.simulated),
        new_best: state.significance.is_new_best(experiment.id),
        sealed: experiment
            .last(Split::Sealed)
            .map(|attempt| attempt.measurement.score.clone()),
        search_value: experiment.verified(Split::Search),
        track: measurement.track.clone(),
        simulated: measurement.simulated,
        caveats: {
            let audit = state.audit_caveat(experiment).map(str::to_owned);
            let apart = quality.map(|quality| format!("the task is {quality}: set apart"));
            let compared =
                compared.map(|_| "a Python submission: set apart from kernels".to_owned());
            let measured = measurement.caveats.iter().cloned();
            measured.chain(audit).chain(apart).chain(compared).collect()
        },
        apart: quality.or(compared).map(str::to_owned),
        standing,
        also: measurement
            .also
            .as_deref()
            .map(|also| also.0.clone())
            .unwrap_or_default(),
        report: measurement.report.clone(),
        hash: measurement.hash.clone(),
    })
}

/// How an interval on a split stands against the baseline's value there, if
/// that is known.
pub fn standing(state: &State, split: Split, ci: Option<Interval>) -> Option<Standing> {
    let baseline = state.baseline_on(split)?;
    Some(match ci {
        Some(ci) if state.better(ci.lo(), baseline) && state.better(ci.hi(), baseline) => {
            Standing::Won
        }
        Some(ci) if state.better(baseline, ci.lo()) && state.better(baseline, ci.hi()) => {
            Standing::Lost
        }
        Some(_) | None => Standing::Even,
    })
}

/// Why a task has no verified result, for people.
fn why_not(state: &State, task: &str) -> String {
    let demoted = state
        .experiments_on(task)
        .filter_map(|e| Some((e.id, e.demoted()?)));
    if let Some((experiment, ruling)) = demoted.last() {
        return format!("{experiment} was demoted: {}", ruling.reason);
    }
    let last = state
        .experiments_on(task)
        .filter_map(|e| Some((e, e.attempts.last()?)))
        .last();
    let closed = state.task(task).and_then(|t| t.closed.clone());
    match (last, closed) {
        (Some((experiment, attempt)), _) => {
            let measurement = &attempt.measurement;
            let verdict = &measurement.score.verdict;
            if experiment.state == BoardState::Failed {
                format!("the lab failed: {}", experiment.reason)
            } else if verdict.is_ok() {
                "evaluated, not re-measured".to_owned()
            } else {
                format!("{}: {}", verdict.word(), verdict.reason())
            }
        }
        (None, _) if lab_failure(state, task).is_some() => {
            format!(
                "the lab failed: {}",
                lab_failure(state, task).unwrap_or_default()
            )
        }
        (None, closed) => {
            let looks = state.tries_on(task).count();
            let refused = state
                .tries_on(task)
                .last()
                .filter(|_| state.tries_on(task).all(|look| !look.score.verdict.is_ok()))
                .map(|look| &look.score.verdict);
            match (refused, closed) {
                (Some(last), _) => format!(
                    "{looks} quick looks, all refused; the last was {}: {}",
                    last.word(),
                    last.reason()
                ),
                (None, Some(reason)) => reason,
                (None, None) if looks > 0 => format!("{looks} quick looks, nothing evaluated"),
                (None, None) => "not tried".to_owned(),
            }
        }
    }
}

/// Why the lab could not take a quick look at a task, if it could not.
fn lab_failure<'a>(state: &'a State, task: &str) -> Option<&'a str> {
    state
        .failures
        .iter()
        .find(|(key, _)| match key {
            EffectKey::Tool { agent, .. } => state
                .agents
                .get(agent)
                .and_then(|agent| state.experiments.get(&agent.experiment?))
                .is_some_and(|e| e.task == task),
            EffectKey::Describe
            | EffectKey::Inspect { .. }
            | EffectKey::Audit { .. }
            | EffectKey::Model { .. }
            | EffectKey::Check { .. }
            | EffectKey::Measure { .. } => false,
        })
        .map(|(_, failures)| failures.error.as_str())
}

fn summary(state: &State, rows: &[Row], attempted: usize) -> Summary {
    let (apart, counted): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| r.apart.is_some());
    let real = |rows: &[&Row]| -> Vec<f64> {
        let real = rows.iter().filter(|row| !row.simulated);
        real.map(|row| row.value).collect()
    };
    let (apart, real) = (real(&apart), real(&counted));
    let simulated = state.is_simulated();
    let baseline = state.baseline_on(Split::Select);
    let count = |wanted| {
        (!simulated && baseline.is_some())
            .then(|| rows.iter().filter(|r| r.standing == Some(wanted)).count())
    };
    let controlled = |wanted| {
        let sure = |row: &&Row| row.q.is_some_and(|q| q <= FALSE_DISCOVERIES);
        let of = rows.iter().filter(|row| row.standing == Some(wanted));
        count(wanted).map(|_| of.filter(sure).count())
    };
    let deployed = |baseline: f64| -> Vec<f64> {
        let tasks = state.tasks.iter();
        tasks
            .map(|task| {
                rows.iter()
                    .find(|row| row.task == task.name)
                    .map(|row| row.value)
                    .filter(|&value| state.better(value, baseline))
                    .unwrap_or(baseline)
            })
            .collect()
    };
    Summary {
        tasks: state.tasks.len(),
        attempted,
        verified: rows.len(),
        won: count(Standing::Won),
        lost: count(Standing::Lost),
        won_fdr: controlled(Standing::Won),
        lost_fdr: controlled(Standing::Lost),
        geomean: stats::geomean(&real),
        apart: rows.iter().filter(|row| row.apart.is_some()).count(),
        geomean_apart: stats::geomean(&apart),
        geomean_deployed: if simulated {
            None
        } else {
            baseline.and_then(|baseline| stats::geomean(&deployed(baseline)))
        },
        mean: stats::mean(&real),
        median: stats::median(&real),
        fast: baseline
            .filter(|_| !simulated && state.better(2.0, 1.0))
            .filter(|baseline| *baseline > 0.0)
            .map(|baseline| {
                FAST.map(|ratio| {
                    let rows = rows.iter().filter(|row| row.value > ratio * baseline);
                    rows.count() as f64 / state.tasks.len().max(1) as f64
                })
            }),
    }
}

fn also(state: &State, rows: &[Row]) -> Vec<Also> {
    let mut known: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let counted = |row: &&Row| !row.simulated && row.apart.is_none();
    for row in rows.iter().filter(counted) {
        for (metric, value) in &row.also {
            known.entry(metric).or_default().push(*value);
        }
    }
    let baseline = state.baseline_on(Split::Select);
    let lost = |values: &[f64]| {
        let baseline = baseline?;
        let worse = values
            .iter()
            .filter(|value| state.better(baseline, **value));
        Some(worse.count())
    };
    known
        .into_iter()
        .map(|(metric, values)| Also {
            metric: metric.to_owned(),
            n: values.len(),
            lost: lost(&values),
            geomean: stats::geomean(&values),
            mean: stats::mean(&values),
            median: stats::median(&values),
        })
        .collect()
}
