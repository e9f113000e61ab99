//! Performing effects.

use std::path::PathBuf;

use protocol::{Candidate, Experiment as LabExperiment, PROTOCOL_VERSION, Split};
use serde_json::Value;

use super::{Driver, DriverError, now_ms};
use crate::core::agent::{Answer, AnswerStatus, Entry, ModelReply};
use crate::core::event::{Actor, EffectKey, Event};
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::planner::Effect;
use crate::core::state::Experiment;
use crate::exec::{Job, Request};
use crate::model::{Message, ToolSchema, TurnRequest};
use crate::store::Batch;
use crate::tools::{self, LabRequest, Reply};

/// Most tokens of one reply.
const MAX_OUTPUT_TOKENS: u64 = 16_384;

impl Driver {
    /// Begins an effect, or performs it if it needs no slot. True if the
    /// state has changed.
    pub(super) fn perform(&mut self, effect: Effect) -> Result<bool, DriverError> {
        match effect {
            Effect::Model { agent, turn } => self.model_turn(agent, turn).map(|()| true),
            Effect::Answer { agent, call } => {
                let session = &self.session;
                let reply = tools::answer(&session.state, &session.store, agent, call, now_ms());
                self.answer(agent, call, reply).map(|()| true)
            }
            Effect::Refuse {
                agent,
                call,
                reason,
            } => {
                let reply = Reply {
                    events: Vec::new(),
                    answer: Some((AnswerStatus::Failed, serde_json::json!({ "error": reason }))),
                };
                self.answer(agent, call, reply).map(|()| true)
            }
            Effect::Describe
            | Effect::Inspect { .. }
            | Effect::Tool { .. }
            | Effect::Check { .. }
            | Effect::Measure { .. } => self.begin(&effect),
        }
    }

    /// Hands an effect to a slot, if one is free. True if the state has
    /// changed, so that it must be looked at again.
    fn begin(&mut self, effect: &Effect) -> Result<bool, DriverError> {
        let Some(key) = effect.key() else {
            return Ok(false);
        };
        if self.in_flight.contains(&key) || self.in_flight.len() >= self.workers {
            return Ok(false);
        }
        // An intent from an earlier session: it may have been carried out.
        let reattach = self.session.state.intents.contains(&key);
        let request = match effect {
            Effect::Describe => Some(Request::Describe),
            Effect::Inspect { task } => self.source(task).map(Request::Inspect),
            Effect::Tool { agent, call } => match self.lab_tool(*agent, *call) {
                Ok(request) => request,
                Err(refusal) => return self.answer(*agent, *call, refusal).map(|()| true),
            },
            Effect::Check { experiment, .. } => self
                .prepared(*experiment)
                .map(|(document, dir)| Request::Check(document, dir)),
            Effect::Measure {
                experiment,
                attempt,
                split,
            } => self
                .prepared(*experiment)
                .map(|(experiment, dir)| Request::Evaluate {
                    experiment,
                    dir,
                    attempt: *attempt,
                    split: *split,
                    fresh: *split != Split::Search,
                    reattach,
                }),
            Effect::Model { .. } | Effect::Answer { .. } | Effect::Refuse { .. } => None,
        };
        let Some(request) = request else {
            return Err(DriverError::Stuck);
        };
        if !reattach {
            self.record(Event::EffectIntended { key: key.clone() })?;
        }
        self.in_flight.insert(key.clone());
        if self.slots.submit(Job { key, request }) {
            Ok(!reattach)
        } else {
            Err(DriverError::SlotsGone)
        }
    }

    /// What the lab is asked for a task.
    pub(super) fn source(&self, task: &str) -> Option<String> {
        let settings = self.session.state.settings.as_ref()?;
        let found = settings.tasks.iter().find(|known| known.name == task)?;
        Some(found.source.clone())
    }

    /// An experiment's document and folder.
    fn prepared(&self, id: ExperimentId) -> Option<(LabExperiment, PathBuf)> {
        let experiment = self.session.state.experiments.get(&id)?;
        let (candidate, _) = experiment.candidate.as_ref()?;
        let document = self.document(id.to_string(), &experiment.task, candidate.clone())?;
        Some((document, self.folder(experiment)))
    }

    fn document(&self, id: String, task: &str, candidate: Candidate) -> Option<LabExperiment> {
        Some(LabExperiment {
            schema: PROTOCOL_VERSION,
            id,
            task: self.source(task)?,
            candidate,
        })
    }

