//! One agent's run as a state machine without I/O.
//!
//! [`AgentRun::next`] says what must happen; the driver does it and tells
//! [`AgentRun::feed`]. Inside are the transcript and the counters; not inside
//! are the model, the tools and any memory beyond the run. A serialised run
//! contains everything the model was told.

use protocol::ContentHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Body;

/// Who an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides what is worked on.
    Strategist,
    /// Works on one experiment of the board.
    Worker,
    /// Looks after the adapter: fits it to the data, mends it.
    Supervisor,
    /// Looks at the data before anything is built on it.
    Explorer,
    /// Builds the evaluation.
    Builder,
    /// Looks for what is wrong with an evaluation, from nothing but itself.
    Critic,
    /// Tries to break an evaluation.
    Tester,
    /// Does a piece of work for another agent.
    Assistant,
    /// Writes down where the campaign stands.
    Reporter,
    /// Looks at a winner before it counts, with no stake in it.
    Auditor,
    /// Repairs an experiment that failed and that nobody works on any more.
    Fixer,
    /// Says what an experiment teaches whose worker is gone.
    Analyst,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Strategist,
        Self::Worker,
        Self::Supervisor,
        Self::Explorer,
        Self::Builder,
        Self::Critic,
        Self::Tester,
        Self::Assistant,
        Self::Reporter,
        Self::Auditor,
        Self::Fixer,
        Self::Analyst,
    ];

    /// Whether it works beside the search and takes no lane of it.
    pub fn is_staff(self) -> bool {
        matches!(self, Self::Reporter | Self::Auditor | Self::Supervisor)
    }

    /// The word used in requests, prompts and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Strategist => "strategist",
            Self::Worker => "worker",
            Self::Supervisor => "supervisor",
            Self::Explorer => "explorer",
            Self::Builder => "builder",
            Self::Critic => "critic",
            Self::Tester => "tester",
            Self::Assistant => "assistant",
            Self::Reporter => "reporter",
            Self::Auditor => "auditor",
            Self::Fixer => "fixer",
            Self::Analyst => "analyst",
        }
    }
}

/// Arguments of a tool call as a model wrote them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", content = "value", rename_all = "snake_case")]
pub enum Arguments {
    /// A JSON document.
    Json(Value),
    /// A JSON document in the store: too large for an event.
    Stored(ContentHash),
    /// Something else, cut to a readable length.
    Malformed(String),
}

/// One tool call in a model's reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestedCall {
    /// The provider's id of the call, to be sent back with its answer.
    pub id: String,
    /// Name of the tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Arguments,
}

/// What a model answered in one turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReply {
    /// What it said.
    pub text: Body,
    /// The provider's own blocks, to be sent back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<Body>,
    /// What it wants done, in order.
    pub calls: Vec<RequestedCall>,
    /// Tokens read and written.
    pub tokens: [u64; 2],
    /// US dollars.
    pub cost_usd: f64,
    /// The provider has put the turn off in its middle, to go on when it is
    /// asked again with what there is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// A picture that goes with an answer, in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// `image/png` or `image/jpeg`.
    pub media_type: String,
    /// Its bytes.
    pub blob: ContentHash,
}

/// The answer to one tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the call came to.
    pub status: AnswerStatus,
    /// JSON for the model.
    pub body: Body,
    /// What there is to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
}

/// What a tool call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// Done.
    Ok,
    /// Refused or failed for a reason the model can act on.
    Failed,
    /// The call itself made no sense: unknown tool, arguments off the schema.
    Malformed,
    /// Done, and the run is over.
    Ends,
}

/// A call that got its number in this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberedCall {
    /// Number of the call in this run, from 0.
    pub number: u32,
    /// The call.
    #[serde(rename = "call")]
    pub requested: RequestedCall,
}

/// One entry of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Entry {
    /// The harness: what earlier turns came to, which are left out.
    Brief {
        /// What the model is told.
        text: Body,
        /// The lines of it that say what was said and done.
        digest: Body,
    },
    /// The harness: a reminder.
    Harness {
        /// What it said.
        text: String,
    },
    /// The model.
    Model {
        /// What it said.
        text: Body,
        /// The provider's own blocks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carry: Option<Body>,
        /// What it wants done.
        calls: Vec<NumberedCall>,
    },
    /// A tool.
    Tool {
        /// Which call this answers.
        number: u32,
        /// The provider's id of that call.
        id: String,
        /// Name of the tool.
        tool: String,
        /// The answer.
        answer: Answer,
    },
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ending {
    /// The agent called `finish`.
    Finished,
    /// Too many calls that made no sense, or replies without any call.
    Incoherent,
    /// It used up its turns.
    TurnLimit,
    /// The harness ended it.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// What must happen next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// Ask the model; the transcript is in [`AgentRun::entries`].
    CallModel {
        /// Number of the turn, from 0.
        turn: u32,
    },
    /// Answer these calls, in this order.
    CallTools(&'a [NumberedCall]),
    /// Nothing.
    Done(&'a Ending),
}

/// What came of a [`Step`].
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The model answered.
    Model {
        /// The turn that was asked for.
        turn: u32,
        /// Its reply.
        reply: ModelReply,
    },
    /// A tool answered.
    Tool {
        /// Which call.
        number: u32,
        /// The answer.
        answer: Answer,
    },
    /// The harness ends the run.
    Stop {
        /// Why.
        reason: String,
    },
}

/// An outcome that does not belong to the step at hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The run is over.
    #[error("the run is over")]
    Over,
    /// A reply to a turn that was not asked for.
    #[error("a reply to turn {0}, which is not awaited")]
    Turn(u32),
    /// An answer to a call that is not open.
    #[error("an answer to call {0}, which is not open")]
    Call(u32),
    /// A conversation can't be shortened there.
    #[error("the conversation can't be cut before its last {0} entries")]
    Cut(usize),
}

