//! Conversations as models are sent them. Each turn adds a little to what was
//! sent before, so that only this is read from the log.

use super::{Driver, DriverError};
use crate::core::ids::AgentId;
use crate::core::state::Agent;
use crate::model::request::{MAX_OUTPUT_TOKENS, message, opening, text, tools_of};
use crate::model::{ToolSchema, Transcript, TurnRequest};
use crate::tools::Who;

/// A conversation, as far as it has been read.
#[derive(Debug)]
pub(super) struct Talk {
    system: String,
    messages: Transcript,
    tools: Vec<ToolSchema>,
    /// Entries of the agent's run that are in the messages.
    read: usize,
}

impl Driver {
    /// What an agent's model is asked now: what
    /// [`turn_request`](crate::model::request::turn_request) says, from what
    /// was read before.
    pub(super) fn turn_request(&mut self, id: AgentId) -> Result<Option<TurnRequest>, DriverError> {
        let mut talk = match self.talks.remove(&id) {
            Some(talk) => talk,
            None => self.begin_talk(id)?,
        };
        let Some(agent) = self.session.state.agents.get(&id) else {
            return Ok(None);
        };
        let store = &self.session.store;
        let vision = self.session.models.named(&agent.model).caps().vision;
        let entries = agent.run.entries();
        if talk.messages.first().is_none() {
            talk.messages.push(opening(entries, store)?);
        }
        for entry in entries.iter().skip(talk.read) {
            if let Some(message) = message(entry, store, vision)? {
                talk.messages.push(message);
            }
            talk.read += 1;
        }
        let request = TurnRequest {
            agent: id,
            turn: agent.run.turns(),
            role: agent.role,
            system: talk.system.clone(),
            messages: talk.messages.clone(),
            tools: talk.tools.clone(),
            max_output_tokens: MAX_OUTPUT_TOKENS,
        };
        self.talks.insert(id, talk);
        Ok(Some(request))
    }

    /// Reads a conversation from its beginning the next time: it is another
    /// one now.
    pub(super) fn forget_talk(&mut self, agent: AgentId) {
        self.talks.remove(&agent);
    }

    fn begin_talk(&mut self, agent: AgentId) -> Result<Talk, DriverError> {
        let agents = &self.session.state.agents;
        // Those that have ended are not asked any more.
        self.talks
            .retain(|id, _| agents.get(id).is_some_and(Agent::is_live));
        let agent = agents.get(&agent).ok_or(DriverError::Stuck)?;
        Ok(Talk {
            system: text(self.session.store.document(&agent.prompt)?),
            messages: Transcript::default(),
            tools: tools_of(Who::of(&self.session.state, agent)),
            read: 0,
        })
    }
}
