//! A campaign whose events are made by hand, on one task.

#[path = "../planner/settings.rs"]
mod settings;

use orchestrator::core::agent::{Answer, AnswerStatus, Arguments, ModelReply, RequestedCall, Role};
use orchestrator::core::board::BoardState;
use orchestrator::core::event::{Actor, Body, Event, Logged, Measurement, Score};
use orchestrator::core::ids::{AgentId, ExperimentId};
use orchestrator::core::planner::{self, Decision, Effect, after_measure};
use orchestrator::core::settings::{Settings, TaskSource};
use orchestrator::core::staff::StaffSettings;
use orchestrator::core::state::State;
use orchestrator::tools::{self, Documents, Kinds};
use protocol::{Candidate, ContentHash, Interval, Split, Verdict};
use serde_json::{Value, json};

struct Inline;

impl Documents for Inline {
    fn document(&self, body: &Body) -> Result<Value, String> {
        match body {
            Body::Inline(value) => Ok(value.clone()),
            Body::Blob(hash) => Err(format!("no blob {hash}")),
        }
    }
}

pub(crate) struct Hand {
    pub(crate) state: State,
    now_ms: i64,
    calls: u32,
    /// Track of what is measured.
    pub(crate) track: Option<String>,
}

impl Hand {
    /// Phase 3 of a campaign that writes a milestone after every experiment.
    pub(crate) fn new() -> Self {
        let staff = StaffSettings {
            milestone_every: 1,
            ..StaffSettings::default()
        };
        Self::with(staff)
    }

    pub(crate) fn with(staff: StaffSettings) -> Self {
        Self::of(staff, 0)
    }

    /// As [`Hand::with`]; as many changes of a winner are undone at the end.
    pub(crate) fn of(staff: StaffSettings, ablations: u32) -> Self {
        let mut hand = Self {
            state: State::default(),
            now_ms: 0,
            calls: 0,
            track: None,
        };
        let settings = Settings {
            staff: Some(staff),
            ablations,
            tasks: vec![TaskSource {
                name: "x".to_owned(),
                source: "/x".to_owned(),
            }],
            ..settings::settings(1, 20, 10_000.0)
        };
        hand.apply(Event::CampaignStarted {
            settings: Box::new(settings),
        });
        hand.apply(Event::LabDescribed {
            lab: "l".to_owned(),
            version: "1".to_owned(),
        });
        let hash = ContentHash::of(b"x");
        hand.apply(Event::TaskInspected {
            task: "x".to_owned(),
            source: hash.clone(),
            inspection: hash,
            document: Body::Inline(json!({
                "schema": 1, "task": "x", "facts": { "bytes": 1024 },
                "spaces": [{
                    "template": "t", "summary": "",
                    "params": [{ "name": "F", "kind": "bool", "default": false }],
                }],
            })),
            templates: vec!["t".to_owned()],
            quality: None,
        });
        hand.settle();
        hand
    }

    pub(crate) fn apply(&mut self, event: Event) {
        self.now_ms += 10;
        let logged = Logged {
            seq: self.state.seq + 1,
            at_ms: self.now_ms,
            actor: Actor::Harness,
            event,
        };
        if let Err(error) = self.state.apply(&logged) {
            panic!("{error}: {:?}", logged.event);
        }
    }

