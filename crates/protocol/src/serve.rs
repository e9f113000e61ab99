//! The worker's wire format: one JSON document per line, requests in,
//! replies out.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Description, Inspection, Report, Split};

/// First line a worker writes, before it reads anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`].
    pub protocol: u32,
    /// Name of the lab.
    pub lab: String,
    /// Version of the lab.
    pub version: String,
    /// Process id of the worker.
    pub pid: u32,
}

/// One line to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Chosen by the caller; every reply to this request carries it.
    pub id: u64,
    /// Time after which the caller no longer wants the answer, in
    /// milliseconds from the moment the request is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// What to do.
    pub op: Operation,
}

/// What a worker can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// → [`ReplyBody::Described`].
    Describe,
    /// → [`ReplyBody::Inspected`].
    Inspect {
        /// Task name or path.
        task: String,
    },
    /// Static verdict, no score → [`ReplyBody::Report`], provisional.
    Check {
        /// Directory with `experiment.json`.
        dir: PathBuf,
    },
    /// Quick look: fewer checks and samples → [`ReplyBody::Report`],
    /// provisional.
    Try {
        /// Directory with `experiment.json`.
        dir: PathBuf,
    },
    /// Full measurement → [`ReplyBody::Report`], also written to
    /// `dir/attempt-N/report.json`.
    Evaluate {
        /// Directory with `experiment.json`.
        dir: PathBuf,
        /// Attempt number, from 1.
        attempt: u32,
        /// Which split.
        split: Split,
    },
    /// Gives up the request with this id, if it is waiting or running; the
    /// cancelled request is answered with an error.
    Cancel {
        /// Id of the other request.
        request: u64,
    },
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// Phase: `compile`, `correctness`, `timing`, …
    pub phase: String,
    /// Share done, 0 to 1, where it is known.
    pub fraction: Option<f64>,
    /// A line for people.
    pub detail: String,
}

/// Whether asking again can help after a [`LabError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// It may succeed later (a busy machine, say).
    Later,
}

/// The lab itself failed, or the request made no sense. Never about a
/// candidate: that is a [`crate::Verdict`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct LabError {
    /// Stable word: `bad_request`, `bad_task`, `busy`, `cancelled`,
    /// `deadline`, `internal`, …
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Whether to ask again.
    pub retry: Retry,
}

/// One line from a worker, after [`Hello`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Id of the request; 0 for a line that could not be read as one.
    pub id: u64,
    /// What it says.
    pub body: ReplyBody,
}

/// What a worker answers. Every request gets any number of `progress` and
/// then exactly one of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReplyBody {
    /// Not the answer yet.
    Progress(Progress),
    /// Answer to `describe`.
    Described(Box<Description>),
    /// Answer to `inspect`.
    Inspected(Box<Inspection>),
    /// Answer to `check`, `try` and `evaluate`.
    Report(Box<Report>),
    /// Answer to `cancel`.
    Cancelled {
        /// Whether there was such a request.
        found: bool,
    },
    /// The lab failed.
    Error(LabError),
}

impl ReplyBody {
    /// False for `progress`: the request goes on.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Progress(_))
    }
}
