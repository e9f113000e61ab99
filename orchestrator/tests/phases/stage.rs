//! A campaign without models, files or a clock: who decides is real, what
//! models say and audits find is a test's.

use orchestrator::core::agent::{Answer, AnswerStatus, Arguments, ModelReply, RequestedCall, Role};
use orchestrator::core::event::{
    Actor, Body, EffectKey, Event, FinishReason, FrozenTask, Logged, Under,
};
use orchestrator::core::ids::AgentId;
use orchestrator::core::planner::{Decision, Effect, decide};
use orchestrator::core::rounds::{Audited, Fault};
use orchestrator::core::settings::{
    EvaluationSettings, Limits, MetricSettings, Policy, Settings, TaskSource,
};
use orchestrator::core::state::{RunState, State};
use orchestrator::tools::{self, Documents, Kinds};
use protocol::{ContentHash, Direction};
use serde_json::{Value, json};

pub(crate) struct Inline;

impl Documents for Inline {
    fn document(&self, body: &Body) -> Result<Value, String> {
        match body {
            Body::Inline(value) => Ok(value.clone()),
            Body::Blob(_) => Err("no store here".to_owned()),
        }
    }
}

pub(crate) fn settings(until: u8, wall_s: f64) -> Settings {
    Settings {
        schema: 1,
        adapter: "a".to_owned(),
        domain: "d".to_owned(),
        objective: "o".to_owned(),
        lab: String::new(),
        device: "cpu".to_owned(),
        arch: None,
        simulated: false,
        model: "builtin".to_owned(),
        models: orchestrator::core::models::ModelSettings::default(),
        executor: "local".to_owned(),
        workers: 1,
        seed: 1,
        metric: MetricSettings {
            name: "rmse".to_owned(),
            unit: "m".to_owned(),
            direction: Direction::Minimise,
            baseline: "b".to_owned(),
            baseline_value: Some(1.0),
        },
        limits: Limits {
            experiments: Some(4),
            wall_s: Some(wall_s),
            usd: None,
            tokens: None,
        },
        shares: std::collections::BTreeMap::new(),
        strategy: orchestrator::core::strategy::Strategy::Full,
        staff: None,
        ablations: 0,
        gates: Vec::new(),
        policy: Policy {
            tries_per_worker: 3,
            finalists: 1,
            try_s: 1.0,
            evaluate_s: 1.0,
            remeasure_s: 1.0,
            converged_gain: 0.02,
            turns: 12,
            retry_s: 1.0,
            statistics: orchestrator::core::statistics::Statistics::default(),
            search: orchestrator::core::search_policy::SearchPolicy::default(),
        },
        tasks: vec![TaskSource {
            name: "a".to_owned(),
            source: "/data".to_owned(),
        }],
        data: "/data".to_owned(),
        until,
        evaluation: Some(EvaluationSettings {
            rounds: 3,
            command_s: 10,
            timeout_s: 10,
        }),
        web: None,
        python: None,
    }
}

/// What models say and audits find.
pub(crate) trait World {
    /// The calls of a turn.
    fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)>;
    /// Whether an audit passes; none where it can't be made.
    fn audit(&mut self, round: u32) -> Option<bool>;
    /// Whether the files are still those that were audited.
    fn unchanged(&mut self) -> bool;
}

pub(crate) struct Run {
    pub(crate) state: State,
    now_ms: i64,
    pub(crate) trace: Vec<String>,
}

impl Run {
    pub(crate) fn start(settings: Settings) -> Self {
        let mut run = Self {
            state: State::default(),
            now_ms: 0,
            trace: Vec::new(),
        };
        run.apply(Event::CampaignStarted {
            settings: Box::new(settings),
        });
        run
    }

    pub(crate) fn apply(&mut self, event: Event) {
        let logged = Logged {
            seq: self.state.seq + 1,
            at_ms: self.now_ms,
            actor: Actor::Harness,
            event,
        };
        let legal = self.state.apply(&logged);
        legal.unwrap_or_else(|error| panic!("{error}: {:?}", logged.event));
    }

    pub(crate) fn drive(&mut self, world: &mut dyn World) {
        for _ in 0..3000 {
            if matches!(self.state.run, RunState::Finished(_)) {
                return;
            }
            self.step(world);
        }
        panic!("no end: {:?}", self.trace);
    }

    pub(crate) fn step(&mut self, world: &mut dyn World) {
        self.now_ms += 10;
        let decisions = decide(&self.state, self.now_ms, &Kinds);
        let mut recorded = false;
        for decision in &decisions {
            recorded |= self.record(decision);
        }
        if recorded {
            return;
        }
        let effect = decisions.into_iter().find_map(|decision| match decision {
            Decision::Perform(effect) => Some(effect),
            Decision::Record(_) | Decision::StartAgent { .. } => None,
        });
        match effect {
            Some(effect) => self.perform(&effect, world),
            None => self.now_ms += 500,
        }
    }

