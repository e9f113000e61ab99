//! The models of a campaign, by their names.

use std::fmt;
use std::sync::Arc;

use super::replay::Replayed;
use super::types::ChatModel;
use crate::core::ids::AgentId;

/// The models of a campaign; at least one.
#[derive(Clone)]
pub struct Models {
    first: Arc<dyn ChatModel>,
    others: Vec<(String, Arc<dyn ChatModel>)>,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.others.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Models {
    /// One that plays everybody, whatever it is called.
    pub fn one(model: Arc<dyn ChatModel>) -> Self {
        Self {
            first: model,
            others: Vec::new(),
        }
    }

    /// Adds one under its name.
    #[must_use]
    pub fn and(mut self, name: &str, model: Arc<dyn ChatModel>) -> Self {
        self.others.push((name.to_owned(), model));
        self
    }

    /// The model of this name; the first, if none is called so.
    pub fn named(&self, name: &str) -> &Arc<dyn ChatModel> {
        let found = self.others.iter().find(|(known, _)| known == name);
        found.map_or(&self.first, |(_, model)| model)
    }

    /// Which model played an agent, where its turns are answered from a
    /// recording.
    pub fn played(&self, agent: AgentId) -> Option<String> {
        self.first.played(agent)
    }

    /// How turns compare with those of a recording, if they are answered from
    /// one.
    pub fn replayed(&self) -> Option<Replayed> {
        self.first.replayed()
    }
}