/// Bad calls and empty replies after which a run is ended.
const MAX_INCOHERENT: u32 = 5;

/// One agent's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRun {
    entries: Vec<Entry>,
    open: Vec<NumberedCall>,
    turn: u32,
    calls: u32,
    incoherent: u32,
    max_turns: u32,
    ending: Option<Ending>,
}

impl AgentRun {
    /// A run that has not started, for at most `max_turns` turns.
    pub fn new(max_turns: u32) -> Self {
        Self {
            entries: Vec::new(),
            open: Vec::new(),
            turn: 0,
            calls: 0,
            incoherent: 0,
            max_turns,
            ending: None,
        }
    }

    /// The transcript so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Model turns taken so far.
    pub fn turns(&self) -> u32 {
        self.turn
    }

    /// Why the run is over, if it is.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// What must happen next.
    pub fn next(&self) -> Step<'_> {
        if let Some(ending) = &self.ending {
            Step::Done(ending)
        } else if self.open.is_empty() {
            Step::CallModel { turn: self.turn }
        } else {
            Step::CallTools(&self.open)
        }
    }

    /// Takes what came of the step at hand. On an error nothing has changed.
    pub fn feed(&mut self, outcome: Outcome) -> Result<(), FeedError> {
        if self.ending.is_some() {
            return Err(FeedError::Over);
        }
        match outcome {
            Outcome::Model { turn, reply } => self.feed_reply(turn, reply),
            Outcome::Tool { number, answer } => self.feed_answer(number, answer),
            Outcome::Stop { reason } => {
                self.end(Ending::Stopped { reason });
                Ok(())
            }
        }
    }

    /// Replaces all but the last `kept` entries by a brief. What is kept has to
    /// begin with a model's turn, and no call may be open.
    pub fn compact(&mut self, kept: usize, text: Body, digest: Body) -> Result<(), FeedError> {
        if self.ending.is_some() {
            return Err(FeedError::Over);
        }
        let place = self.entries.len().checked_sub(kept);
        let whole = place.is_some_and(|place| {
            place > 0 && matches!(self.entries.get(place), Some(Entry::Model { .. }))
        });
        match place {
            Some(place) if whole && self.open.is_empty() => {
                let brief = Entry::Brief { text, digest };
                self.entries.splice(..place, [brief]);
                Ok(())
            }
            _ => Err(FeedError::Cut(kept)),
        }
    }

    fn feed_reply(&mut self, turn: u32, reply: ModelReply) -> Result<(), FeedError> {
        if turn != self.turn || !self.open.is_empty() {
            return Err(FeedError::Turn(turn));
        }
        self.turn += 1;
        let mut calls = Vec::with_capacity(reply.calls.len());
        for requested in reply.calls {
            calls.push(NumberedCall {
                number: self.calls,
                requested,
            });
            self.calls += 1;
        }
        self.entries.push(Entry::Model {
            text: reply.text,
            carry: reply.carry,
            calls: calls.clone(),
        });
        if calls.is_empty() && !reply.paused {
            self.entries.push(Entry::Harness {
                text: "Answer with tool calls; call `finish` when there is nothing left to do."
                    .to_owned(),
            });
            self.count_incoherent();
        }
        for call in calls {
            match call.requested.arguments {
                Arguments::Json(_) | Arguments::Stored(_) => self.open.push(call),
                Arguments::Malformed(_) => {
                    self.answer_malformed(call);
                    self.count_incoherent();
                }
            }
        }
        self.check_turns();
        Ok(())
    }

    /// A call whose arguments aren't JSON never reaches a tool.
    fn answer_malformed(&mut self, call: NumberedCall) {
        let error = "the arguments are not a JSON document";
        self.entries.push(Entry::Tool {
            number: call.number,
            id: call.requested.id,
            tool: call.requested.tool,
            answer: Answer {
                status: AnswerStatus::Malformed,
                body: Body::Inline(serde_json::json!({ "error": error })),
                pictures: Vec::new(),
            },
        });
    }

    fn feed_answer(&mut self, number: u32, answer: Answer) -> Result<(), FeedError> {
        let place = self
            .open
            .iter()
            .position(|call| call.number == number)
            .ok_or(FeedError::Call(number))?;
        let call = self.open.remove(place);
        let status = answer.status;
        self.entries.push(Entry::Tool {
            number,
            id: call.requested.id,
            tool: call.requested.tool,
            answer,
        });
        match status {
            AnswerStatus::Ends => self.end(Ending::Finished),
            AnswerStatus::Malformed => self.count_incoherent(),
            AnswerStatus::Ok | AnswerStatus::Failed => {}
        }
        self.check_turns();
        Ok(())
    }

    fn count_incoherent(&mut self) {
        self.incoherent += 1;
        if self.incoherent >= MAX_INCOHERENT {
            self.end(Ending::Incoherent);
        }
    }

    fn check_turns(&mut self) {
        if self.open.is_empty() && self.turn >= self.max_turns {
            self.end(Ending::TurnLimit);
        }
    }

    /// The first reason counts. What was said is not needed any more: it
    /// stays in the log.
    fn end(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.open.clear();
            self.entries.clear();
        }
    }
}

#[cfg(test)]
mod tests;
