//! The request of an agent's next turn: a function of the state and of the
//! documents that its events refer to, so that the request of a turn long ago
//! is what it was then.

use protocol::ContentHash;
use serde_json::Value;

use super::transcript::Transcript;
use super::types::{Image, Message, ToolSchema, TurnRequest};
use crate::core::agent::{Answer, AnswerStatus, Arguments, Entry, RequestedCall};
use crate::core::event::Body;
use crate::core::state::{Agent, State};
use crate::document::Document;
use crate::store::{Reader, Store, StoreError};
use crate::tools::{self, Who};

/// What every conversation begins with: dialects want a first message, and the
/// prompt has said everything.
const OPENING: &str = "Begin.";

/// Most tokens of one reply.
pub const MAX_OUTPUT_TOKENS: u64 = 16_384;

/// Where what events refer to lies.
pub trait Shelf {
    /// A document, wherever it is.
    fn document(&self, body: &Body) -> Result<Value, StoreError>;
    /// A document as text.
    fn text(&self, body: &Body) -> Result<Document, StoreError>;
    /// A blob.
    fn blob(&self, hash: &ContentHash) -> Result<Vec<u8>, StoreError>;
}

impl Shelf for Store {
    fn document(&self, body: &Body) -> Result<Value, StoreError> {
        Store::document(self, body)
    }

    fn text(&self, body: &Body) -> Result<Document, StoreError> {
        Store::text(self, body)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Vec<u8>, StoreError> {
        Store::blob(self, hash)
    }
}

impl Shelf for Reader {
    fn document(&self, body: &Body) -> Result<Value, StoreError> {
        Reader::document(self, body)
    }

    fn text(&self, body: &Body) -> Result<Document, StoreError> {
        Reader::text(self, body)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Vec<u8>, StoreError> {
        Reader::blob(self, hash)
    }
}

/// What an agent's next turn asks. Pictures are for models that see.
pub fn turn_request(
    state: &State,
    agent: &Agent,
    shelf: &dyn Shelf,
    vision: bool,
) -> Result<TurnRequest, StoreError> {
    let mut messages = Transcript::default();
    let entries = agent.run.entries();
    messages.push(opening(entries, shelf)?);
    for entry in entries {
        if let Some(message) = message(entry, shelf, vision)? {
            messages.push(message);
        }
    }
    Ok(TurnRequest {
        agent: agent.id,
        turn: agent.run.turns(),
        role: agent.role,
        system: text(shelf.document(&agent.prompt)?),
        messages,
        tools: tools_of(Who::of(state, agent)),
        max_output_tokens: MAX_OUTPUT_TOKENS,
    })
}

/// The tools that somebody is offered.
pub fn tools_of(who: Who) -> Vec<ToolSchema> {
    let tools = tools::all().iter();
    tools
        .filter(|tool| tool.is_for(who))
        .map(|tool| ToolSchema {
            name: tool.name.to_owned(),
            description: tool.description.to_owned(),
            schema: tool.schema.clone(),
        })
        .collect()
}

/// The first message. A brief of what is left out is a part of it: two
/// messages of one side in a row are refused by some.
pub fn opening(entries: &[Entry], shelf: &dyn Shelf) -> Result<Message, StoreError> {
    let mut opening = OPENING.to_owned();
    if let Some(Entry::Brief { text: brief, .. }) = entries.first() {
        opening.push_str("\n\n");
        opening.push_str(&text(shelf.document(brief)?));
    }
    Ok(Message::User { text: opening })
}

/// An entry as a message; none for a brief, which the opening has.
pub fn message(
    entry: &Entry,
    shelf: &dyn Shelf,
    vision: bool,
) -> Result<Option<Message>, StoreError> {
    Ok(Some(match entry {
        Entry::Brief { .. } => return Ok(None),
        Entry::Harness { text } => Message::User { text: text.clone() },
        Entry::Model {
            text: said,
            calls,
            carry,
        } => Message::Assistant {
            text: text(shelf.document(said)?),
            calls: calls
                .iter()
                .map(|call| with_arguments(&call.requested, shelf))
                .collect::<Result<_, _>>()?,
            carry: carry.as_ref().map(|carry| shelf.text(carry)).transpose()?,
        },
        Entry::Tool {
            id, tool, answer, ..
        } => Message::Tool {
            id: id.clone(),
            tool: tool.clone(),
            ok: matches!(answer.status, AnswerStatus::Ok | AnswerStatus::Ends),
            body: shelf.text(&answer.body)?,
            images: if vision {
                pictures(answer, shelf)?
            } else {
                Vec::new()
            },
        },
    }))
}

fn pictures(answer: &Answer, shelf: &dyn Shelf) -> Result<Vec<Image>, StoreError> {
    let pictures = answer.pictures.iter().map(|picture| {
        Ok(Image {
            media_type: picture.media_type.clone(),
            bytes: shelf.blob(&picture.blob)?,
        })
    });
    pictures.collect()
}

/// A document that is a text.
pub fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A call with its arguments in place, as the model made it.
pub(super) fn with_arguments(
    call: &RequestedCall,
    shelf: &dyn Shelf,
) -> Result<RequestedCall, StoreError> {
    let mut call = call.clone();
    if let Arguments::Stored(hash) = &call.arguments {
        call.arguments = Arguments::Json(shelf.document(&Body::Blob(hash.clone()))?);
    }
    Ok(call)
}
