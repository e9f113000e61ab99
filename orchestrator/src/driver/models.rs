//! Which model plays an agent, and what happens when it can't.

use std::sync::Arc;

use super::Driver;
use crate::core::agent::Role;
use crate::core::event::{Actor, Event};
use crate::core::ids::AgentId;
use crate::model::{ChatModel, LetDown, ModelError, TurnFailure};
use crate::store::Batch;

impl Driver {
    /// The model that plays an agent.
    pub(super) fn model_of(&self, agent: AgentId) -> Arc<dyn ChatModel> {
        let agent = self.session.state.agents.get(&agent);
        let name = agent.map_or("", |agent| agent.model.as_str());
        Arc::clone(self.session.models.named(name))
    }

    /// The name of the model that is to play a new agent; `begun` are those
    /// that begin with it. A replay has it as it was.
    pub(super) fn model_for(
        &self,
        agent: AgentId,
        role: Role,
        under: Option<AgentId>,
        begun: &[(Role, String)],
    ) -> Option<String> {
        let state = &self.session.state;
        let settings = state.settings.as_ref();
        let known = |name: &String| settings.is_some_and(|s| s.all_models().contains(&&**name));
        let played = self.session.models.played(agent).filter(known);
        played.or_else(|| state.model_for(role, under, begun))
    }

    /// Ends an agent whose turn can't succeed. `hopeless` says that no turn of
    /// its model can. False if nobody else could play it, so that the campaign
    /// has to wait for somebody to do something.
    pub(super) fn give_up(
        &self,
        batch: &mut Batch,
        agent: AgentId,
        failure: &TurnFailure,
        hopeless: bool,
    ) -> bool {
        let reason = crate::chain::of(&failure.error);
        let recorded = match &failure.error {
            ModelError::EndedThere { let_down, .. } => *let_down,
            _ => None,
        };
        let state = &self.session.state;
        let Some(found) = state.agents.get(&agent) else {
            return true;
        };
        let left = state.models_left(found.role);
        let others = left.iter().any(|model| *model != found.model);
        if hopeless && !others {
            return false;
        }
        let out = hopeless || recorded == Some(LetDown::Out);
        if out {
            batch.push(
                Actor::Harness,
                Event::ModelOut {
                    model: found.model.clone(),
                    reason: reason.clone(),
                },
            );
        }
        let is_recorded = matches!(failure.error, ModelError::EndedThere { .. });
        let let_down = recorded.is_some() || (others && !is_recorded);
        let event = if let_down {
            Event::AgentLetDown { agent, reason }
        } else {
            Event::AgentStopped { agent, reason }
        };
        batch.push(Actor::Harness, event);
        true
    }
}
