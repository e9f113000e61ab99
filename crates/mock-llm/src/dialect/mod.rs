//! The three dialects: what is refused, and how a reply is written.

mod anthropic;
mod chat;
mod check;
mod openai;
mod search;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ask::{Ask, hash};
use crate::fault::Fault;
use crate::ledger::Tokens;
use crate::memory::Memory;
use crate::script::Reply;
use crate::server::Quirks;

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Responses.
    Responses,
    /// Chat completions.
    Chat,
}

/// A request that was understood.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) ask: Ask,
    /// Tokens read, by price.
    pub(crate) tokens: Tokens,
    /// Prefixes that a billed request puts into the cache.
    pub(crate) cache: Vec<u64>,
}

/// A piece of a streamed reply.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) text: String,
    /// Tokens written up to its end.
    pub(crate) output: u64,
}

/// A reply ready to be sent.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) frames: Vec<Frame>,
    pub(crate) whole: Value,
    pub(crate) tokens: Tokens,
}

/// What a reply is written with.
#[derive(Debug)]
pub(crate) struct Pen<'a> {
    pub(crate) ask: &'a Ask,
    pub(crate) reply: &'a Reply,
    pub(crate) fault: Option<Fault>,
    pub(crate) quirks: Quirks,
    pub(crate) tokens: Tokens,
}

impl Dialect {
    /// The dialect spoken under a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/v1/messages" => Some(Self::Messages),
            "/v1/responses" => Some(Self::Responses),
            "/v1/chat/completions" => Some(Self::Chat),
            _ => None,
        }
    }

    /// Takes a request apart, or says what is wrong with it.
    pub(crate) fn understand(
        self,
        headers: &HashMap<String, String>,
        body: &Value,
        memory: &Memory,
    ) -> Result<Understood, String> {
        match self {
            Self::Messages => anthropic::understand(headers, body, memory),
            Self::Responses => openai::understand(headers, body, memory),
            Self::Chat => chat::understand(body, memory),
        }
    }

    /// Writes a reply.
    pub(crate) fn write(self, pen: &Pen<'_>, memory: &mut Memory) -> Written {
        match self {
            Self::Messages => anthropic::write(pen, memory),
            Self::Responses => openai::write(pen, memory),
            Self::Chat => chat::write(pen, memory),
        }
    }

    /// Status, headers and document of an error.
    pub(crate) fn error(
        self,
        fault: Fault,
        key: &str,
    ) -> (u16, Vec<(&'static str, String)>, Value) {
        let mut headers = Vec::new();
        let (status, kind, code, message) = match fault {
            Fault::RateLimit(seconds) => {
                headers.extend(seconds.map(|s| ("retry-after", s.to_string())));
                (
                    429,
                    "rate_limit_error",
                    "rate_limit_exceeded",
                    "slow down, please".to_owned(),
                )
            }
            Fault::RateLimitDate => {
                headers.push(("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()));
                (
                    429,
                    "rate_limit_error",
                    "rate_limit_exceeded",
                    "come back later".to_owned(),
                )
            }
            Fault::Overloaded => {
                let status = if self == Self::Messages { 529 } else { 503 };
                (
                    status,
                    "overloaded_error",
                    "server_is_overloaded",
                    "Overloaded".to_owned(),
                )
            }
            Fault::ContextOverflow => match self {
                Self::Messages => (
                    400,
                    "invalid_request_error",
                    "",
                    "prompt is too long: 1000001 tokens > 1000000 maximum".to_owned(),
                ),
                Self::Responses | Self::Chat => (
                    400,
                    "invalid_request_error",
                    "context_length_exceeded",
                    "Your input exceeds the context window of this model.".to_owned(),
                ),
            },
            Fault::Auth => (
                401,
                "authentication_error",
                "invalid_api_key",
                format!("Incorrect API key provided: {key}. See the console."),
            ),
            Fault::Quota => match self {
                Self::Messages => (
                    400,
                    "invalid_request_error",
                    "",
                    "Your credit balance is too low to access the API.".to_owned(),
                ),
                Self::Responses | Self::Chat => (
                    429,
                    "insufficient_quota",
                    "insufficient_quota",
                    "You exceeded your current quota.".to_owned(),
                ),
            },
            Fault::ServerError
            | Fault::DropBeforeHeaders
            | Fault::DropMidStream
            | Fault::Stall
            | Fault::MalformedEvent
            | Fault::TruncatedUtf8
            | Fault::MalformedArguments
            | Fault::ContentFilter => (
                500,
                "api_error",
                "server_error",
                "something went wrong".to_owned(),
            ),
        };
        (status, headers, self.complaint(kind, code, &message))
    }

    /// A complaint in this dialect's form.
    pub(crate) fn complaint(self, kind: &str, code: &str, message: &str) -> Value {
        match self {
            Self::Messages => json!({
                "type": "error",
                "error": { "type": kind, "message": message },
                "request_id": "req_mock",
            }),
            Self::Responses | Self::Chat => json!({
                "error": { "message": message, "type": kind, "param": null, "code": code },
            }),
        }
    }
}

impl Pen<'_> {
    /// Ids that are the same for the same conversation and no other.
    pub(crate) fn id(&self, prefix: &str, place: usize) -> String {
        format!("{prefix}{:016x}{place}", self.ask.fingerprint)
    }

    /// What seals the reply's thought.
    pub(crate) fn seal(&self) -> String {
        let thought = hash(self.ask.fingerprint, self.reply.thinking.as_bytes());
        format!("seal-{thought:016x}")
    }

    /// Arguments of a call as a text, broken if that is the fault.
    pub(crate) fn arguments(&self, place: usize) -> String {
        let text = self.reply.calls[place].arguments.to_string();
        if self.fault == Some(Fault::MalformedArguments) {
            let half = text.len() / 2;
            let cut = (0..=half).rev().find(|at| text.is_char_boundary(*at));
            return format!("{{\"{}", &text[..cut.unwrap_or(0)]);
        }
        text
    }

    pub(crate) fn filtered(&self) -> bool {
        self.fault == Some(Fault::ContentFilter)
    }
}

/// Counts what is written, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Count {
    bytes: u64,
    fixed: Option<u64>,
}

impl Count {
    pub(crate) fn new(fixed: Option<u64>) -> Self {
        Self { bytes: 0, fixed }
    }

    /// Adds a piece and gives the tokens so far.
    pub(crate) fn add(&mut self, piece: &str) -> u64 {
        self.bytes += piece.len() as u64;
        let counted = self.bytes.div_ceil(4);
        self.fixed.map_or(counted, |fixed| fixed.min(counted))
    }

    /// Tokens of the whole.
    pub(crate) fn total(&self) -> u64 {
        self.fixed.unwrap_or(self.bytes.div_ceil(4))
    }
}

/// A text in pieces of a few characters.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(24).map(|piece| piece.iter().collect()).collect()
}

/// Bytes that count as read: texts and numbers, not the form around them. A
/// picture counts as a fixed number.
pub(crate) fn weight(value: &Value) -> u64 {
    const PICTURE: u64 = 6_000;
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => number.to_string().len() as u64,
        Value::String(text) if text.starts_with("data:image/") => PICTURE,
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) if fields.contains_key("media_type") => PICTURE,
        Value::Object(fields) => fields.values().map(weight).sum(),
    }
}

/// A text in a document.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
