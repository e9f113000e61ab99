//! How a turn fails, what that may have cost, and what to do about it.

use std::time::Duration;

use super::types::Usage;

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The request can't be answered, now or later.
    #[error("the model can't answer as {role}: {why}")]
    Refused {
        /// The role asked for.
        role: &'static str,
        /// What is missing.
        why: String,
    },
    /// The provider has too much to do.
    #[error("the provider is overloaded: {detail}")]
    Overloaded {
        /// What it said.
        detail: String,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// We ask too much too fast.
    #[error("the provider's rate limit is reached: {detail}")]
    RateLimited {
        /// What it said.
        detail: String,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// There is no money left on the account.
    #[error("the account's credit or quota is used up: {detail}")]
    Quota {
        /// What the provider said.
        detail: String,
    },
    /// The key is wrong or may not do this.
    #[error("the provider refuses the key: {detail}")]
    Auth {
        /// What it said.
        detail: String,
    },
    /// The provider has no such model.
    #[error("the provider has no such model: {detail}")]
    NoModel {
        /// What it said.
        detail: String,
    },
    /// The request makes no sense to the provider: a bug of ours, or a setting
    /// it does not support.
    #[error("the provider refuses the request: {detail}")]
    BadRequest {
        /// What it said.
        detail: String,
    },
    /// The conversation does not fit the model any more.
    #[error("the conversation exceeds the model's context window: {detail}")]
    ContextOverflow {
        /// What the provider said.
        detail: String,
    },
    /// The provider's filter stopped the reply.
    #[error("the provider's content filter stopped the reply: {detail}")]
    ContentFilter {
        /// What it said.
        detail: String,
    },
    /// The provider failed.
    #[error("the provider failed with status {status}: {detail}")]
    Server {
        /// HTTP status, 200 if the failure came in the middle of a reply.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// No connection came about: nothing was sent.
    #[error("no connection to {host}: {detail}")]
    Network {
        /// Where to.
        host: String,
        /// Why not.
        detail: String,
    },
    /// The connection broke after the request was sent.
    #[error("the connection to {host} broke: {detail}")]
    Dropped {
        /// Where to.
        host: String,
        /// How.
        detail: String,
    },
    /// Nothing came for too long.
    #[error("{host} sent nothing for {} s", .after.as_secs_f64())]
    Stalled {
        /// Where from.
        host: String,
        /// How long we waited.
        after: Duration,
    },
    /// The reply is not what the dialect promises.
    #[error("the reply makes no sense: {detail}")]
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// A recording has no reply to this turn.
    #[error("the recording has no reply: {detail}")]
    NotRecorded {
        /// What was looked for.
        detail: String,
    },
    /// The harness ended this agent here when it was recorded.
    #[error("the recorded agent was ended here: {reason}")]
    EndedThere {
        /// Why.
        reason: String,
        /// Whether its model could not go on; the model itself, if it could
        /// not be used any more.
        let_down: Option<LetDown>,
    },
    /// The reply does not end.
    #[error("the reply exceeds {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

/// How a recorded model let its agent down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetDown {
    /// For this turn.
    Once,
    /// For good.
    Out,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The same request may succeed later.
    Retry,
    /// Shorten the conversation, then ask again.
    Compact,
    /// This turn can't succeed; the campaign can go on.
    GiveUp,
    /// No turn can succeed until somebody does something.
    StopCampaign,
}

impl ModelError {
    /// What to do about it.
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::Overloaded { .. }
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Network { .. }
            | Self::Dropped { .. }
            | Self::Stalled { .. }
            | Self::Malformed { .. } => Reaction::Retry,
            Self::ContextOverflow { .. } => Reaction::Compact,
            Self::Refused { .. }
            | Self::BadRequest { .. }
            | Self::ContentFilter { .. }
            | Self::EndedThere { .. }
            | Self::TooLarge { .. } => Reaction::GiveUp,
            Self::Quota { .. }
            | Self::Auth { .. }
            | Self::NoModel { .. }
            | Self::NotRecorded { .. } => Reaction::StopCampaign,
        }
    }

    /// When the provider wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } | Self::RateLimited { retry_after, .. } => {
                *retry_after
            }
            Self::Refused { .. }
            | Self::Quota { .. }
            | Self::Auth { .. }
            | Self::NoModel { .. }
            | Self::BadRequest { .. }
            | Self::ContextOverflow { .. }
            | Self::ContentFilter { .. }
            | Self::Server { .. }
            | Self::Network { .. }
            | Self::Dropped { .. }
            | Self::Stalled { .. }
            | Self::Malformed { .. }
            | Self::NotRecorded { .. }
            | Self::EndedThere { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

/// What a failed attempt cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Billing {
    /// Nothing: it was never sent, or turned away at the door.
    Nothing,
    /// It was sent and cut off: to be booked at its reservation.
    Unknown,
    /// The provider said what it used, though the reply is of no use.
    Known {
        /// Tokens.
        usage: Usage,
        /// US dollars.
        cost_usd: f64,
    },
}

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// What it may have cost.
    pub billing: Billing,
    /// Why it failed.
    pub error: ModelError,
}

/// A turn that came to nothing, after one attempt or several.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("no answer from the model{}", tries(.attempts.len()))]
pub struct TurnFailure {
    /// Why the last attempt failed. If its reaction is still
    /// [`Reaction::Retry`], the attempts or the time for them are used up.
    #[source]
    pub error: ModelError,
    /// All attempts, the last included; empty if none was made.
    pub attempts: Vec<Attempt>,
}

impl From<ModelError> for TurnFailure {
    /// A failure before anything was sent.
    fn from(error: ModelError) -> Self {
        Self {
            error,
            attempts: Vec::new(),
        }
    }
}

fn tries(count: usize) -> String {
    if count > 1 {
        format!(" after {count} attempts")
    } else {
        String::new()
    }
}
