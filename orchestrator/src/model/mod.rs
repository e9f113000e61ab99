//! Models that play the roles, behind one trait.

pub mod builtin;

use serde_json::Value;

use crate::core::agent::{RequestedCall, Role};

/// What a model can do and costs; decides how it is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The same request always gets the same reply.
    pub deterministic: bool,
    /// Turns cost money and are reserved for in the budget.
    pub paid: bool,
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

/// One message of a conversation, in no provider's dialect.
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
        body: Value,
    },
}

/// One turn's request.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnRequest {
    /// Who the model is to be.
    pub role: Role,
    /// The prompt.
    pub system: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools it may use.
    pub tools: Vec<ToolSchema>,
}

/// One turn's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnResponse {
    /// What the model said.
    pub text: String,
    /// What it wants done, in order.
    pub calls: Vec<RequestedCall>,
    /// Tokens read and written.
    pub tokens: [u64; 2],
    /// US dollars.
    pub cost_usd: f64,
}

/// A turn that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The request can't be answered, now or later.
    #[error("the model can't answer as {role}: {why}")]
    Refused {
        /// The role asked for.
        role: &'static str,
        /// What is missing.
        why: String,
    },
}

/// A model.
pub trait ChatModel: Send + Sync {
    /// What it can do and costs.
    fn caps(&self) -> Caps;
    /// Answers one turn.
    fn turn(&self, request: &TurnRequest) -> Result<TurnResponse, ModelError>;
}

/// A model that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown model `{0}`: this version has `builtin`")]
pub struct UnknownModel(pub String);

/// The model that a `--model` argument names.
pub fn by_spec(spec: &str) -> Result<Box<dyn ChatModel>, UnknownModel> {
    match spec {
        "builtin" => Ok(Box::new(builtin::Builtin)),
        other => Err(UnknownModel(other.to_owned())),
    }
}
