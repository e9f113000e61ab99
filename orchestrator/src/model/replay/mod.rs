//! A model that answers from the log of a campaign, by agent and turn, while
//! the tools run again; and that says where the new requests first differ
//! from the recorded ones.
//!
//! A reply is given whether or not its request differs, so that one run shows
//! how far a difference reaches. Where the recorded replies name the recorded
//! campaign's folder, they name the new one instead.

mod normal;
mod numbers;
mod print;
mod recording;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::request::{text, with_arguments};
use super::{
    Caps, ChatModel, Delta, ModelError, Reservation, Shortened, Stop, TurnFailure, TurnRequest,
    TurnResponse, Usage,
};
use crate::core::agent::{Arguments, RequestedCall, Role};
use crate::core::ids::AgentId;

pub use normal::{Kind, Normal};
pub use print::{Part, Print, Source};
pub use recording::RecordingError;

use recording::{Recording, Turn};

/// The kind of model, before the campaign's directory.
const KIND: &str = "replay:";
/// Characters of an excerpt before and after the place that differs.
const AROUND: usize = 60;

/// The directory of the campaign that a model's name says to replay.
pub fn campaign_of(spec: &str) -> Option<&Path> {
    spec.strip_prefix(KIND).map(Path::new)
}

/// The name of the model that replays the campaign in `dir`.
pub fn spec_of(dir: &Path) -> String {
    format!("{KIND}{}", dir.display())
}

/// Where a replay first differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Whose turn.
    pub agent: AgentId,
    /// As what.
    pub role: Role,
    /// Number of the turn.
    pub turn: u32,
    /// How.
    pub how: Difference,
}

/// How a request differed from the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A part of it is another one.
    Part {
        /// Which.
        part: Part,
        /// What was there, around the first difference.
        recorded: String,
        /// What is there now.
        now: String,
    },
    /// Nothing was recorded for this turn.
    NoReply {
        /// What was.
        detail: String,
    },
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}), turn {}: ",
            self.agent,
            self.role.word(),
            self.turn
        )?;
        match &self.how {
            Difference::Part {
                part,
                recorded,
                now,
            } => write!(
                f,
                "{part} differs\n  recorded: {}\n  now:      {}",
                harmless(recorded),
                harmless(now)
            ),
            Difference::NoReply { detail } => write!(f, "no reply is recorded: {detail}"),
        }
    }
}

/// What a replay has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Turns that were answered from the recording.
    pub turns: usize,
    /// Turns of the recording.
    pub recorded: usize,
    /// Where it first differed, if it did.
    pub divergence: Option<Divergence>,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.divergence {
            None => {
                write!(f, "replay: no divergence in {} turns", self.turns)?;
                if self.turns < self.recorded {
                    write!(f, ", of {} recorded", self.recorded)?;
                }
                Ok(())
            }
            Some(divergence) => write!(f, "replay: first divergence: {divergence}"),
        }
    }
}

