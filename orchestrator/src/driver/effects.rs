//! Performing effects.

use std::path::PathBuf;

use protocol::{Candidate, ContentHash, Experiment as LabExperiment, PROTOCOL_VERSION};

use super::{Act, Driver, DriverError, now_ms, size};
use crate::core::agent::{Answer, AnswerStatus};
use crate::core::event::{Actor, Body, Event};
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::planner::Effect;
use crate::core::state::Experiment;
use crate::exec::{Job, Request, TRIES};
use crate::store::{Batch, MAX_PAYLOAD_BYTES};
use crate::tools::{self, Files, LabRequest, Reply};

impl Driver {
    /// Begins an effect, or performs it if it needs no slot. True if the
    /// state has changed.
    pub(super) fn perform(&mut self, effect: Effect) -> Result<bool, DriverError> {
        match effect {
            Effect::Model { agent, turn } => self.model_turn(agent, turn),
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
                    files: None,
                    events: Vec::new(),
                    answer: Some((AnswerStatus::Failed, serde_json::json!({ "error": reason }))),
                };
                self.answer(agent, call, reply).map(|()| true)
            }
            Effect::Work { agent, call } => self.work(agent, call),
            Effect::Audit { round } => self.audit(round),
            Effect::Freeze => self.freeze(),
            Effect::Draw { task } => self.draw(&task),
            Effect::Ablate { task } => self.ablate(&task),
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
        if self.in_flight.contains(&key) || self.in_flight.len() >= self.acts_at_once {
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
                .map(|(document, dir)| Request::Check(document, dir, Files::new())),
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
                    reattach,
                }),
            Effect::Model { .. }
            | Effect::Answer { .. }
            | Effect::Refuse { .. }
            | Effect::Work { .. }
            | Effect::Audit { .. }
            | Effect::Freeze
            | Effect::Draw { .. }
            | Effect::Ablate { .. } => None,
        };
        let Some(request) = request else {
            return Err(DriverError::Stuck);
        };
        if !reattach {
            if let Effect::Measure {
                experiment,
                attempt,
                ..
            } = effect
            {
                self.clear_attempt(*experiment, *attempt)?;
            }
            self.record(Event::EffectIntended {
                key: key.clone(),
                reserved: None,
            })?;
        }
        self.in_flight.insert(key.clone());
        self.acts.push(Act::Slot(Box::new(Job { key, request })));
        Ok(!reattach)
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

    /// Removes what lies where the lab will leave an attempt.
    pub(super) fn clear_attempt(&self, id: ExperimentId, attempt: u32) -> Result<(), DriverError> {
        let Some(experiment) = self.session.state.experiments.get(&id) else {
            return Ok(());
        };
        let path = self.folder(experiment);
        crate::exec::clear_attempt(&path, attempt)
            .map_err(|source| DriverError::Attempt { path, source })
    }

    /// SHA-256 of the report that the lab has left for an attempt; none where
    /// it can't be read, which `alphalab verify` will say of the file.
    pub(super) fn report_file(&self, id: ExperimentId, attempt: u32) -> Option<ContentHash> {
        let experiment = self.session.state.experiments.get(&id)?;
        let path = crate::exec::report_path(&self.folder(experiment), attempt);
        ContentHash::of_stream(std::fs::File::open(path).ok()?).ok()
    }

    /// What the lab is asked for a tool call.
    fn lab_tool(&self, agent: AgentId, call: u32) -> Result<Option<Request>, Reply> {
        let state = &self.session.state;
        let (task, request) = tools::before_lab(state, &self.session.store, agent, call, now_ms())?;
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
        let dir = self.folder(experiment).join(TRIES).join(&name);
        Ok(match request {
            LabRequest::Check(candidate, files) => self
                .document(name, &task, candidate)
                .map(|document| Request::Check(document, dir, files)),
            LabRequest::Try(candidate, files) => self
                .document(name, &task, candidate)
                .map(|document| Request::Try(document, dir, files)),
        })
    }

    /// Shows the plan to people.
    fn show_plan(&self, text: &serde_json::Value) -> Result<(), DriverError> {
        let path = self.session.layout.plan();
        let text = text.as_str().unwrap_or_default();
        sandbox::fs::write_atomic(&path, text).map_err(|source| DriverError::View {
            path,
            source: Box::new(source),
        })
    }

    /// Appends what a tool call comes to.
    pub(super) fn answer(
        &mut self,
        agent: AgentId,
        call: u32,
        reply: Reply,
    ) -> Result<(), DriverError> {
        if let Some(handed_in) = &reply.files {
            let (folder, files) = handed_in.as_ref();
            let folder = self.session.layout.experiments().join(folder);
            crate::exec::write_files(&folder, files)?;
        }
        let mut batch = Batch::new();
        let hands_in = !reply.events.is_empty();
        for event in reply.events {
            let event = match event {
                Event::PlanChanged {
                    agent,
                    text: Body::Inline(text),
                } => {
                    self.show_plan(&text)?;
                    let text = batch.body(text);
                    Event::PlanChanged { agent, text }
                }
                Event::Staff { what } => {
                    let what = Box::new(self.of_staff(*what, &mut batch)?);
                    Event::Staff { what }
                }
                Event::CandidateSubmitted {
                    experiment,
                    candidate,
                    hash,
                    agent,
                    call,
                    provenance,
                } => {
                    let own = reply.files.as_ref().map(|handed_in| &handed_in.1);
                    let provenance =
                        self.with_change(&mut batch, experiment, &candidate, own, *provenance)?;
                    Event::CandidateSubmitted {
                        experiment,
                        candidate,
                        hash,
                        agent,
                        call,
                        provenance: Box::new(provenance),
                    }
                }
                other => other,
            };
            batch.push(Actor::Agent(agent), event);
        }
        if let Some((status, value)) = reply.answer {
            let body = batch.body(value);
            batch.push(
                Actor::Harness,
                Event::ToolAnswered {
                    agent,
                    call,
                    answer: Answer {
                        status,
                        body,
                        pictures: Vec::new(),
                    },
                },
            );
        }
        // Texts that are short enough one by one may be too long together.
        if hands_in && let Some(bytes) = size::too_large(&batch) {
            let refused = format!(
                "all that this call says has {bytes} bytes, more than {MAX_PAYLOAD_BYTES}: say less"
            );
            return self.answer(agent, call, Reply::failed(refused));
        }
        self.append(batch)
    }
}
