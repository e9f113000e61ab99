//! Conversations as models are sent them. Each turn adds a little to what was
//! sent before, so that only this is read from the log.

use serde_json::Value;

use super::{Driver, DriverError};
use crate::core::agent::{Answer, AnswerStatus, Arguments, Entry, RequestedCall};
use crate::core::event::Body;
use crate::core::ids::AgentId;
use crate::core::state::Agent;
use crate::model::{Image, Message, ToolSchema, Transcript, TurnRequest};
use crate::store::{Store, StoreError};
use crate::tools;

/// What every conversation begins with: dialects want a first message, and the
/// prompt has said everything.
const OPENING: &str = "Begin.";

/// Most tokens of one reply.
const MAX_OUTPUT_TOKENS: u64 = 16_384;

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
    /// What an agent's model is asked now.
    pub(super) fn turn_request(
        &mut self,
        agent: AgentId,
    ) -> Result<Option<TurnRequest>, DriverError> {
        let Some(found) = self.session.state.agents.get(&agent) else {
            return Ok(None);
        };
        let role = found.role;
        let mut talk = match self.talks.remove(&agent) {
            Some(talk) => talk,
            None => self.begin_talk(agent)?,
        };
        self.read_on(agent, &mut talk)?;
        let request = TurnRequest {
            role,
            system: talk.system.clone(),
            messages: talk.messages.clone(),
            tools: talk.tools.clone(),
            max_output_tokens: MAX_OUTPUT_TOKENS,
        };
        self.talks.insert(agent, talk);
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
        let is_live = |id: &AgentId| agents.get(id).is_some_and(Agent::is_live);
        self.talks.retain(|id, _| is_live(id));
        let agent = agents.get(&agent).ok_or(DriverError::Stuck)?;
        let tools = tools::all()
            .iter()
            .filter(|tool| tool.roles.contains(&agent.role))
            .map(|tool| ToolSchema {
                name: tool.name.to_owned(),
                description: tool.description.to_owned(),
                schema: tool.schema.clone(),
            })
            .collect();
        Ok(Talk {
            system: as_text(self.session.store.document(&agent.prompt)?),
            messages: Transcript::default(),
            tools,
            read: 0,
        })
    }

    fn read_on(&self, agent: AgentId, talk: &mut Talk) -> Result<(), DriverError> {
        let agent = self.session.state.agents.get(&agent);
        let entries = agent.map_or(&[][..], |agent| agent.run.entries());
        if talk.messages.first().is_none() {
            let mut text = OPENING.to_owned();
            // Two messages of one side in a row are refused by some.
            if let Some(Entry::Brief { text: brief, .. }) = entries.first() {
                text.push_str("\n\n");
                text.push_str(&as_text(self.session.store.document(brief)?));
            }
            talk.messages.push(Message::User { text });
        }
        for entry in entries.iter().skip(talk.read) {
            if let Some(message) = self.message(entry)? {
                talk.messages.push(message);
            }
            talk.read += 1;
        }
        Ok(())
    }

    /// An entry as a message; a brief is part of the opening.
    fn message(&self, entry: &Entry) -> Result<Option<Message>, DriverError> {
        let store = &self.session.store;
        Ok(Some(match entry {
            Entry::Brief { .. } => return Ok(None),
            Entry::Harness { text } => Message::User { text: text.clone() },
            Entry::Model { text, calls, carry } => Message::Assistant {
                text: as_text(store.document(text)?),
                calls: calls
                    .iter()
                    .map(|call| with_arguments(&call.requested, store))
                    .collect::<Result<_, _>>()?,
                carry: carry
                    .as_ref()
                    .map(|carry| store.document(carry))
                    .transpose()?,
            },
            Entry::Tool {
                id, tool, answer, ..
            } => Message::Tool {
                id: id.clone(),
                tool: tool.clone(),
                ok: matches!(answer.status, AnswerStatus::Ok | AnswerStatus::Ends),
                body: store.document(&answer.body)?,
                images: self.pictures(answer)?,
            },
        }))
    }

    /// The pictures of an answer, for a model that sees.
    fn pictures(&self, answer: &Answer) -> Result<Vec<Image>, DriverError> {
        if !self.session.model.caps().vision {
            return Ok(Vec::new());
        }
        let pictures = answer.pictures.iter().map(|picture| {
            Ok(Image {
                media_type: picture.media_type.clone(),
                bytes: self.session.store.blob(&picture.blob)?,
            })
        });
        pictures.collect()
    }
}

/// A document that is a text.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A call with its arguments in place, as the model made it.
fn with_arguments(call: &RequestedCall, store: &Store) -> Result<RequestedCall, StoreError> {
    let mut call = call.clone();
    if let Arguments::Stored(hash) = &call.arguments {
        call.arguments = Arguments::Json(store.document(&Body::Blob(hash.clone()))?);
    }
    Ok(call)
}