/// The model.
#[derive(Debug)]
pub struct Replay {
    inner: Mutex<Inner>,
    normal: Normal,
    /// The new campaign's directory, absolute.
    here: Option<PathBuf>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Inner {
    recording: Recording,
    replayed: Replayed,
}

impl Replay {
    /// Answers from the campaign in `dir`, in a new one in `here`.
    pub fn open(dir: &Path, here: Option<&Path>) -> Result<Self, RecordingError> {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let normal = Normal::new([Some(dir.as_path()), here].into_iter().flatten());
        let recording = Recording::open(&dir, &normal)?;
        let mut notes = Vec::new();
        if recording.is_open {
            notes.push(format!(
                "the campaign in `{}` is not finished: its replay ends where it does",
                dir.display()
            ));
        }
        Ok(Self {
            inner: Mutex::new(Inner {
                replayed: Replayed {
                    recorded: recording.turns.len(),
                    ..Replayed::default()
                },
                recording,
            }),
            normal,
            here: here.map(Path::to_owned),
            notes,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChatModel for Replay {
    fn caps(&self) -> Caps {
        Caps {
            deterministic: true,
            paid: false,
            // Pictures are compared, whether or not the recorded model saw.
            vision: true,
            web_search: false,
            context: None,
            max_output: None,
        }
    }

    fn reserve(&self, _request: &TurnRequest) -> Reservation {
        Reservation::default()
    }

    fn turn(
        &self,
        request: &TurnRequest,
        _observe: &mut dyn FnMut(Delta),
    ) -> Result<TurnResponse, TurnFailure> {
        let mut inner = self.lock();
        let Inner {
            recording,
            replayed,
        } = &mut *inner;
        let Some(turn) = recording.turns.get(&(request.agent, request.turn)) else {
            return Err(missing(request, recording, replayed).into());
        };
        if replayed.divergence.is_none() {
            let print = Print::of(request, &self.normal);
            if let Some(part) = print.first_difference(&turn.print, request) {
                let how = self.excerpts(request, part, recording, turn);
                replayed.divergence = Some(diverged(request, how));
            }
        }
        let response = self.response(recording, turn)?;
        replayed.turns += 1;
        Ok(response)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn shortened(&self, agent: AgentId, turn: u32) -> Option<Shortened> {
        let inner = self.lock();
        let (kept, digest) = inner.recording.shortened.get(&(agent, turn))?;
        let digest = inner.recording.reader.document(digest).ok()?;
        Some(Shortened {
            kept: *kept as usize,
            digest: text(digest),
        })
    }

    fn played(&self, agent: AgentId) -> Option<String> {
        self.lock().recording.played.get(&agent).cloned()
    }

    fn replayed(&self) -> Option<Replayed> {
        Some(self.lock().replayed.clone())
    }
}

impl Replay {
    fn excerpts(
        &self,
        request: &TurnRequest,
        part: Part,
        recording: &Recording,
        turn: &Turn,
    ) -> Difference {
        let now = print::text(request, &part, &self.normal);
        let then = recording.request(turn, request.agent);
        let then = then.map(|then| print::text(&then, &part, &self.normal));
        let (recorded, now) = around(&then.unwrap_or_default(), &now);
        Difference::Part {
            part,
            recorded,
            now,
        }
    }

    fn response(&self, recording: &Recording, turn: &Turn) -> Result<TurnResponse, TurnFailure> {
        let unreadable = |error| ModelError::NotRecorded {
            detail: crate::chain::of(&error),
        };
        let reader = &recording.reader;
        let reply = &turn.reply;
        let said = text(reader.document(&reply.text).map_err(unreadable)?);
        let carry = reply.carry.as_ref().map(|carry| reader.document(carry));
        let calls = reply.calls.iter().map(|call| {
            let call = with_arguments(call, reader).map_err(unreadable)?;
            Ok(self.moved_call(call, &recording.dir))
        });
        Ok(TurnResponse {
            text: self.moved(&said, &recording.dir),
            calls: calls.collect::<Result<_, ModelError>>()?,
            carry: carry.transpose().map_err(unreadable)?,
            usage: Usage {
                input: reply.tokens[0],
                output: reply.tokens[1],
                ..Usage::default()
            },
            cost_usd: 0.0,
            model: "replay".to_owned(),
            stop: if reply.paused {
                Stop::Paused
            } else {
                Stop::Done
            },
            attempts: Vec::new(),
        })
    }

    /// A text that names the recorded campaign's folder, for this one.
    fn moved(&self, text: &str, from: &Path) -> String {
        match (&self.here, from.to_str()) {
            (Some(here), Some(from)) => normal::moved(text, from, &here.to_string_lossy()),
            _ => text.to_owned(),
        }
    }

    fn moved_call(&self, mut call: RequestedCall, from: &Path) -> RequestedCall {
        match &mut call.arguments {
            Arguments::Json(value) => self.moved_json(value, from),
            Arguments::Malformed(text) => *text = self.moved(text, from),
            Arguments::Stored(_) => {}
        }
        call
    }

    fn moved_json(&self, value: &mut Value, from: &Path) {
        match value {
            Value::String(text) => *text = self.moved(text, from),
            Value::Array(items) => items
                .iter_mut()
                .for_each(|item| self.moved_json(item, from)),
            Value::Object(fields) => fields
                .values_mut()
                .for_each(|field| self.moved_json(field, from)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn diverged(request: &TurnRequest, how: Difference) -> Divergence {
    Divergence {
        agent: request.agent,
        role: request.role,
        turn: request.turn,
        how,
    }
}

/// Nothing is recorded for a turn. That is as it should be where the harness
/// ended the agent, or where the whole recording ends.
fn missing(request: &TurnRequest, recording: &Recording, replayed: &mut Replayed) -> ModelError {
    let turn = request.turn;
    let stopped = recording.stopped.get(&request.agent);
    if let Some(end) = stopped.filter(|end| end.turn == turn) {
        return ModelError::EndedThere {
            reason: end.reason.clone(),
            let_down: end.let_down,
        };
    }
    let shown = recording.dir.display();
    let agent = request.agent;
    if recording.ends_at(agent, turn) {
        return ModelError::NotRecorded {
            detail: format!("`{shown}` ends here, after {} turns", replayed.recorded),
        };
    }
    let known = recording
        .turns
        .keys()
        .filter(|(of, _)| *of == agent)
        .count();
    let detail = if known == 0 {
        format!("`{shown}` has no agent {agent}")
    } else {
        format!("agent {agent} has {known} turns in `{shown}`")
    };
    if replayed.divergence.is_none() {
        let how = Difference::NoReply {
            detail: detail.clone(),
        };
        replayed.divergence = Some(diverged(request, how));
    }
    ModelError::NotRecorded { detail }
}

/// A text whose control characters a terminal only shows.
fn harmless(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            c.escape_debug().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(shown).collect()
}

/// Both texts around the first place in which they differ.
fn around(one: &str, other: &str) -> (String, String) {
    let shared = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, a), b)| a != b)
        .map_or(one.len().min(other.len()), |((at, _), _)| at);
    let cut = |text: &str| {
        let start = text.floor_char_boundary(shared.saturating_sub(AROUND));
        let end = text.ceil_char_boundary((shared + AROUND).min(text.len()));
        let before = if start > 0 { "…" } else { "" };
        let after = if end < text.len() { "…" } else { "" };
        format!("{before}{}{after}", &text[start.min(end)..end])
    };
    (cut(one), cut(other))
}

#[cfg(test)]
mod tests;
