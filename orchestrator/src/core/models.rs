//! Several models in one campaign: who may play which role, who plays whom,
//! what each has used and come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent::Role;
use super::board::BoardState;
use super::budget::Amount;
use super::ids::AgentId;
use super::settings::Settings;
use super::state::{Agent, Experiment, State};

/// The models of a campaign that has several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Those that play every role without models of its own, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<String>,
    /// Those that alone play a role, in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Role, Vec<String>>,
}

impl ModelSettings {
    /// Whether nothing but [`Settings::model`] is asked for.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.roles.is_empty()
    }
}

impl Settings {
    /// Models that may play a role, in order; at least one.
    pub fn models_of(&self, role: Role) -> Vec<&str> {
        let own = self.models.roles.get(&role).filter(|own| !own.is_empty());
        let of = own.unwrap_or(&self.models.all);
        if of.is_empty() {
            return vec![self.model.as_str()];
        }
        of.iter().map(String::as_str).collect()
    }

    /// All models of the campaign, each once: those of every role first.
    pub fn all_models(&self) -> Vec<&str> {
        let of_all = match &self.models.all[..] {
            [] => std::slice::from_ref(&self.model),
            all => all,
        };
        let mut models: Vec<&str> = Vec::new();
        for model in of_all.iter().chain(self.models.roles.values().flatten()) {
            if !models.contains(&model.as_str()) {
                models.push(model);
            }
        }
        models
    }
}

/// What one model was used for.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelUse {
    /// Which.
    pub model: String,
    /// Agents it has played, by role.
    pub agents: BTreeMap<Role, usize>,
    /// Of those, how many it has let down.
    pub let_down: usize,
    /// Its candidates that were evaluated.
    pub experiments: usize,
    /// Of those, how many have a verified number.
    pub verified: usize,
    /// Of those, how many were better than all before them on their task.
    pub improved: usize,
    /// What its turns have cost.
    pub paid: Amount,
    /// Reservations of its turns that were cut off.
    pub unsettled: Amount,
    /// Why it can't be used for now, if it can't.
    pub out: Option<String>,
}

impl ModelUse {
    /// Agents of all roles.
    pub fn all_agents(&self) -> usize {
        self.agents.values().sum()
    }
}

impl State {
    /// Whether the campaign has several models.
    pub fn has_several_models(&self) -> bool {
        let settings = self.settings.as_ref();
        settings.is_some_and(|settings| settings.all_models().len() > 1)
    }

    /// Models that may play a role and are not out, in order.
    pub fn models_left(&self, role: Role) -> Vec<&str> {
        let settings = self.settings.iter();
        settings
            .flat_map(|settings| settings.models_of(role))
            .filter(|model| !self.models_out.contains_key(*model))
            .collect()
    }

    /// Whose candidate an experiment is; nobody's where it was drawn at random
    /// beside several models.
    pub fn model_of(&self, experiment: &Experiment) -> Option<&str> {
        let owner = experiment.owner.and_then(|id| self.agents.get(&id));
        match owner {
            Some(owner) => Some(&owner.model),
            None if self.has_several_models() => None,
            None => self.settings.as_ref().map(|s| s.model.as_str()),
        }
    }

    /// An agent's model could not go on. The experiment that it was started for
    /// and has handed nothing in for is free for another, unless every model
    /// has had its turn at it.
    pub(super) fn let_down(&mut self, id: AgentId) {
        let models = self.settings.as_ref().map_or(1, |s| s.all_models().len());
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        agent.let_down = true;
        let Some(place) = agent.experiment else {
            return;
        };
        let failed = |agent: &&Agent| agent.let_down && agent.experiment == Some(place);
        let before = self.agents.values().filter(failed).count();
        if let Some(e) = self.experiments.get_mut(&place)
            && e.owner == Some(id)
            && e.state == BoardState::ToImplement
            && before <= models
        {
            e.owner = None;
        }
    }

    /// Agents that were started for a role, less those that were let down by
    /// one of several models: each model may let one down without that being
    /// held against the role.
    pub fn counted_starts<'a>(&self, agents: impl Iterator<Item = &'a Agent>) -> usize {
        let models = self.settings.as_ref().map_or(1, |s| s.all_models().len());
        let (let_down, others): (Vec<&Agent>, Vec<&Agent>) =
            agents.partition(|agent| agent.let_down);
        others.len() + let_down.len().saturating_sub(models)
    }

    /// Whether nobody has an idea any more: the last agents were Strategists
    /// that proposed nothing, and there is none among the models for that role
    /// that was not asked.
    pub fn nobody_proposes(&self) -> bool {
        let asked = self.idle_strategists();
        !asked.is_empty()
            && self
                .models_left(Role::Strategist)
                .iter()
                .all(|model| asked.contains(model))
    }

    /// Models of the Strategists that have proposed nothing since anybody else
    /// began, or since work on a task went on.
    pub(super) fn idle_strategists(&self) -> Vec<&str> {
        self.agents
            .values()
            .rev()
            .filter(|agent| !agent.role.is_staff())
            .take_while(|agent| self.staff.resumed.is_none_or(|first| agent.id >= first))
            .take_while(|agent| agent.role == Role::Strategist && agent.proposed == 0)
            .map(|agent| agent.model.as_str())
            .collect()
    }

    /// What each model was used for, in the order of the settings.
    pub fn model_uses(&self) -> Vec<ModelUse> {
        let Some(settings) = &self.settings else {
            return Vec::new();
        };
        let mut models: Vec<&str> = settings.all_models();
        for agent in self.agents.values() {
            if !models.contains(&agent.model.as_str()) {
                models.push(&agent.model);
            }
        }
        models
            .into_iter()
            .map(|model| self.model_use(model))
            .collect()
    }

    fn model_use(&self, model: &str) -> ModelUse {
        let mut used = ModelUse {
            model: model.to_owned(),
            agents: BTreeMap::new(),
            let_down: 0,
            experiments: 0,
            verified: 0,
            improved: 0,
            paid: Amount::default(),
            unsettled: Amount::default(),
            out: self.models_out.get(model).cloned(),
        };
        for agent in self.agents.values().filter(|agent| agent.model == model) {
            *used.agents.entry(agent.role).or_default() += 1;
            used.let_down += usize::from(agent.let_down);
            used.paid += agent.paid;
            used.unsettled += agent.unsettled;
        }
        for e in self.experiments.values() {
            if e.attempts.is_empty() || self.model_of(e) != Some(model) {
                continue;
            }
            used.experiments += 1;
            used.verified += usize::from(e.verified(protocol::Split::Search).is_some());
            used.improved += usize::from(self.credits.gain(e.id).is_some_and(|gain| gain > 0.0));
        }
        used
    }
}
