//! What calls for the web were answered in a recorded campaign: a replay is
//! given the same, since nothing out there stays what it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::campaign::Layout;
use crate::core::agent::{Answer, AnswerStatus, Arguments};
use crate::core::event::{Body, Event};
use crate::core::ids::AgentId;
use crate::store::{Reader, StoreError};

/// A call for the web.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    tool: String,
    arguments: Value,
}

/// The answers of a recorded campaign.
#[derive(Debug)]
pub struct Recorded {
    reader: Reader,
    layout: Layout,
    calls: BTreeMap<(AgentId, u32), (Call, Option<Answer>)>,
}

/// An answer from a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// What the call came to.
    pub status: AnswerStatus,
    /// The answer.
    pub body: Value,
    /// The file with the whole text, if the answer names one.
    pub whole: Option<PathBuf>,
}

impl Recorded {
    /// Of the campaign in `dir`: the calls of these tools.
    pub fn open(dir: &Path, is_web: &dyn Fn(&str) -> bool) -> Result<Self, StoreError> {
        let reader = Reader::open(dir)?;
        let mut calls: BTreeMap<(AgentId, u32), (Call, Option<Answer>)> = BTreeMap::new();
        let mut made: BTreeMap<AgentId, u32> = BTreeMap::new();
        for logged in reader.log()? {
            match logged.event {
                Event::ModelCalled { agent, reply, .. } => {
                    let next = made.entry(agent).or_default();
                    for call in reply.calls {
                        let number = *next;
                        *next += 1;
                        if !is_web(&call.tool) {
                            continue;
                        }
                        let arguments = match call.arguments {
                            Arguments::Json(value) => value,
                            Arguments::Stored(hash) => reader.document(&Body::Blob(hash))?,
                            Arguments::Malformed(_) => continue,
                        };
                        let tool = call.tool;
                        calls.insert((agent, number), (Call { tool, arguments }, None));
                    }
                }
                Event::ToolAnswered {
                    agent,
                    call,
                    answer,
                } => {
                    if let Some((_, answered)) = calls.get_mut(&(agent, call)) {
                        *answered = Some(answer);
                    }
                }
                _ => {}
            }
        }
        Ok(Self {
            reader,
            layout: Layout::of(dir),
            calls,
        })
    }

    /// The answer to an agent's call; none if it made another call then, or
    /// was not answered.
    pub fn answer(
        &self,
        agent: AgentId,
        call: u32,
        tool: &str,
        arguments: &Value,
    ) -> Result<Option<Again>, StoreError> {
        let Some((then, Some(answer))) = self.calls.get(&(agent, call)) else {
            return Ok(None);
        };
        if then.tool != tool || then.arguments != *arguments {
            return Ok(None);
        }
        let body = self.reader.document(&answer.body)?;
        // It lies where the campaign does now, wherever that was then.
        let named = body["file"].as_str().map(Path::new);
        let whole = named.and_then(Path::file_name).map(|name| {
            let logs = self.layout.logs().join("agents");
            logs.join(agent.to_string()).join(name)
        });
        Ok(Some(Again {
            status: answer.status,
            body,
            whole,
        }))
    }
}
