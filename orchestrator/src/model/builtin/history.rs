//! The conversation so far, as pairs of calls and answers.

use serde_json::Value;

use crate::core::agent::Arguments;
use crate::model::{Message, Transcript};

/// One answered call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered<'a> {
    pub tool: &'a str,
    pub arguments: &'a Value,
    pub ok: bool,
    pub body: &'a Value,
}

/// All answered calls, in the order of their answers.
#[derive(Debug)]
pub(super) struct History<'a> {
    pub answered: Vec<Answered<'a>>,
    /// Turns the model has taken.
    pub turns: usize,
}

/// The answers' documents, in order.
pub(super) fn bodies(messages: &Transcript) -> Vec<Value> {
    let bodies = messages.iter().filter_map(|message| match message {
        Message::Tool { body, .. } => Some(body.value()),
        Message::User { .. } | Message::Assistant { .. } => None,
    });
    bodies.collect()
}

impl<'a> History<'a> {
    /// `bodies` are those of [`bodies`].
    pub(super) fn of(messages: &'a Transcript, bodies: &'a [Value]) -> Self {
        let mut bodies = bodies.iter();
        let mut asked: Vec<(&str, &Value)> = Vec::new();
        let mut answered = Vec::new();
        let mut turns = 0;
        for message in messages.iter() {
            match message {
                Message::User { .. } => {}
                Message::Assistant { calls, .. } => {
                    turns += 1;
                    asked.extend(calls.iter().filter_map(|call| match &call.arguments {
                        Arguments::Json(value) => Some((call.id.as_str(), value)),
                        Arguments::Stored(_) | Arguments::Malformed(_) => None,
                    }));
                }
                Message::Tool { id, tool, ok, .. } => {
                    let Some(body) = bodies.next() else { break };
                    // What it does in folders can be done twice.
                    let interrupted = !ok && body["interrupted"] == Value::Bool(true);
                    let found = asked.iter().find(|(known, _)| known == id);
                    if let Some((_, arguments)) = found.filter(|_| !interrupted) {
                        answered.push(Answered {
                            tool,
                            arguments,
                            ok: *ok,
                            body,
                        });
                    }
                }
            }
        }
        Self { answered, turns }
    }

    /// Answers of one tool, good or bad.
    pub(super) fn of_tool(&self, tool: &'a str) -> impl Iterator<Item = &Answered<'a>> {
        self.answered.iter().filter(move |a| a.tool == tool)
    }

    /// The last good answer of one tool.
    pub(super) fn last(&self, tool: &'a str) -> Option<&'a Value> {
        self.of_tool(tool).filter(|a| a.ok).last().map(|a| a.body)
    }
}
