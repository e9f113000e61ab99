//! What a model is asked and answers, in no provider's dialect.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::{Attempt, TurnFailure};
use super::replay::Replayed;
use super::transcript::Transcript;
use crate::core::agent::{RequestedCall, Role};
use crate::core::ids::AgentId;
use crate::document::Document;

/// What a model can do and costs; decides how it is driven.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a model, each asked for by name"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The same request always gets the same reply.
    pub deterministic: bool,
    /// Turns cost money and are reserved for in the budget.
    pub paid: bool,
    /// It sees images.
    pub vision: bool,
    /// The provider searches the web itself when a tool `web_search` is
    /// offered; the harness never sees those calls.
    pub web_search: bool,
    /// Tokens that a request and its reply may have together, if known.
    pub context: Option<u64>,
    /// Most tokens of one reply, if known.
    pub max_output: Option<u64>,
}

/// A tool as a model is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSchema {
    /// Name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
}

/// A picture that goes with a tool's answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// `image/png` and the like.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// From the harness.
    User {
        /// The text.
        text: String,
    },
    /// From the model.
    Assistant {
        /// What it said.
        text: String,
        /// What it wanted done.
        calls: Vec<RequestedCall>,
        /// What came with [`TurnResponse::carry`], unchanged.
        carry: Option<Document>,
    },
    /// From a tool.
    Tool {
        /// Id of the call.
        id: String,
        /// Name of the tool.
        tool: String,
        /// Whether the call did what it was for.
        ok: bool,
        /// The answer.
        body: Document,
        /// Pictures to look at.
        images: Vec<Image>,
    },
}

/// One turn's request.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnRequest {
    /// Whose turn it is.
    pub agent: AgentId,
    /// Number of the turn among the agent's, from 0.
    pub turn: u32,
    /// Who the model is to be.
    pub role: Role,
    /// The prompt.
    pub system: String,
    /// The conversation so far.
    pub messages: Transcript,
    /// The tools it may use.
    pub tools: Vec<ToolSchema>,
    /// Most tokens the reply may have, reasoning included.
    pub max_output_tokens: u64,
}

/// What a turn used, in tokens. The four kinds of tokens don't overlap, but
/// `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read at the full price.
    pub input: u64,
    /// Read from the provider's cache.
    pub cache_read: u64,
    /// Read and put into the provider's cache.
    pub cache_write: u64,
    /// Written.
    pub output: u64,
    /// Of those, not shown.
    pub reasoning: u64,
    /// Searches of the web that the provider made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub searches: u64,
    /// The server did not count: these are estimates, too high rather than
    /// too low.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// All tokens read, whatever their price.
    pub fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }

    /// All tokens.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model was done, or wants its calls answered.
    Done,
    /// It ran into the limit of tokens: the text or the last call is cut off.
    Length,
    /// The provider paused it; sending the conversation again goes on.
    Paused,
}

/// One turn's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnResponse {
    /// What the model said.
    pub text: String,
    /// What it wants done, in order.
    pub calls: Vec<RequestedCall>,
    /// The provider's own form of the reply (thinking with its signatures,
    /// reasoning items), which must come back unchanged with the answers of
    /// the calls. None if text and calls are all there is.
    pub carry: Option<Value>,
    /// What the attempt that succeeded used.
    pub usage: Usage,
    /// What it cost, in US dollars.
    pub cost_usd: f64,
    /// The model that answered, as the provider calls it.
    pub model: String,
    /// Why it ended.
    pub stop: Stop,
    /// Attempts that failed before, some of which may have been billed.
    pub attempts: Vec<Attempt>,
}

/// Upper bound of what one attempt can cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    /// US dollars.
    pub usd: f64,
    /// Tokens.
    pub tokens: u64,
}

/// A piece of a reply under way, for live display only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// More of the text.
    Text(String),
    /// More of the reasoning, as far as the provider shows it.
    Reasoning(String),
    /// A tool call has begun.
    ToolCall(String),
}

/// How a recorded conversation was shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// Entries that stayed, from the end.
    pub kept: usize,
    /// The lines that say what was left out. They are cut to a length, so that
    /// lines of other figures would be cut elsewhere; the turns themselves
    /// were compared one by one.
    pub digest: String,
}

/// A model. `turn` blocks and may be called from many threads at once.
pub trait ChatModel: Send + Sync {
    /// What it can do and costs.
    fn caps(&self) -> Caps;

    /// Upper bound of what *one attempt* at this request can cost. An attempt
    /// with [`super::Billing::Unknown`] is booked at this.
    fn reserve(&self, request: &TurnRequest) -> Reservation;

    /// Answers one turn, trying again where that may help. What `observe` is
    /// told of a failed attempt is void.
    fn turn(
        &self,
        request: &TurnRequest,
        observe: &mut dyn FnMut(Delta),
    ) -> Result<TurnResponse, TurnFailure>;

    /// Like [`ChatModel::turn`], for a budget that holds a reservation for one
    /// attempt at a time: after each failed attempt that may have been billed,
    /// `permit` books it and says whether another one can be paid for. If not,
    /// the turn fails with that attempt's error.
    fn turn_within(
        &self,
        request: &TurnRequest,
        observe: &mut dyn FnMut(Delta),
        permit: &mut dyn FnMut(&Attempt) -> bool,
    ) -> Result<TurnResponse, TurnFailure> {
        // A model without attempts has nothing to permit.
        let _ = permit;
        self.turn(request, observe)
    }

    /// What the user should know about it before a campaign starts.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// How the conversation was shortened before this turn, in the recording
    /// that it answers from.
    fn shortened(&self, agent: AgentId, turn: u32) -> Option<Shortened> {
        let _ = (agent, turn);
        None
    }

    /// Which model plays an agent in the recording that it answers from.
    fn played(&self, agent: AgentId) -> Option<String> {
        let _ = agent;
        None
    }

    /// How its turns compare with those of a recording, if it answers from
    /// one.
    fn replayed(&self) -> Option<Replayed> {
        None
    }
}
