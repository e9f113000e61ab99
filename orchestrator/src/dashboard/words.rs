//! Events and conversations in words.

use protocol::ContentHash;
use serde::Serialize;
use serde_json::{Value, json};

use super::text::beginning;
use super::view::{SCHEMA, View, ViewError, about};
use crate::core::agent::{AnswerStatus, Arguments, RequestedCall};
use crate::core::event::{Actor, Body, Event, Logged};
use crate::core::ids::AgentId;
use crate::store::{Reader, StoreError};
use crate::ui;

/// Bytes of each text in the stream of events.
const STREAM_BYTES: usize = 2_000;
/// Bytes of each text in a conversation.
const TALK_BYTES: usize = 64 << 10;
/// Events of a conversation in one answer.
const TALK_EVENTS: usize = 60;

/// A text, or its beginning.
#[derive(Debug, Serialize)]
struct Words {
    text: String,
    /// Bytes of all of it, where only the beginning is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    of_bytes: Option<usize>,
}

impl Words {
    fn of(text: &str, most: usize) -> Self {
        let (begins, cut) = beginning(text, most);
        Self {
            text: begins.to_owned(),
            of_bytes: cut.then_some(text.len()),
        }
    }
}

/// A tool call.
#[derive(Debug, Serialize)]
struct Call {
    tool: String,
    arguments: Words,
}

/// A tool's answer.
#[derive(Debug, Serialize)]
struct Answer {
    tool: Option<String>,
    status: &'static str,
    text: Words,
    /// Pictures that were shown with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<String>,
}

/// What was said in an event.
#[derive(Debug, Default, Serialize)]
struct Talk {
    agent: Option<u32>,
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Words>,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Words>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// What the harness did to the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Words>,
}

/// One event, as the page shows it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) seq: u64,
    at_ms: i64,
    actor: &'static str,
    kind: Value,
    /// What it means to a person; absent for bookkeeping.
    line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    talk: Option<Talk>,
}

impl View {
    /// Events from `from` on, at most `most`.
    pub(super) fn events(&mut self, from: u64, most: usize) -> Result<Vec<Shown>, ViewError> {
        self.catch_up()?;
        let log = self.reader.part(from, self.state.seq, most)?;
        let shown = log.iter().map(|logged| shown(self, logged));
        Ok(shown.collect::<Result<_, _>>()?)
    }

    /// The part of an agent's conversation that ends before place `before`;
    /// none if there is no such agent.
    pub(super) fn conversation(
        &mut self,
        id: AgentId,
        before: u64,
    ) -> Result<Option<Value>, ViewError> {
        self.catch_up()?;
        let Some(agent) = self.state.agents.get(&id) else {
            return Ok(None);
        };
        let log = self.reader.conversation(id, before, TALK_EVENTS)?;
        let entries: Vec<Value> = log
            .iter()
            .map(|logged| {
                let talk = talk(self, logged, TALK_BYTES)?;
                Ok(json!({ "seq": logged.seq, "at_ms": logged.at_ms, "talk": talk }))
            })
            .collect::<Result<_, StoreError>>()?;
        let earlier = log.first().filter(|_| log.len() == TALK_EVENTS);
        Ok(Some(json!({
            "schema": SCHEMA,
            "agent": about(&self.state, agent),
            "entries": entries,
            "earlier": earlier.map(|logged| logged.seq),
        })))
    }
}

fn shown(view: &View, logged: &Logged) -> Result<Shown, StoreError> {
    let mut event = serde_json::to_value(&logged.event).map_err(StoreError::Serialise)?;
    let line = ui::meaning(&view.state, logged);
    Ok(Shown {
        seq: logged.seq,
        at_ms: logged.at_ms,
        actor: match logged.actor {
            Actor::Harness => "harness",
            Actor::User => "person",
            Actor::Agent(_) => "agent",
        },
        kind: event["kind"].take(),
        line: line.map(|line| beginning(&line, STREAM_BYTES).0.to_owned()),
        talk: talk(view, logged, STREAM_BYTES)?,
    })
}

/// What an event adds to a conversation, if it adds anything.
fn talk(view: &View, logged: &Logged, most: usize) -> Result<Option<Talk>, StoreError> {
    let (reader, state) = (&view.reader, &view.state);
    let words = |body: &Body| -> Result<Words, StoreError> {
        Ok(Words::of(&reader.text(body)?.words(), most))
    };
    let (agent, mut talk) = match &logged.event {
        Event::AgentStarted { agent, prompt, .. } => {
            let prompt = Some(words(prompt)?);
            (
                agent,
                Talk {
                    prompt,
                    ..Talk::default()
                },
            )
        }
        Event::ModelCalled { agent, reply, .. } => {
            let call = |call: &RequestedCall| -> Result<Call, StoreError> {
                Ok(Call {
                    tool: call.tool.clone(),
                    arguments: Words::of(&arguments(reader, &call.arguments)?, most),
                })
            };
            let talk = Talk {
                said: Some(words(&reply.text)?).filter(|said| !said.text.is_empty()),
                calls: reply.calls.iter().map(call).collect::<Result<_, _>>()?,
                ..Talk::default()
            };
            (agent, talk)
        }
        Event::ToolAnswered {
            agent,
            call,
            answer,
        } => {
            let pictures = answer.pictures.iter();
            let answer = Answer {
                tool: view.tool(*agent, *call).map(str::to_owned),
                status: match answer.status {
                    AnswerStatus::Ok => "ok",
                    AnswerStatus::Failed => "failed",
                    AnswerStatus::Malformed => "malformed",
                    AnswerStatus::Ends => "ends",
                },
                text: words(&answer.body)?,
                pictures: pictures.map(|p| p.media_type.clone()).collect(),
            };
            let answer = Some(answer);
            (
                agent,
                Talk {
                    answer,
                    ..Talk::default()
                },
            )
        }
        Event::Compacted { agent, text, .. } => {
            let note = Some(words(text)?);
            (
                agent,
                Talk {
                    note,
                    ..Talk::default()
                },
            )
        }
        Event::AgentStopped { agent, reason } => {
            let note = Some(Words::of(reason, most));
            (
                agent,
                Talk {
                    note,
                    ..Talk::default()
                },
            )
        }
        Event::TurnRefused { agent, need, .. } => {
            let note = format!(
                "its next turn could cost ${:.2}, more than is left",
                need.usd
            );
            let note = Some(Words::of(&note, most));
            (
                agent,
                Talk {
                    note,
                    ..Talk::default()
                },
            )
        }
        _ => return Ok(None),
    };
    talk.agent = Some(agent.0);
    talk.role = state.agents.get(agent).map(|agent| agent.role.word());
    Ok(Some(talk))
}

fn arguments(reader: &Reader, arguments: &Arguments) -> Result<String, StoreError> {
    let stored = |hash: &ContentHash| reader.text(&Body::Blob(hash.clone()));
    Ok(match arguments {
        Arguments::Json(value) => value.to_string(),
        Arguments::Stored(hash) => stored(hash)?.words(),
        Arguments::Malformed(text) => text.clone(),
    })
}
