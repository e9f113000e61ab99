//! A campaign in memory, in which agents call tools and a lab measures what it
//! is told to.

use orchestrator::core::agent::{Answer, Arguments, ModelReply, RequestedCall, Role, Step};
use orchestrator::core::board::BoardState;
use orchestrator::core::event::{Actor, Body, Event, Logged, Measurement, Score};
use orchestrator::core::ids::{AgentId, ExperimentId};
use orchestrator::core::lineage::Kind;
use orchestrator::core::planner::{self, Decision, Effect, after_measure};
use orchestrator::core::settings::Settings;
use orchestrator::core::state::State;
use orchestrator::tools::{self, Documents, Kinds, Reply};
use protocol::{ContentHash, Interval, Split, Verdict};
use serde_json::{Value, json};

pub(crate) struct Inline;

impl Documents for Inline {
    fn document(&self, body: &Body) -> Result<Value, String> {
        match body {
            Body::Inline(value) => Ok(value.clone()),
            Body::Blob(hash) => Err(format!("no blob {hash}")),
        }
    }
}

pub(crate) struct Bench {
    pub(crate) state: State,
    log: Vec<Logged>,
}

impl Bench {
    /// With the experiments about to begin, and two templates for each task.
    pub(crate) fn new(settings: Settings) -> Self {
        let tasks: Vec<String> = settings.tasks.iter().map(|t| t.name.clone()).collect();
        let mut bench = Self {
            state: State::default(),
            log: Vec::new(),
        };
        bench.apply(Event::CampaignStarted {
            settings: Box::new(settings),
        });
        bench.apply(Event::LabDescribed {
            lab: "l".to_owned(),
            version: "1".to_owned(),
        });
        let params = json!([
            { "name": "N", "kind": "int", "low": 0, "high": 1000, "step": 1, "log": false, "default": 0 },
            { "name": "F", "kind": "bool", "default": false },
        ]);
        let space = |name: &str| json!({ "template": name, "summary": "", "params": params });
        for task in tasks {
            let hash = ContentHash::of(task.as_bytes());
            bench.apply(Event::TaskInspected {
                task,
                source: hash.clone(),
                inspection: hash,
                document: Body::Inline(json!({ "spaces": [space("a"), space("b")] })),
                templates: vec!["a".to_owned(), "b".to_owned()],
                quality: None,
            });
        }
        bench.apply(Event::EvaluationFrozen {
            lab: "l".to_owned(),
            version: "1".to_owned(),
            tasks: Vec::new(),
            hash: ContentHash::of(b"e"),
            baseline: None,
        });
        bench.apply(Event::PhaseStarted { phase: 3 });
        bench
    }

    pub(crate) fn apply(&mut self, event: Event) {
        let logged = Logged {
            seq: self.state.seq + 1,
            at_ms: self.log.len() as i64,
            actor: Actor::Harness,
            event,
        };
        if let Err(error) = self.state.apply(&logged) {
            panic!("{error}: {:?}", logged.event);
        }
        self.log.push(logged);
    }

    /// Folds the log again: nothing may be true that is not in it.
    pub(crate) fn check(&self) {
        let text = serde_json::to_string(&self.log).expect("events are JSON");
        let log: Vec<Logged> = serde_json::from_str(&text).expect("and come back");
        assert_eq!(State::fold(&log).expect("a legal log"), self.state);
    }

