//! Fingerprints of a request, part by part, so that the first part that
//! differs can be named.

use std::fmt;

use protocol::ContentHash;
use serde_json::{Value, json};

use super::normal::{Kind, Normal};
use crate::core::agent::{Arguments, RequestedCall, Role};
use crate::model::types::{Image, Message, TurnRequest};

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The prompt.
    System,
    /// The tools that are offered.
    Tools,
    /// A message.
    Message {
        /// Its place, from 0.
        number: usize,
        /// Whose it is.
        from: Source,
    },
}

/// Whose a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The harness's.
    Harness,
    /// The model's.
    Model,
    /// The answer of this tool.
    Tool(String),
    /// There is none at this place on one side.
    Nobody,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system prompt"),
            Self::Tools => f.write_str("the list of tools"),
            Self::Message { number, from } => {
                write!(f, "message {number}")?;
                match from {
                    Source::Harness => f.write_str(", from the harness"),
                    Source::Model => f.write_str(", the model's"),
                    Source::Tool(name) => write!(f, ", the answer of `{name}`"),
                    Source::Nobody => f.write_str(", which one side does not have"),
                }
            }
        }
    }
}

/// Hashes of a request's parts, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    system: Hash,
    tools: Hash,
    messages: Vec<Hash>,
}

/// A quarter of a SHA-256 in digits: recordings hold one per message and turn.
type Hash = [u8; 16];

impl Print {
    /// Of a request.
    pub fn of(request: &TurnRequest, normal: &Normal) -> Self {
        let kind = kind(request.role);
        Self {
            system: hash(&normal.text(&request.system, kind)),
            tools: hash(&tools(request)),
            messages: request
                .messages
                .iter()
                .map(|message| hash(&shown(message, normal, kind)))
                .collect(),
        }
    }

    /// The first part in which `request`, whose print this is, is not what a
    /// recorded one was.
    pub fn first_difference(&self, recorded: &Self, request: &TurnRequest) -> Option<Part> {
        if self.system != recorded.system {
            return Some(Part::System);
        }
        if self.tools != recorded.tools {
            return Some(Part::Tools);
        }
        let shared = self.messages.iter().zip(&recorded.messages);
        let number = shared.take_while(|(now, then)| now == then).count();
        if number == self.messages.len() && number == recorded.messages.len() {
            return None;
        }
        let both = number < self.messages.len().min(recorded.messages.len());
        let from = match request.messages.get(number).filter(|_| both) {
            None => Source::Nobody,
            Some(Message::User { .. }) => Source::Harness,
            Some(Message::Assistant { .. }) => Source::Model,
            Some(Message::Tool { tool, .. }) => Source::Tool(tool.clone()),
        };
        Some(Part::Message { number, from })
    }
}

/// The normalised text of a part; nothing, where it is absent.
pub(super) fn text(request: &TurnRequest, part: &Part, normal: &Normal) -> String {
    let kind = kind(request.role);
    match part {
        Part::System => normal.text(&request.system, kind),
        Part::Tools => tools(request),
        Part::Message { number, .. } => request
            .messages
            .get(*number)
            .map(|message| shown(message, normal, kind))
            .unwrap_or_default(),
    }
}

/// Agents of the experiments are told what labs measure; those before them,
/// what programs print that are functions of the data.
fn kind(role: Role) -> Kind {
    match role {
        Role::Strategist
        | Role::Worker
        | Role::Reporter
        | Role::Auditor
        | Role::Fixer
        | Role::Analyst => Kind::Measured,
        Role::Supervisor
        | Role::Explorer
        | Role::Builder
        | Role::Critic
        | Role::Tester
        | Role::Assistant => Kind::Plain,
    }
}

fn hash(text: &str) -> Hash {
    let whole = ContentHash::of(text.as_bytes());
    let mut start = Hash::default();
    start.copy_from_slice(&whole.as_str().as_bytes()[..16]);
    start
}

fn tools(request: &TurnRequest) -> String {
    let tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| json!([tool.name, tool.description, tool.schema]))
        .collect();
    Value::Array(tools).to_string()
}

/// What the model sees of a message. The provider's own form of a reply is
/// left out: it says again what the reply says.
fn shown(message: &Message, normal: &Normal, kind: Kind) -> String {
    match message {
        Message::User { text } => normal.text(text, kind),
        Message::Assistant { text, calls, .. } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|call| wanted(call, normal, kind))
                .collect();
            json!([normal.text(text, kind), calls]).to_string()
        }
        Message::Tool {
            tool,
            ok,
            body,
            images,
            ..
        } => {
            let images: Vec<Value> = images.iter().map(picture).collect();
            json!([tool, ok, normal.json(&body.value(), kind), images]).to_string()
        }
    }
}

fn wanted(call: &RequestedCall, normal: &Normal, kind: Kind) -> Value {
    let arguments = match &call.arguments {
        Arguments::Json(value) => normal.json(value, kind),
        Arguments::Malformed(text) => normal.text(text, kind).into(),
        Arguments::Stored(hash) => hash.as_str().into(),
    };
    json!([call.tool, arguments])
}

fn picture(image: &Image) -> Value {
    let hash = ContentHash::of(&image.bytes);
    json!([image.media_type, hash.as_str()])
}
