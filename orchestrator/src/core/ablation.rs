//! What the changes of a winner are worth: each undone by itself, measured
//! like any other candidate, and compared.

use protocol::{Candidate, Split};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::ExperimentId;
use super::illegal::{Illegal, missing, twice};
use super::measurement::Score;
use super::playbook::{Effect, Number, ratio};
use super::settings::Settings;
use super::state::{Experiment, RunState, State};

/// Part of the experiments that ablations may take.
const PART: u32 = 4;

/// One change of the winner undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undone {
    /// The parameter.
    pub param: String,
    /// Its default, which it has instead.
    pub value: Value,
    /// The experiment that measures it. It may have been measured before.
    pub experiment: ExperimentId,
}

/// The ablations of a task's winner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// The task.
    pub task: String,
    /// The winner; absent if the task has none that can be taken apart.
    pub of: Option<ExperimentId>,
    /// Its changes, each undone by itself.
    pub undone: Vec<Undone>,
}

impl Settings {
    /// Ablations that there is room for on each task within a limit of
    /// experiments: a quarter of them is for ablations at most.
    pub fn ablations_within(&self, experiments: Option<u32>) -> u32 {
        let tasks = u32::try_from(self.tasks.len().max(1)).unwrap_or(u32::MAX);
        match experiments {
            Some(limit) => self.ablations.min(limit / PART / tasks),
            None => self.ablations,
        }
    }
}

impl State {
    /// Ablations that there is room for on each task within the limit in force.
    pub fn ablations_per_task(&self) -> u32 {
        let limit = self.limits().experiments;
        let settings = self.settings.as_ref();
        settings.map_or(0, |settings| settings.ablations_within(limit))
    }

    /// Experiments that ablations may still put on the board, whatever each task
    /// may have: the limit may be lower by now than what is spent.
    pub fn left_for_ablations(&self) -> f64 {
        let of = self.budget(self.clock.last_ms()).experiments;
        of.limit.map_or(f64::INFINITY, |limit| {
            limit - of.spent - of.reserved + self.kept_for_ablations()
        })
    }

    /// Experiments that are kept for ablations and not on the board yet.
    pub fn kept_for_ablations(&self) -> f64 {
        let Some(settings) = &self.settings else {
            return 0.0;
        };
        if matches!(self.run, RunState::Finished(_)) {
            return 0.0;
        }
        let all = f64::from(self.ablations_per_task()) * settings.tasks.len() as f64;
        (all - self.index.ablated as f64).max(0.0)
    }

    /// The first task whose winner is still to be taken apart.
    pub fn next_ablation(&self) -> Option<&str> {
        if self.ablations_per_task() == 0 || self.left_for_ablations() < 1.0 {
            return None;
        }
        let planned = |task: &str| self.ablations.iter().any(|known| known.task == task);
        let tasks = self.tasks.iter().map(|task| task.name.as_str());
        let mut tasks = tasks.filter(|task| !planned(task));
        tasks.find(|task| self.winner(task).is_some())
    }

    /// Notes what is undone of a winner.
    pub(super) fn plan_ablation(&mut self, plan: &Ablation) -> Result<(), Illegal> {
        self.task_mut(&plan.task)?;
        if self.ablations.iter().any(|known| known.task == plan.task) {
            return Err(twice("ablation of task", &plan.task));
        }
        let named = plan
            .of
            .iter()
            .chain(plan.undone.iter().map(|undone| &undone.experiment));
        for id in named {
            if !self.experiments.contains_key(id) {
                return Err(missing("experiment", id));
            }
        }
        let new = plan
            .undone
            .iter()
            .filter_map(|undone| self.experiments.get(&undone.experiment));
        self.index.ablated += new.filter(|e| e.attempts.is_empty()).count();
        self.ablations.push(plan.clone());
        Ok(())
    }

    /// The score of a winner to compare with: measured again it is free of the
    /// luck of having been chosen.
    pub fn fair_score<'a>(&self, winner: &'a Experiment) -> Option<(&'a Score, Split)> {
        [Split::Select, Split::Search]
            .into_iter()
            .find_map(|split| {
                let score = &winner.last(split)?.measurement.score;
                score.verified().map(|_| (score, split))
            })
    }

    /// What a change is worth: the metric with it over the metric without it.
    pub fn worth(&self, with: ExperimentId, without: ExperimentId) -> Option<Effect> {
        let (with, _) = self.fair_score(self.experiments.get(&with)?)?;
        let without = self.experiments.get(&without)?.last(Split::Search)?;
        let number = |score: &Score| {
            Some(Number {
                value: score.verified()?,
                ci: score.ci,
            })
        };
        ratio(number(with)?, number(&without.measurement.score)?)
    }
}

/// The candidate with one parameter as it is by default.
pub fn undo(candidate: &Candidate, param: &str, default: &Value) -> Option<Candidate> {
    match candidate {
        Candidate::Template { template, params } => {
            let mut params = params.clone();
            params.insert(param.to_owned(), default.clone());
            Some(Candidate::Template {
                template: template.clone(),
                params,
            })
        }
        Candidate::Files { .. } => None,
    }
}
