//! Turning what came of an effect into events.

use std::path::PathBuf;

use protocol::{Candidate, Description, Inspection, Report, Split, Verdict};
use serde_json::{Value, json};

use super::{Driver, DriverError, now_ms};
use crate::core::agent::{Answer, AnswerStatus, Step};
use crate::core::board::BoardState;
use crate::core::event::{Actor, EffectKey, Event, FailureCost, Measurement, Score};
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::planner::{MAX_FAILURES, after_check, after_measure};
use crate::exec::{Done, LabError, SIGKILL};
use crate::store::Batch;
use crate::tools::{self, LabCandidate, score_json, tries_left};

/// Workers killed over one act before its candidate is held to be the reason.
const MAX_KILLS: u32 = 2;

impl Driver {
    /// Appends the outcome of an effect.
    pub(super) fn settle(&mut self, key: &EffectKey, done: Done) -> Result<(), DriverError> {
        self.in_flight.remove(key);
        self.calling.remove(key);
        if !self.session.state.intents.contains(key) {
            // Nobody wants it any more: its agent or experiment has ended.
            return Ok(());
        }
        match done {
            Done::Described(it) => self.described(&it),
            Done::Inspected(it) => self.inspected(key, &it),
            Done::Report {
                report,
                took_ms,
                idle_ms,
            } => self.reported(key, &report, took_ms, idle_ms),
            Done::Died { reason, signal } => self.died(key, reason, signal),
            Done::Failed(error) => self.failed(key, error),
            Done::Turn(answer) => self.turn_done(key, *answer),
            Done::Worked(worked) => match *key {
                EffectKey::Tool { agent, call } => self.worked(agent, call, *worked),
                _ => Ok(()),
            },
            Done::Audited(outcome) => self.audited(key, *outcome),
        }
    }

    fn described(&mut self, it: &Description) -> Result<(), DriverError> {
        if let Some(settings) = &self.session.state.settings {
            let metric = &settings.metric;
            let known = it
                .metrics
                .iter()
                .any(|m| m.name == metric.name && m.direction == Some(metric.direction));
            if !known {
                let names: Vec<&str> = it.metrics.iter().map(|m| m.name.as_str()).collect();
                return Err(DriverError::Metric {
                    metric: metric.name.clone(),
                    has: names.join(", "),
                });
            }
            let device = crate::exec::usable(it, &settings.device)?;
            self.check_device(device.modelled.is_some())?;
        }
        self.record(Event::LabDescribed {
            lab: it.lab.clone(),
            version: it.version.clone(),
        })
    }

    /// One campaign never has numbers of a simulator and of a device.
    fn check_device(&self, simulated: bool) -> Result<(), DriverError> {
        let settings = self.session.state.settings.as_ref();
        match settings.filter(|settings| settings.simulated != simulated) {
            None => Ok(()),
            Some(settings) => Err(DriverError::OtherDevice {
                device: settings.device.clone(),
                simulated,
            }),
        }
    }

    fn inspected(&mut self, key: &EffectKey, it: &Inspection) -> Result<(), DriverError> {
        let EffectKey::Inspect { task } = key else {
            return Ok(());
        };
        let settings = self.session.state.settings.as_ref();
        let source = if settings.is_some_and(|settings| settings.evaluation.is_some()) {
            crate::campaign::folder_hash(&self.session.layout.data())?
        } else {
            let source = PathBuf::from(self.source(task).unwrap_or_default());
            crate::campaign::task_hash(&source)?
        };
        let mut batch = Batch::new();
        let mut document = serde_json::to_value(it).unwrap_or_default();
        // Agents know the task by its name in the campaign.
        document["task"] = json!(task);
        let inspection = protocol::ContentHash::of(document.to_string().as_bytes());
        let document = batch.body(document);
        batch.push(
            Actor::Harness,
            Event::TaskInspected {
                task: task.clone(),
                source,
                inspection,
                document,
                templates: it.spaces.iter().map(|s| s.template.clone()).collect(),
                quality: it
                    .facts
                    .get("quality")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            },
        );
        self.append(batch)
    }

    fn metric(&self) -> String {
        let settings = self.session.state.settings.as_ref();
        settings.map(|s| s.metric.name.clone()).unwrap_or_default()
    }