    fn record(&mut self, decision: &Decision) -> bool {
        match decision {
            Decision::Record(event) => {
                self.trace.push(match event {
                    Event::PhaseStarted { phase } => format!("phase {phase}"),
                    Event::RoundUndone { round, what } => format!("undone {round}: {what}"),
                    Event::CampaignFinished { reason } => format!("finish {reason:?}"),
                    other => format!("{other:?}"),
                });
                self.apply(event.clone());
            }
            Decision::StartAgent {
                role,
                experiment,
                round,
                under,
                tries_until_wall_s,
            } => {
                let on = round.map_or(String::new(), |round| format!(" {round}"));
                self.trace.push(format!("{}{on}", role.word()));
                self.apply(Event::AgentStarted {
                    agent: self.state.next_agent(),
                    role: *role,
                    experiment: *experiment,
                    round: *round,
                    under: under.map(|(agent, call)| Under {
                        agent,
                        call,
                        usd: None,
                        tokens: None,
                    }),
                    prompt: Body::Inline(json!("")),
                    tries_until_wall_s: *tries_until_wall_s,
                    model: None,
                });
            }
            Decision::Perform(_) => return false,
        }
        true
    }

    fn perform(&mut self, effect: &Effect, world: &mut dyn World) {
        match *effect {
            Effect::Model { agent, turn } => {
                let role = self.state.agents[&agent].role;
                let calls = world.calls(role, turn).into_iter().enumerate();
                let calls = calls
                    .map(|(place, (tool, arguments))| RequestedCall {
                        id: format!("c{place}"),
                        tool: tool.to_owned(),
                        arguments: Arguments::Json(arguments),
                    })
                    .collect();
                let reply = ModelReply {
                    text: Body::Inline(json!("")),
                    carry: None,
                    calls,
                    tokens: [1, 1],
                    cost_usd: 0.0,
                    paused: false,
                };
                self.apply(Event::ModelCalled { agent, turn, reply });
            }
            Effect::Answer { agent, call } => {
                let reply = tools::answer(&self.state, &Inline, agent, call, self.now_ms);
                for event in reply.events {
                    self.apply(event);
                }
                if let Some((status, body)) = reply.answer {
                    self.answered(agent, call, status, body);
                }
            }
            Effect::Work { agent, call } => {
                match tools::before_work(&self.state, &Inline, agent, call) {
                    Ok(_) => self.answered(agent, call, AnswerStatus::Ok, json!({})),
                    Err(reply) => {
                        let (status, body) = reply.answer.expect("an answer");
                        self.answered(agent, call, status, body);
                    }
                }
            }
            Effect::Audit { round } => self.audited(round, world),
            Effect::Freeze => self.frozen(world),
            // Nobody here may ask a lab: the call is refused before one is.
            Effect::Tool { agent, call } => {
                let refused = tools::before_lab(&self.state, &Inline, agent, call, self.now_ms);
                let reply = refused.expect_err("a refusal");
                let (status, body) = reply.answer.expect("an answer");
                self.answered(agent, call, status, body);
            }
            Effect::Refuse { .. }
            | Effect::Describe
            | Effect::Inspect { .. }
            | Effect::Draw { .. }
            | Effect::Ablate { .. }
            | Effect::Check { .. }
            | Effect::Measure { .. } => panic!("no lab measures here: {effect:?}"),
        }
    }

    fn audited(&mut self, round: u32, world: &mut dyn World) {
        self.trace.push(format!("audit {round}"));
        let key = EffectKey::Audit { round };
        self.apply(Event::EffectIntended {
            key: key.clone(),
            reserved: None,
        });
        let Some(passed) = world.audit(round) else {
            self.apply(Event::EffectFailed {
                key,
                error: "no interpreter".to_owned(),
                retry_at_ms: Some(self.now_ms + 100),
                cost: orchestrator::core::event::FailureCost::Nothing,
            });
            return;
        };
        let faults = if passed {
            Vec::new()
        } else {
            vec![fault(true)]
        };
        self.apply(Event::AuditDone {
            round,
            audited: Box::new(Audited {
                passed,
                faults,
                mutants: Some([3, 3]),
                baseline: None,
                document: Body::Inline(json!({})),
                evaluation: Some(hash()),
                data: Some(hash()),
            }),
        });
    }

    fn frozen(&mut self, world: &mut dyn World) {
        self.trace.push("freeze".to_owned());
        if world.unchanged() {
            self.apply(Event::EvaluationFrozen {
                lab: String::new(),
                version: String::new(),
                tasks: vec![FrozenTask {
                    name: "a".to_owned(),
                    source: hash(),
                    inspection: hash(),
                }],
                hash: hash(),
                baseline: None,
            });
        } else {
            let round = self.state.rounds.last().expect("a round").number;
            self.apply(Event::RoundUndone {
                round,
                what: "changed".to_owned(),
            });
        }
    }

    fn answered(&mut self, agent: AgentId, call: u32, status: AnswerStatus, body: Value) {
        self.apply(Event::ToolAnswered {
            agent,
            call,
            answer: Answer {
                status,
                body: Body::Inline(body),
                pictures: Vec::new(),
            },
        });
    }

    pub(crate) fn reason(&self) -> FinishReason {
        match self.state.run {
            RunState::Finished(reason) => reason,
            other => panic!("not finished: {other:?}"),
        }
    }
}

pub(crate) fn hash() -> ContentHash {
    ContentHash::of(b"x")
}

pub(crate) fn fault(blocking: bool) -> Fault {
    Fault {
        check: "overlap".to_owned(),
        detail: "rows in two parts".to_owned(),
        blocking,
    }
}