    /// Nothing happens for a while.
    pub(crate) fn waits(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    pub(crate) fn decided(&self) -> Vec<Decision> {
        planner::decide(&self.state, self.now_ms, &Kinds)
    }

    /// Applies every event that is decided.
    pub(crate) fn settle(&mut self) {
        for _ in 0..50 {
            let events: Vec<Event> = self
                .decided()
                .into_iter()
                .filter_map(|decision| match decision {
                    Decision::Record(event) => Some(event),
                    Decision::StartAgent { .. } | Decision::Perform(_) => None,
                })
                .collect();
            if events.is_empty() {
                return;
            }
            for event in events {
                self.apply(event);
            }
        }
        panic!("it never comes to rest");
    }

    pub(crate) fn begin(&mut self, role: Role, experiment: Option<ExperimentId>) -> AgentId {
        let agent = self.state.next_agent();
        self.apply(Event::AgentStarted {
            agent,
            role,
            experiment,
            round: None,
            under: None,
            prompt: Body::Inline(json!("")),
            tries_until_wall_s: None,
            model: None,
        });
        agent
    }

    /// Starts the agent of this role that is wanted now, if one is.
    pub(crate) fn starts(&mut self, role: Role) -> Option<AgentId> {
        self.settle();
        let wanted = self
            .decided()
            .into_iter()
            .find_map(|decision| match decision {
                Decision::StartAgent {
                    role: of,
                    experiment,
                    ..
                } if of == role => Some(experiment),
                _ => None,
            })?;
        Some(self.begin(role, wanted))
    }

    /// Has an agent make a call that is answered from the state.
    pub(crate) fn call(
        &mut self,
        agent: AgentId,
        tool: &str,
        arguments: Value,
    ) -> (AnswerStatus, Value) {
        let turn = self.state.agents[&agent].run.turns();
        self.calls += 1;
        let id = format!("c{}", self.calls);
        self.apply(Event::ModelCalled {
            agent,
            turn,
            reply: ModelReply {
                text: Body::Inline(json!("")),
                carry: None,
                calls: vec![RequestedCall {
                    id,
                    tool: tool.to_owned(),
                    arguments: Arguments::Json(arguments),
                }],
                tokens: [0, 0],
                cost_usd: 0.0,
                paused: false,
            },
        });
        let orchestrator::core::agent::Step::CallTools(open) = self.state.agents[&agent].run.next()
        else {
            panic!("the agent has ended");
        };
        let number = open[0].number;
        let reply = tools::answer(&self.state, &Inline, agent, number, self.now_ms);
        for event in reply.events {
            self.apply(event);
        }
        let (status, body) = reply.answer.unwrap_or((AnswerStatus::Ok, Value::Null));
        if !matches!(tool, "submit_experiment") || status != AnswerStatus::Ok {
            self.apply(Event::ToolAnswered {
                agent,
                call: number,
                answer: Answer {
                    status,
                    body: Body::Inline(body.clone()),
                    pictures: Vec::new(),
                },
            });
        }
        (status, body)
    }

    /// An experiment on the board, to be taken up.
    pub(crate) fn propose(&mut self, owner: Option<AgentId>) -> ExperimentId {
        let experiment = self.state.next_experiment();
        self.apply(Event::ExperimentProposed {
            experiment,
            task: "x".to_owned(),
            name: "n".to_owned(),
            hypothesis: "h".to_owned(),
            templates: Vec::new(),
            by: None,
            owner,
            parent: None,
            kind: orchestrator::core::lineage::Kind::Explore,
        });
        experiment
    }

    pub(crate) fn submit(&mut self, experiment: ExperimentId) {
        let params = [("F".to_owned(), json!(true))].into_iter().collect();
        let candidate = Candidate::Template {
            template: "t".to_owned(),
            params,
        };
        self.apply(Event::CandidateSubmitted {
            experiment,
            candidate,
            hash: ContentHash::of(experiment.to_string().as_bytes()),
            agent: None,
            call: None,
            provenance: Box::default(),
        });
        self.move_to(experiment, BoardState::Implemented);
    }

    pub(crate) fn move_to(&mut self, experiment: ExperimentId, to: BoardState) {
        let from = self.state.experiments[&experiment].state;
        self.apply(Event::Moved {
            experiment,
            from,
            to,
            reason: String::new(),
        });
    }

    pub(crate) fn checked(&mut self, experiment: ExperimentId, verdict: Verdict) {
        let found = &self.state.experiments[&experiment];
        for event in planner::after_check(found, verdict) {
            self.apply(event);
        }
    }

    pub(crate) fn measured(&mut self, experiment: ExperimentId, verdict: Verdict, value: f64) {
        let found = &self.state.experiments[&experiment];
        let split = if found.state == BoardState::Remeasure {
            Split::Select
        } else {
            Split::Search
        };
        let ok = verdict.is_ok();
        let (attempt, next) = (found.attempts.len() as u32 + 1, after_measure(found));
        self.apply(Event::Measured {
            experiment,
            attempt,
            measurement: Measurement {
                split,
                score: Score {
                    value: ok.then_some(value),
                    ci: ok.then_some(Interval(value * 0.98, value * 1.02)),
                    verdict,
                    n: 5,
                },
                hash: None,
                report: None,
                file: None,
                track: self.track.clone(),
                simulated: false,
                caveats: Vec::new(),
                also: None,
                took_ms: 1000,
                idle_ms: None,
            },
        });
        if let Some(next) = next {
            self.apply(next);
        }
    }

    /// A worker hands in one candidate after the other and ends.
    pub(crate) fn measured_by_one_worker(&mut self, values: &[f64]) -> AgentId {
        let first = self.propose(None);
        let worker = self.begin(Role::Worker, Some(first));
        for (place, value) in values.iter().enumerate() {
            let experiment = if place == 0 {
                first
            } else {
                self.propose(Some(worker))
            };
            self.submit(experiment);
            self.checked(experiment, Verdict::Ok);
            self.settle();
            self.measured(experiment, Verdict::Ok, *value);
        }
        self.call(worker, "finish", json!({ "summary": "s" }));
        worker
    }

    /// Answers an agent's call that waits for a result.
    pub(crate) fn answered(&mut self, agent: AgentId) {
        let orchestrator::core::agent::Step::CallTools(open) = self.state.agents[&agent].run.next()
        else {
            panic!("nothing is open");
        };
        let number = open[0].number;
        let reply = tools::answer(&self.state, &Inline, agent, number, self.now_ms);
        let (status, body) = reply.answer.expect("a result");
        self.apply(Event::ToolAnswered {
            agent,
            call: number,
            answer: Answer {
                status,
                body: Body::Inline(body),
                pictures: Vec::new(),
            },
        });
    }

    /// What is being measured again now.
    pub(crate) fn remeasures(&mut self) -> Vec<ExperimentId> {
        self.settle();
        self.decided()
            .into_iter()
            .filter_map(|decision| match decision {
                Decision::Perform(Effect::Measure {
                    experiment,
                    split: Split::Select,
                    ..
                }) => Some(experiment),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn remeasured(&mut self, experiment: ExperimentId, value: f64) {
        self.measured(experiment, Verdict::Ok, value);
    }

    pub(crate) fn remeasured_best(&mut self, value: f64) {
        let wanted = self.remeasures();
        self.remeasured(wanted[0], value);
    }

    /// Why a milestone can't refer to something.
    pub(crate) fn refused_reference(&self, reference: &str) -> String {
        let text = format!("[[{reference}]]");
        orchestrator::report::milestone::problems(&self.state, &text).join("; ")
    }
}
