//! Which error a provider's complaint is. The dialects differ in form and
//! agree in meaning, so one table serves all.

use std::error::Error;
use std::time::Duration;

use serde_json::Value;

use super::text;
use crate::model::failure::ModelError;

/// Longest part of a complaint that is kept.
const DETAIL_CHARS: usize = 600;

/// Phrases of messages that mean the conversation is too long. Servers that
/// have a code for it use it; most have only words.
const OVERFLOW: [&str; 7] = [
    "prompt is too long",
    "context_length_exceeded",
    "maximum context length",
    "context window",
    "context length",
    "context limit",
    "exceeds the available context size",
];

/// Phrases that mean the account is empty.
const EMPTY: [&str; 5] = [
    "insufficient_quota",
    "credit balance is too low",
    "billing_hard_limit_reached",
    "insufficient credits",
    "exceeded your current quota",
];

/// Phrases that mean a filter.
const FILTER: [&str; 4] = [
    "content_filter",
    "content_policy_violation",
    "content management policy",
    "invalid_prompt",
];

/// Phrases that mean too much work.
const BUSY: [&str; 4] = [
    "overloaded",
    "server_is_overloaded",
    "slow_down",
    "at capacity",
];

/// What a complaint says, whatever its form.
#[derive(Debug, Default)]
struct Complaint {
    kind: String,
    message: String,
}

impl Complaint {
    /// `{"error": {"type", "code", "message"}}`, `{"error": "…"}`, or a text.
    fn of(document: &Value) -> Self {
        let error = match &document["error"] {
            Value::Null => document,
            inner => inner,
        };
        if let Value::String(message) = error {
            return Self {
                kind: String::new(),
                message: message.clone(),
            };
        }
        let code = match &error["code"] {
            Value::Number(number) => number.to_string(),
            other => text(other).to_owned(),
        };
        Self {
            kind: format!("{} {code}", text(&error["type"])).trim().to_owned(),
            message: text(&error["message"]).to_owned(),
        }
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let all = format!("{} {}", self.kind, self.message).to_lowercase();
        phrases.iter().any(|phrase| all.contains(phrase))
    }

    fn detail(&self) -> String {
        let detail = match (self.kind.as_str(), self.message.as_str()) {
            ("", message) => message.to_owned(),
            (kind, "") => kind.to_owned(),
            (kind, message) => format!("{kind}: {message}"),
        };
        // It ends up in terminals and logs.
        detail
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(DETAIL_CHARS)
            .collect()
    }
}

/// The error behind a status other than 200.
pub(crate) fn of_status(status: u16, retry_after: Option<Duration>, body: &[u8]) -> ModelError {
    let complaint = match serde_json::from_slice::<Value>(body) {
        Ok(document) => Complaint::of(&document),
        Err(_) => Complaint {
            kind: String::new(),
            message: String::from_utf8_lossy(body).trim().to_owned(),
        },
    };
    classify(status, retry_after, &complaint)
}

/// The error that a stream carries.
pub(crate) fn in_stream(document: &Value) -> ModelError {
    classify(200, None, &Complaint::of(document))
}

fn classify(status: u16, retry_after: Option<Duration>, complaint: &Complaint) -> ModelError {
    let mut detail = complaint.detail();
    if detail.is_empty() {
        detail = format!("status {status}, no reason given");
    }
    let kind = |words: &[&str]| {
        let mut said = complaint.kind.split_whitespace();
        said.any(|word| words.contains(&word))
    };
    // Some of these come with any status, so the words go first.
    if status == 402 || kind(&["billing_error"]) || complaint.says(&EMPTY) {
        return ModelError::Quota { detail };
    }
    let refused = matches!(status, 200 | 400 | 413 | 422 | 500);
    if refused && complaint.says(&OVERFLOW) {
        return ModelError::ContextOverflow { detail };
    }
    if refused && complaint.says(&FILTER) {
        return ModelError::ContentFilter { detail };
    }
    match status {
        401 | 403 => ModelError::Auth { detail },
        404 => ModelError::NoModel { detail },
        // Too many bytes: what helps is the same.
        413 => ModelError::ContextOverflow { detail },
        429 => ModelError::RateLimited {
            detail,
            retry_after,
        },
        503 | 529 => ModelError::Overloaded {
            detail,
            retry_after,
        },
        200 if kind(&["authentication_error", "permission_error"]) => ModelError::Auth { detail },
        200 if kind(&["rate_limit_error", "rate_limit_exceeded", "429"]) => {
            ModelError::RateLimited {
                detail,
                retry_after,
            }
        }
        200 if kind(&["invalid_request_error"]) => ModelError::BadRequest { detail },
        200 if complaint.says(&BUSY) || kind(&["503", "529"]) => ModelError::Overloaded {
            detail,
            retry_after,
        },
        300..=399 => ModelError::BadRequest {
            detail: format!("it redirects (status {status}), which is not followed"),
        },
        408 | 409 | 425 => ModelError::Server { status, detail },
        400..=499 => ModelError::BadRequest { detail },
        _ => ModelError::Server { status, detail },
    }
}

/// A reply that is not in its dialect's form.
pub(crate) fn malformed(error: &dyn Error) -> ModelError {
    ModelError::Malformed {
        detail: crate::chain::of(error),
    }
}

/// A stream that ended before its reply did.
pub(crate) fn unfinished() -> ModelError {
    ModelError::Dropped {
        host: "the provider".to_owned(),
        detail: "the stream ended in the middle of the reply".to_owned(),
    }
}

/// Data of an event as a document.
pub(crate) fn document(data: &str) -> Result<Value, ModelError> {
    serde_json::from_str(data).map_err(|error| malformed(&error))
}
