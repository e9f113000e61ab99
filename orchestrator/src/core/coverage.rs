//! What each of several models has found, and what only one of them has.
//!
//! Models are compared by what was measured on `search`: only the best of a
//! task is measured again, so `select` would compare winners with nobody.

use std::collections::BTreeMap;

use protocol::{Interval, Split};
use serde::Serialize;

use super::event::Logged;
use super::event::{Event, Measurement};
use super::ids::{AgentId, ExperimentId};
use super::rank::{Standing, standing};
use super::state::{Experiment, State};

/// A model's best on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The task.
    pub task: String,
    /// The experiment.
    pub experiment: ExperimentId,
    /// Its short name.
    pub name: String,
    /// The verified number on `search`.
    pub value: f64,
    /// Its 95% interval.
    pub ci: Option<Interval>,
    /// Samples behind it.
    pub n: u32,
    /// Against the baseline; absent on a simulator.
    pub standing: Option<Standing>,
    /// What it was when it was measured again, if it was the best of all.
    pub select: Option<f64>,
}

/// What one model has found: its best on each task, in the order of the tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelBoard {
    /// The model.
    pub model: String,
    /// Tasks with a verified number.
    pub rows: Vec<Found>,
}

/// Which models have a verified number on a task, and which are better than
/// the baseline with the whole interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskCoverage {
    /// The task.
    pub task: String,
    /// Models with a verified number.
    pub verified: Vec<String>,
    /// Models that have won.
    pub won: Vec<String>,
}

/// Tasks that two models have both covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overlap {
    /// The two.
    pub models: [String; 2],
    /// Tasks on which both have a verified number.
    pub verified: usize,
    /// Tasks on which both have won.
    pub won: usize,
}

/// Who has covered what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Every task.
    pub tasks: Vec<TaskCoverage>,
    /// Every pair of models.
    pub overlaps: Vec<Overlap>,
}

impl Coverage {
    /// Tasks that this model alone has a verified number on.
    pub fn only_verified(&self, model: &str) -> Vec<&str> {
        self.only(model, |task| &task.verified)
    }

    /// Tasks that this model alone has won.
    pub fn only_won(&self, model: &str) -> Vec<&str> {
        self.only(model, |task| &task.won)
    }

    fn only<'a>(&'a self, model: &str, of: fn(&TaskCoverage) -> &Vec<String>) -> Vec<&'a str> {
        let tasks = self.tasks.iter();
        tasks
            .filter(|task| matches!(&of(task)[..], [only] if only == model))
            .map(|task| task.task.as_str())
            .collect()
    }
}

/// The best of each model on each task.
pub fn boards(state: &State) -> Vec<ModelBoard> {
    state
        .model_uses()
        .into_iter()
        .map(|used| ModelBoard {
            rows: rows(state, &used.model),
            model: used.model,
        })
        .collect()
}

fn rows(state: &State, model: &str) -> Vec<Found> {
    let tasks = state.tasks.iter();
    tasks
        .filter_map(|task| best(state, model, &task.name))
        .collect()
}

fn best(state: &State, model: &str, task: &str) -> Option<Found> {
    let (e, value) = state
        .experiments_on(task)
        .filter(|e| state.model_of(e) == Some(model))
        .filter_map(|e| Some((e, e.verified(Split::Search)?)))
        .reduce(|a, b| if state.better(b.1, a.1) { b } else { a })?;
    let measurement = &e.last(Split::Search)?.measurement;
    let ci = measurement.score.ci;
    Some(Found {
        task: task.to_owned(),
        experiment: e.id,
        name: e.name.clone(),
        value,
        ci,
        n: measurement.score.n,
        standing: standing(state, Split::Search, ci).filter(|_| !measurement.simulated),
        select: e.verified(Split::Select),
    })
}