    pub(crate) fn start(&mut self, role: Role, experiment: Option<ExperimentId>) -> AgentId {
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

    /// An experiment on the board that nobody works on yet.
    pub(crate) fn propose(&mut self, task: &str) -> ExperimentId {
        let experiment = self.state.next_experiment();
        self.apply(Event::ExperimentProposed {
            experiment,
            task: task.to_owned(),
            name: "n".to_owned(),
            hypothesis: "h".to_owned(),
            templates: Vec::new(),
            by: None,
            owner: None,
            parent: None,
            kind: Kind::Explore,
        });
        experiment
    }

    pub(crate) fn stop(&mut self, agent: AgentId) {
        self.apply(Event::AgentStopped {
            agent,
            reason: "done".to_owned(),
        });
    }

    /// The answer to a call, or null while it waits for a result.
    pub(crate) fn call(&mut self, agent: AgentId, tool: &str, arguments: Value) -> Value {
        let turn = self.state.agents[&agent].run.turns();
        self.apply(Event::ModelCalled {
            agent,
            turn,
            reply: ModelReply {
                text: Body::Inline(json!("")),
                carry: None,
                calls: vec![RequestedCall {
                    id: "c".to_owned(),
                    tool: tool.to_owned(),
                    arguments: Arguments::Json(arguments),
                }],
                tokens: [0, 0],
                cost_usd: 0.0,
                paused: false,
            },
        });
        self.answer(agent)
    }

    /// Answers the open call of an agent.
    fn answer(&mut self, agent: AgentId) -> Value {
        let Step::CallTools(open) = self.state.agents[&agent].run.next() else {
            panic!("no open call");
        };
        let call = open[0].number;
        let Reply { events, answer, .. } = tools::answer(&self.state, &Inline, agent, call, 0);
        for event in events {
            self.apply(event);
        }
        let Some((status, value)) = answer else {
            return Value::Null;
        };
        self.apply(Event::ToolAnswered {
            agent,
            call,
            answer: Answer {
                status,
                body: Body::Inline(value.clone()),
                pictures: Vec::new(),
            },
        });
        value
    }

    fn moved(&mut self, experiment: ExperimentId, to: BoardState) {
        self.apply(Event::Moved {
            experiment,
            from: self.state.experiments[&experiment].state,
            to,
            reason: String::new(),
        });
    }

    /// Measures what was handed in; without a value it is rejected. An agent
    /// that waits for it is answered.
    pub(crate) fn measure(&mut self, experiment: ExperimentId, value: Option<f64>) -> Value {
        self.apply(Event::Checked {
            experiment,
            fixes: 0,
            verdict: Verdict::Ok,
        });
        for to in [BoardState::Checked, BoardState::Queued, BoardState::Running] {
            self.moved(experiment, to);
        }
        let verdict = match value {
            Some(_) => Verdict::Ok,
            None => Verdict::Rejected {
                stage: "correctness".to_owned(),
                reason: "no".to_owned(),
            },
        };
        self.apply(Event::Measured {
            experiment,
            attempt: 1,
            measurement: Measurement {
                split: Split::Search,
                score: Score {
                    verdict,
                    value,
                    ci: value.map(|value| Interval(value - 0.1, value + 0.1)),
                    n: 5,
                },
                hash: None,
                report: None,
                file: None,
                track: None,
                simulated: false,
                caveats: Vec::new(),
                also: None,
                took_ms: 1,
                idle_ms: None,
            },
        });
        self.moved(experiment, BoardState::Finished);
        let waits = self.state.experiments[&experiment].waiting;
        waits.map_or(Value::Null, |(agent, _)| self.answer(agent))
    }

    /// Somebody proposes a point, a worker hands it in, and it is measured.
    pub(crate) fn round(&mut self, proposal: Value, point: Value, value: f64) -> ExperimentId {
        let strategist = self.start(Role::Strategist, None);
        let answer = self.call(strategist, "propose_experiment", proposal);
        let id = self.state.next_experiment().0 - 1;
        assert_eq!(answer["experiment"], json!(id), "{answer}");
        let id = ExperimentId(id);
        self.stop(strategist);
        let worker = self.start(Role::Worker, Some(id));
        let mut arguments = point;
        arguments["experiment"] = json!(id);
        let answer = self.call(worker, "submit_experiment", arguments);
        assert_eq!(answer, Value::Null, "{answer}");
        self.measure(id, Some(value));
        self.stop(worker);
        self.settle();
        id
    }

    /// Follows the planner as long as it needs no agent: winners have the same
    /// value again.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut events = Vec::new();
            for decision in planner::decide(&self.state, 0, &Kinds) {
                match decision {
                    Decision::Record(event) => events.push(event),
                    Decision::Perform(Effect::Measure {
                        experiment,
                        attempt,
                        split,
                    }) => events.extend(self.again(experiment, attempt, split)),
                    Decision::Perform(_) | Decision::StartAgent { .. } => {}
                }
            }
            if events.is_empty() {
                return;
            }
            for event in events {
                self.apply(event);
            }
        }
    }

    fn again(&self, experiment: ExperimentId, attempt: u32, split: Split) -> Vec<Event> {
        let e = &self.state.experiments[&experiment];
        let first = e.last(Split::Search).expect("it was measured");
        let measured = Event::Measured {
            experiment,
            attempt,
            measurement: Measurement {
                split,
                ..first.measurement.clone()
            },
        };
        std::iter::once(measured).chain(after_measure(e)).collect()
    }
}

/// A proposal on task `x`.
pub(crate) fn proposal(kind: &str, parent: Option<ExperimentId>, templates: &[&str]) -> Value {
    json!({
        "task": "x", "name": "n", "hypothesis": "h", "kind": kind, "parent": parent,
        "templates": templates,
    })
}

/// A point of template `a`.
pub(crate) fn point(n: u32) -> Value {
    json!({ "template": "a", "params": { "N": n } })
}