    fn reported(
        &mut self,
        key: &EffectKey,
        report: &Report,
        took_ms: u64,
        idle_ms: Option<f64>,
    ) -> Result<(), DriverError> {
        let score = Score::of(report, &self.metric());
        match key {
            EffectKey::Measure {
                experiment,
                attempt,
            } => {
                self.check_device(report.simulated)?;
                self.check_measured(*experiment, *attempt)?;
                let mut batch = Batch::new();
                let text = serde_json::to_vec(report).unwrap_or_default();
                let measurement = Measurement {
                    split: report.split.unwrap_or(Split::Search),
                    score,
                    hash: Some(report.hash.clone()),
                    report: Some(batch.blob(text)),
                    file: self.report_file(*experiment, *attempt),
                    track: report.track.clone(),
                    simulated: report.simulated,
                    caveats: report
                        .checks
                        .iter()
                        .filter(|check| report.verdict.is_ok() && !check.passed)
                        .map(|check| format!("{}: {}", check.name, check.detail))
                        .collect(),
                    also: Score::also(report, &self.metric()),
                    took_ms,
                    idle_ms,
                };
                self.measured(batch, *experiment, *attempt, measurement)
            }
            EffectKey::Check { experiment, .. } => {
                self.checked(*experiment, report.verdict.clone())
            }
            EffectKey::Tool { agent, call } => {
                let facts = json!({ "diagnostics": report.diagnostics });
                self.looked(*agent, *call, score, facts)
            }
            EffectKey::Describe
            | EffectKey::Inspect { .. }
            | EffectKey::Audit { .. }
            | EffectKey::Model { .. } => Ok(()),
        }
    }

    /// A number counts only if its task is still what was frozen: one that was
    /// made with another is thrown away, and the session ends.
    fn check_measured(&self, experiment: ExperimentId, attempt: u32) -> Result<(), DriverError> {
        let Some(found) = self.session.state.experiments.get(&experiment) else {
            return Ok(());
        };
        let frozen = self.check_task(&found.task);
        if frozen.is_err() {
            self.clear_attempt(experiment, attempt)?;
        }
        frozen
    }

    fn measured(
        &mut self,
        mut batch: Batch,
        experiment: ExperimentId,
        attempt: u32,
        measurement: Measurement,
    ) -> Result<(), DriverError> {
        let Some(found) = self.session.state.experiments.get(&experiment) else {
            return Ok(());
        };
        let next = after_measure(found);
        batch.push(
            Actor::Harness,
            Event::Measured {
                experiment,
                attempt,
                measurement,
            },
        );
        if let Some(next) = next {
            batch.push(Actor::Harness, next);
        }
        self.append(batch)
    }

    fn checked(&mut self, experiment: ExperimentId, verdict: Verdict) -> Result<(), DriverError> {
        let Some(found) = self.session.state.experiments.get(&experiment) else {
            return Ok(());
        };
        let mut batch = Batch::new();
        for event in after_check(found, verdict) {
            batch.push(Actor::Harness, event);
        }
        self.append(batch)
    }

    /// A quick look, or a check that an agent asked for, has a result.
    fn looked(
        &mut self,
        agent: AgentId,
        call: u32,
        score: Score,
        facts: Value,
    ) -> Result<(), DriverError> {
        let state = &self.session.state;
        let Some(by) = state.agents.get(&agent) else {
            return Ok(());
        };
        let open = match by.run.next() {
            Step::CallTools(calls) => calls.iter().find(|open| open.number == call),
            Step::CallModel { .. } | Step::Done(_) => None,
        };
        let Some(open) = open else { return Ok(()) };
        let mut batch = Batch::new();
        let mut body = json!({ "result": score_json(&score) });
        if let (Value::Object(into), Value::Object(from)) = (&mut body, facts) {
            into.extend(from);
        }
        let candidate: Option<LabCandidate> = tools::arguments(&self.session.store, open)
            .ok()
            .and_then(|value| serde_json::from_value(value).ok());
        let task = by
            .experiment
            .and_then(|id| state.experiments.get(&id))
            .map(|experiment| experiment.task.clone());
        if open.requested.tool == "lab_try"
            && let (Some(candidate), Some(task)) = (candidate, task)
        {
            let id = state.next_try();
            // This look is not in the state yet.
            let left = tries_left(state, by, now_ms()).saturating_sub(1);
            body["try"] = json!(id);
            body["tries_left"] = json!(left);
            batch.push(
                Actor::Agent(agent),
                Event::Tried {
                    id,
                    agent,
                    task,
                    candidate: match candidate.template {
                        Some(template) => Candidate::Template {
                            template,
                            params: candidate.params,
                        },
                        None => Candidate::Files {
                            files: candidate.files.keys().map(Into::into).collect(),
                        },
                    },
                    score,
                },
            );
        }
        let body = batch.body(body);
        batch.push(
            Actor::Harness,
            Event::ToolAnswered {
                agent,
                call,
                answer: Answer {
                    status: AnswerStatus::Ok,
                    body,
                    pictures: Vec::new(),
                },
            },
        );
        self.append(batch)
    }