/// Who has covered what.
pub fn coverage(state: &State, boards: &[ModelBoard]) -> Coverage {
    let with = |task: &str, wanted: &dyn Fn(&Found) -> bool| -> Vec<String> {
        let has = |board: &&ModelBoard| board.rows.iter().any(|r| r.task == task && wanted(r));
        let boards = boards.iter().filter(has);
        boards.map(|board| board.model.clone()).collect()
    };
    let tasks: Vec<TaskCoverage> = state
        .tasks
        .iter()
        .map(|task| TaskCoverage {
            task: task.name.clone(),
            verified: with(&task.name, &|_| true),
            won: with(&task.name, &|row| row.standing == Some(Standing::Won)),
        })
        .collect();
    let mut overlaps = Vec::new();
    for (place, one) in boards.iter().enumerate() {
        for other in boards.iter().skip(place + 1) {
            let both = |of: &Vec<String>| of.contains(&one.model) && of.contains(&other.model);
            overlaps.push(Overlap {
                models: [one.model.clone(), other.model.clone()],
                verified: tasks.iter().filter(|task| both(&task.verified)).count(),
                won: tasks.iter().filter(|task| both(&task.won)).count(),
            });
        }
    }
    Coverage { tasks, overlaps }
}

/// Where one model stood after one of its experiments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Its experiments that were evaluated so far, this one included.
    pub experiments: usize,
    /// What its turns had cost, in US dollars.
    pub cost_usd: f64,
    /// Tokens of its turns, in and out.
    pub tokens: u64,
    /// Geometric mean over all tasks of its best so far, the baseline where it
    /// has nothing better.
    pub value: f64,
}

/// How one model came along.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The model.
    pub model: String,
    /// One point per evaluated experiment, and one for where it stands in the
    /// end.
    pub points: Vec<Point>,
}

/// How each model came along; none without a baseline above 0, to which a
/// geometric mean could refer.
pub fn curves(state: &State, log: &[Logged]) -> Vec<Curve> {
    let Some(baseline) = state.baseline().filter(|baseline| *baseline > 0.0) else {
        return Vec::new();
    };
    let start = Walk {
        point: Point {
            experiments: 0,
            cost_usd: 0.0,
            tokens: 0,
            value: baseline,
        },
        best: state
            .tasks
            .iter()
            .map(|t| (t.name.clone(), baseline))
            .collect(),
        points: Vec::new(),
    };
    let mut walks: Vec<(String, Walk)> = state
        .model_uses()
        .into_iter()
        .map(|used| (used.model, start.clone()))
        .collect();
    for logged in log {
        match &logged.event {
            Event::ModelCalled { agent, reply, .. } => {
                if let Some(walk) = walk_of(state, &mut walks, *agent) {
                    walk.point.cost_usd += reply.cost_usd;
                    let [read, written] = reply.tokens;
                    let tokens = read.saturating_add(written);
                    walk.point.tokens = walk.point.tokens.saturating_add(tokens);
                }
            }
            Event::Measured {
                experiment,
                measurement,
                ..
            } if measurement.split == Split::Search => {
                let owner = state.experiments.get(experiment).and_then(|e| e.owner);
                if let Some(walk) = owner.and_then(|owner| walk_of(state, &mut walks, owner)) {
                    walk.measured(state, *experiment, measurement);
                }
            }
            _ => {}
        }
    }
    walks
        .into_iter()
        .map(|(model, mut walk)| {
            walk.points.push(walk.point);
            Curve {
                model,
                points: walk.points,
            }
        })
        .collect()
}

/// One model on its way.
#[derive(Clone, Debug)]
struct Walk {
    point: Point,
    best: BTreeMap<String, f64>,
    points: Vec<Point>,
}

impl Walk {
    fn measured(&mut self, state: &State, experiment: ExperimentId, measured: &Measurement) {
        self.point.experiments += 1;
        let counts = |e: &&Experiment| e.demoted().is_none();
        let task = state.experiments.get(&experiment).filter(counts);
        let task = task.map(|e| e.task.as_str());
        let best = task.and_then(|task| self.best.get_mut(task));
        if let (Some(best), Some(value)) = (best, measured.score.verified())
            && value > 0.0
            && state.better(value, *best)
        {
            *best = value;
            let values: Vec<f64> = self.best.values().copied().collect();
            self.point.value = stats::geomean(&values).unwrap_or(self.point.value);
        }
        self.points.push(self.point);
    }
}

fn walk_of<'a>(
    state: &State,
    walks: &'a mut [(String, Walk)],
    agent: AgentId,
) -> Option<&'a mut Walk> {
    let model = &state.agents.get(&agent)?.model;
    let found = walks.iter_mut().find(|(of, _)| of == model);
    found.map(|(_, walk)| walk)
}