    fn folder(&self, experiment: &Experiment) -> PathBuf {
        self.session.layout.experiments().join(experiment.folder())
    }

    /// What the lab is asked for a tool call.
    fn lab_tool(&self, agent: AgentId, call: u32) -> Result<Option<Request>, Reply> {
        let state = &self.session.state;
        let (task, request) = tools::before_lab(state, agent, call, now_ms())?;
        let Some(experiment) = state
            .agents
            .get(&agent)
            .and_then(|agent| state.experiments.get(&agent.experiment?))
        else {
            return Ok(None);
        };
        // Named by the call, so that an interrupted look is taken again under
        // the same name.
        let name = format!("{agent}-{call}");
        let dir = self.folder(experiment).join("tries").join(&name);
        Ok(match request {
            LabRequest::Check(candidate) => self
                .document(name, &task, candidate)
                .map(|document| Request::Check(document, dir)),
            LabRequest::Try(candidate) => self
                .document(name, &task, candidate)
                .map(|document| Request::Try(document, dir)),
        })
    }

    /// Appends what a tool call comes to.
    pub(super) fn answer(
        &mut self,
        agent: AgentId,
        call: u32,
        reply: Reply,
    ) -> Result<(), DriverError> {
        let mut batch = Batch::new();
        for event in reply.events {
            batch.push(Actor::Agent(agent), event);
        }
        if let Some((status, value)) = reply.answer {
            let body = batch.body(value);
            batch.push(
                Actor::Harness,
                Event::ToolAnswered {
                    agent,
                    call,
                    answer: Answer { status, body },
                },
            );
        }
        self.append(batch)
    }

    /// Asks the model. A model that is a function of the request is no act
    /// outside the log, so only another one needs an intent.
    fn model_turn(&mut self, agent: AgentId, turn: u32) -> Result<(), DriverError> {
        let key = EffectKey::Model { agent, turn };
        let caps = self.session.model.caps();
        if !caps.deterministic && !self.session.state.intents.contains(&key) {
            self.record(Event::EffectIntended { key: key.clone() })?;
        }
        let Some(request) = self.turn_request(agent)? else {
            return Err(DriverError::Stuck);
        };
        match self.session.model.turn(&request, &mut |_| {}) {
            Ok(response) => {
                let mut batch = Batch::new();
                let reply = ModelReply {
                    text: batch.body(Value::String(response.text)),
                    calls: response.calls,
                    tokens: [response.usage.prompt(), response.usage.output],
                    cost_usd: response.cost_usd,
                };
                batch.push(
                    Actor::Agent(agent),
                    Event::ModelCalled { agent, turn, reply },
                );
                self.append(batch)
            }
            Err(error) => self.record(Event::EffectFailed {
                key,
                error: crate::chain::of(&error),
                retry_at_ms: None,
            }),
        }
    }

    fn turn_request(&self, agent: AgentId) -> Result<Option<TurnRequest>, DriverError> {
        let store = &self.session.store;
        let Some(agent) = self.session.state.agents.get(&agent) else {
            return Ok(None);
        };
        let mut messages = Vec::new();
        for entry in agent.run.entries() {
            messages.push(match entry {
                Entry::Harness { text } => Message::User { text: text.clone() },
                Entry::Model { text, calls } => Message::Assistant {
                    text: as_text(store.document(text)?),
                    calls: calls.iter().map(|call| call.requested.clone()).collect(),
                    carry: None,
                },
                Entry::Tool {
                    id, tool, answer, ..
                } => Message::Tool {
                    id: id.clone(),
                    tool: tool.clone(),
                    ok: matches!(answer.status, AnswerStatus::Ok | AnswerStatus::Ends),
                    body: store.document(&answer.body)?,
                    images: Vec::new(),
                },
            });
        }
        let tools = tools::all()
            .iter()
            .filter(|tool| tool.roles.contains(&agent.role))
            .map(|tool| ToolSchema {
                name: tool.name.to_owned(),
                description: tool.description.to_owned(),
                schema: tool.schema.clone(),
            })
            .collect();
        Ok(Some(TurnRequest {
            role: agent.role,
            system: as_text(store.document(&agent.prompt)?),
            messages,
            tools,
            max_output_tokens: MAX_OUTPUT_TOKENS,
        }))
    }
}

/// A document that is a text.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