    /// The worker died over it: that is the candidate's verdict, where there
    /// is a candidate. No program ends by SIGKILL of itself, so that such a
    /// death is somebody else's doing at first.
    fn died(
        &mut self,
        key: &EffectKey,
        reason: String,
        signal: Option<i32>,
    ) -> Result<(), DriverError> {
        let before = self.session.state.failures.get(key).map_or(0, |f| f.count);
        if signal == Some(SIGKILL) && before < MAX_KILLS {
            return self.failed_until(key, reason, Some(now_ms()));
        }
        let verdict = Verdict::Crashed {
            signal,
            reason: reason.clone(),
        };
        let score = Score {
            verdict: verdict.clone(),
            value: None,
            ci: None,
            n: 0,
        };
        match key {
            EffectKey::Measure {
                experiment,
                attempt,
            } => {
                let state = &self.session.state;
                let found = state.experiments.get(experiment);
                let split = found.map_or(Split::Search, |e| state.split_of(e));
                let measurement = Measurement {
                    split,
                    score,
                    hash: None,
                    report: None,
                    file: None,
                    track: None,
                    simulated: state.is_simulated(),
                    caveats: Vec::new(),
                    also: None,
                    took_ms: 0,
                    idle_ms: None,
                };
                self.measured(Batch::new(), *experiment, *attempt, measurement)
            }
            EffectKey::Check { experiment, .. } => self.checked(*experiment, verdict),
            EffectKey::Tool { agent, call } => self.looked(*agent, *call, score, json!({})),
            EffectKey::Describe
            | EffectKey::Inspect { .. }
            | EffectKey::Audit { .. }
            | EffectKey::Model { .. } => self.failed(
                key,
                LabError {
                    message: reason,
                    again: true,
                },
            ),
        }
    }

    /// The lab failed: again later, or never.
    fn failed(&mut self, key: &EffectKey, error: LabError) -> Result<(), DriverError> {
        let before = self.session.state.failures.get(key).map_or(0, |f| f.count);
        let again = error.again && before + 1 < MAX_FAILURES;
        if *key == EffectKey::Describe && !again {
            return Err(DriverError::Lab(error.message));
        }
        // Half a second, doubled each time.
        let retry_at_ms = again.then(|| now_ms() + (500_i64 << before.min(10)));
        self.failed_until(key, error.message, retry_at_ms)
    }

    /// An act failed and may be tried again at a time, or never.
    fn failed_until(
        &mut self,
        key: &EffectKey,
        error: String,
        retry_at_ms: Option<i64>,
    ) -> Result<(), DriverError> {
        let mut batch = Batch::new();
        batch.push(
            Actor::Harness,
            Event::EffectFailed {
                key: key.clone(),
                error,
                retry_at_ms,
                cost: FailureCost::Nothing,
            },
        );
        if let EffectKey::Measure { experiment, .. } = key
            && self
                .session
                .state
                .experiments
                .get(experiment)
                .is_some_and(|e| e.state == BoardState::Running)
        {
            batch.push(
                Actor::Harness,
                Event::Moved {
                    experiment: *experiment,
                    from: BoardState::Running,
                    to: BoardState::Queued,
                    reason: "the lab could not take it".to_owned(),
                },
            );
        }
        self.append(batch)
    }
}
