//! The planner in a simulated world: whatever models and labs do, every
//! decision is legal and the campaign ends.

#[path = "planner/chaos.rs"]
mod chaos;
#[path = "planner/settings.rs"]
mod settings;
#[path = "planner/several.rs"]
mod several;

use std::fmt::Write;

use orchestrator::core::agent::{Answer, AnswerStatus, Entry, ModelReply};
use orchestrator::core::board::BoardState;
use orchestrator::core::event::{Actor, Body, Event, FailureCost, Logged, Measurement, Score};
use orchestrator::core::planner::{Decision, Effect, after_check, after_measure, decide};
use orchestrator::core::settings::Settings;
use orchestrator::core::staff::StaffSettings;
use orchestrator::core::state::{RunState, State};
use orchestrator::core::steer::Steer;
use orchestrator::model::builtin::Builtin;
use orchestrator::model::{ChatModel, Message, ToolSchema, TurnRequest};
use orchestrator::tools::{self, Documents, Kinds, LabRequest};
use protocol::{ContentHash, Interval, Verdict};
use serde_json::{Value, json};
use settings::settings;

struct Inline;

impl Documents for Inline {
    fn document(&self, body: &Body) -> Result<Value, String> {
        match body {
            Body::Inline(value) => Ok(value.clone()),
            Body::Blob(hash) => Err(format!("no blob {hash}")),
        }
    }
}

/// Whether the lab fails at an act.
enum Fails {
    Not,
    /// And says to come back, in milliseconds.
    Later(i64),
    Always,
}

/// Chooses what models and labs do.
trait World {
    fn model(&mut self, state: &State, agent: orchestrator::core::ids::AgentId) -> ModelReply;
    fn verdict(&mut self) -> Verdict;
    fn value(&mut self, what: &str) -> f64;
    fn lab_fails(&mut self) -> Fails;
    /// What happens in the place of a turn; nothing, if it is answered.
    fn model_fails(&mut self, _: &State, _: orchestrator::core::ids::AgentId) -> Vec<Event> {
        Vec::new()
    }
}

struct Run {
    state: State,
    now_ms: i64,
    trace: String,
}

impl Run {
    fn apply(&mut self, event: Event) {
        self.now_ms += 50;
        let next = Logged {
            seq: self.state.seq + 1,
            at_ms: self.now_ms,
            actor: Actor::Harness,
            event,
        };
        if let Err(error) = self.state.apply(&next) {
            panic!("{error}: {:?}\n{}", next.event, self.trace);
        }
    }

    fn answer(&mut self, agent: orchestrator::core::ids::AgentId, call: u32, reply: tools::Reply) {
        for event in reply.events {
            self.apply(event);
        }
        if let Some((status, value)) = reply.answer {
            let answer = Answer {
                status,
                body: Body::Inline(value),
                pictures: Vec::new(),
            };
            self.apply(Event::ToolAnswered {
                agent,
                call,
                answer,
            });
        }
    }

    fn perform(&mut self, effect: Effect, world: &mut dyn World) {
        let _ = writeln!(self.trace, "{}", short(&effect));
        if let Some(key) = effect.key()
            && !matches!(effect, Effect::Model { .. })
        {
            self.apply(Event::EffectIntended {
                key: key.clone(),
                reserved: None,
            });
            self.now_ms += 500;
            let fails = match effect {
                Effect::Describe => Fails::Not,
                _ => world.lab_fails(),
            };
            let retry_at_ms = match fails {
                Fails::Not => None,
                Fails::Later(after) => Some(Some(self.now_ms + after)),
                Fails::Always => Some(None),
            };
            if let Some(retry_at_ms) = retry_at_ms {
                let error = "busy".to_owned();
                self.apply(Event::EffectFailed {
                    key,
                    error,
                    retry_at_ms,
                    cost: FailureCost::Nothing,
                });
                if let Effect::Measure { experiment, .. } = effect
                    && self.state.experiments[&experiment].state == BoardState::Running
                {
                    self.apply(Event::Moved {
                        experiment,
                        from: BoardState::Running,
                        to: BoardState::Queued,
                        reason: String::new(),
                    });
                }
                return;
            }
        }
        match effect {
            Effect::Describe => self.apply(Event::LabDescribed {
                lab: "l".to_owned(),
                version: "1".to_owned(),
            }),
            Effect::Inspect { task } => {
                let space = |name: &str| {
                    json!({
                        "template": name, "summary": "",
                        "params": [{ "name": "F", "kind": "bool", "default": false }],
                    })
                };
                let hash = ContentHash::of(task.as_bytes());
                self.apply(Event::TaskInspected {
                    document: Body::Inline(
                        json!({ "schema": 1, "task": task, "facts": {}, "spaces": [space("t")] }),
                    ),
                    task,
                    source: hash.clone(),
                    inspection: hash,
                    templates: vec!["t".to_owned()],
                    quality: None,
                });
            }
            Effect::Model { agent, turn } => {
                let failed = world.model_fails(&self.state, agent);
                if !failed.is_empty() {
                    for event in failed {
                        self.apply(event);
                    }
                    return;
                }
                let reply = world.model(&self.state, agent);
                self.apply(Event::ModelCalled { agent, turn, reply });
            }
            Effect::Answer { agent, call } => {
                let reply = tools::answer(&self.state, &Inline, agent, call, self.now_ms);
                self.answer(agent, call, reply);
            }
            Effect::Refuse {
                agent,
                call,
                reason,
            } => {
                let answer = Answer {
                    status: AnswerStatus::Failed,
                    body: Body::Inline(json!({ "error": reason })),
                    pictures: Vec::new(),
                };
                self.apply(Event::ToolAnswered {
                    agent,
                    call,
                    answer,
                });
            }
            Effect::Tool { agent, call } => self.lab_tool(agent, call, world),
            Effect::Work { .. }
            | Effect::Audit { .. }
            | Effect::Freeze
            | Effect::Draw { .. }
            | Effect::Ablate { .. } => {
                panic!("a lab measures here, what agents hand in")
            }
            Effect::Check { experiment, .. } => {
                let verdict = world.verdict();
                for event in after_check(&self.state.experiments[&experiment], verdict) {
                    self.apply(event);
                }
            }
            Effect::Measure {
                experiment,
                attempt,
                split,
            } => {
                let verdict = world.verdict();
                let value = world.value(&format!("{experiment}/{split:?}"));
                let measurement = Measurement {
                    split,
                    score: score(verdict, value),
                    hash: None,
                    report: None,
                    file: None,
                    track: None,
                    simulated: false,
                    caveats: Vec::new(),
                    also: None,
                    took_ms: 2000,
                    idle_ms: None,
                };
                let next = after_measure(&self.state.experiments[&experiment]);
                self.apply(Event::Measured {
                    experiment,
                    attempt,
                    measurement,
                });
                if let Some(next) = next {
                    self.apply(next);
                }
            }
        }
    }

    fn lab_tool(
        &mut self,
        agent: orchestrator::core::ids::AgentId,
        call: u32,
        world: &mut dyn World,
    ) {
        match tools::before_lab(&self.state, &Inline, agent, call, self.now_ms) {
            Err(reply) => self.answer(agent, call, reply),
            Ok((task, LabRequest::Try(candidate, _))) => {
                let id = self.state.next_try();
                let value = world.value(&serde_json::to_string(&candidate).expect("JSON"));
                let score = score(world.verdict(), value);
                let left = 2_u32.saturating_sub(self.state.agents[&agent].tries);
                let body =
                    json!({ "try": id, "result": tools::score_json(&score), "tries_left": left });
                self.apply(Event::Tried {
                    id,
                    agent,
                    task,
                    candidate,
                    score,
                });
                let answer = Answer {
                    status: AnswerStatus::Ok,
                    body: Body::Inline(body),
                    pictures: Vec::new(),
                };
                self.apply(Event::ToolAnswered {
                    agent,
                    call,
                    answer,
                });
            }
            Ok((_, LabRequest::Check(..))) => {
                let answer = Answer {
                    status: AnswerStatus::Ok,
                    body: Body::Inline(json!({})),
                    pictures: Vec::new(),
                };
                self.apply(Event::ToolAnswered {
                    agent,
                    call,
                    answer,
                });
            }
        }
    }

    /// Until the campaign is over.
    fn drive(&mut self, world: &mut dyn World) {
        for _ in 0..20_000 {
            match self.state.run {
                RunState::Finished(_) => return,
                RunState::Stopped => self.let_go_on(),
                RunState::New | RunState::Running => {}
            }
            let decisions = decide(&self.state, self.now_ms, &Kinds);
            let records: Vec<Decision> = decisions
                .iter()
                .filter(|d| !matches!(d, Decision::Perform(_)))
                .cloned()
                .collect();
            if !records.is_empty() {
                for decision in records {
                    self.record(decision);
                }
                continue;
            }
            if let Some(Decision::Perform(effect)) = decisions.into_iter().next() {
                self.perform(effect, world);
            } else {
                // Something waits for its next try.
                assert!(!self.state.failures.is_empty(), "stuck\n{}", self.trace);
                self.now_ms += 1000;
            }
        }
        panic!("no end\n{}", self.trace);
    }

    /// A person takes a campaign up again in which all was paused.
    fn let_go_on(&mut self) {
        let paused: Vec<String> = self.state.staff.paused.keys().cloned().collect();
        assert!(!paused.is_empty(), "nothing is paused\n{}", self.trace);
        for task in paused {
            let request = self.state.seq.to_string();
            let what = Steer::ResumeTask { task };
            self.apply(Event::Steered { what, request });
        }
        self.apply(Event::CampaignResumed {});
    }

    fn record(&mut self, decision: Decision) {
        match decision {
            Decision::Record(event) => {
                let _ = writeln!(self.trace, "{}", short_event(&event));
                self.apply(event);
            }
            Decision::StartAgent {
                role,
                experiment,
                round,
                under: _,
                tries_until_wall_s,
            } => {
                let agent = self.state.next_agent();
                let on = experiment.map_or(String::new(), |id| format!(" on {id}"));
                let _ = writeln!(self.trace, "start {} {agent}{on}", role.word());
                self.apply(Event::AgentStarted {
                    agent,
                    role,
                    experiment,
                    round,
                    under: None,
                    prompt: Body::Inline(json!("")),
                    tries_until_wall_s,
                    model: self.state.model_for(role, None, &[]),
                });
            }
            Decision::Perform(_) => {}
        }
    }
}

fn score(verdict: Verdict, value: f64) -> Score {
    Score {
        value: verdict.is_ok().then_some(value),
        ci: verdict
            .is_ok()
            .then_some(Interval(value * 0.98, value * 1.02)),
        verdict,
        n: 5,
    }
}

fn short(effect: &Effect) -> String {
    match effect {
        Effect::Describe => "describe".to_owned(),
        Effect::Inspect { task } => format!("inspect {task}"),
        Effect::Model { agent, turn } => format!("  {agent} turn {turn}"),
        Effect::Answer { agent, call } => format!("    {agent} answer {call}"),
        Effect::Refuse { agent, call, .. } => format!("    {agent} refuse {call}"),
        Effect::Tool { agent, call } => format!("    {agent} lab {call}"),
        Effect::Work { agent, call } => format!("    {agent} work {call}"),
        Effect::Audit { round } => format!("audit round {round}"),
        Effect::Freeze => "freeze".to_owned(),
        Effect::Draw { task } => format!("draw {task}"),
        Effect::Ablate { task } => format!("ablate {task}"),
        Effect::Check { experiment, fixes } => format!("check {experiment} ({fixes} fixes)"),
        Effect::Measure {
            experiment,
            attempt,
            split,
        } => format!("measure {experiment} attempt {attempt} on {split:?}"),
    }
}

fn short_event(event: &Event) -> String {
    match event {
        Event::Moved {
            experiment,
            from,
            to,
            ..
        } => format!("move {experiment} {} -> {}", from.word(), to.word()),
        Event::EvaluationFrozen { tasks, .. } => format!("freeze {} tasks", tasks.len()),
        Event::AgentStopped { agent, reason } => format!("stop {agent}: {reason}"),
        Event::TaskClosed { task, reason } => format!("close {task}: {reason}"),
        other => format!("{other:?}"),
    }
}

fn start(settings: Settings) -> Run {
    let mut run = Run {
        state: State::default(),
        now_ms: 0,
        trace: String::new(),
    };
    run.apply(Event::CampaignStarted {
        settings: Box::new(settings),
    });
    run
}

/// The built-in model and a lab whose scores follow from the candidate.
struct Orderly;

impl World for Orderly {
    fn model(&mut self, state: &State, agent: orchestrator::core::ids::AgentId) -> ModelReply {
        let agent = &state.agents[&agent];
        let inline = |body: &Body| Inline.document(body).expect("in place");
        let messages = agent
            .run
            .entries()
            .iter()
            .map(|entry| match entry {
                Entry::Brief { .. } => panic!("nothing is long here"),
                Entry::Harness { text } => Message::User { text: text.clone() },
                Entry::Model { calls, .. } => Message::Assistant {
                    text: String::new(),
                    calls: calls.iter().map(|call| call.requested.clone()).collect(),
                    carry: None,
                },
                Entry::Tool {
                    id, tool, answer, ..
                } => Message::Tool {
                    id: id.clone(),
                    tool: tool.clone(),
                    ok: matches!(answer.status, AnswerStatus::Ok | AnswerStatus::Ends),
                    body: inline(&answer.body).into(),
                    images: Vec::new(),
                },
            })
            .collect();
        let request = TurnRequest {
            agent: agent.id,
            turn: agent.run.turns(),
            role: agent.role,
            system: String::new(),
            messages,
            tools: tools::all()
                .iter()
                .filter(|tool| tool.roles.contains(&agent.role))
                .map(|tool| ToolSchema {
                    name: tool.name.to_owned(),
                    description: String::new(),
                    schema: tool.schema.clone(),
                })
                .collect(),
            max_output_tokens: 1,
        };
        let response = Builtin.turn(&request, &mut |_| ()).expect("an answer");
        ModelReply {
            text: Body::Inline(json!("")),
            carry: None,
            calls: response.calls,
            tokens: [0, 0],
            cost_usd: 0.0,
            paused: false,
        }
    }

    fn verdict(&mut self) -> Verdict {
        Verdict::Ok
    }

    fn value(&mut self, what: &str) -> f64 {
        if what.contains("true") || what.contains("0001") {
            2.0
        } else {
            1.5
        }
    }

    fn lab_fails(&mut self) -> Fails {
        Fails::Not
    }
}

/// One round on each task with everybody who can be called.
#[test]
fn a_campaign_with_a_staff() {
    let staff = Some(StaffSettings {
        milestone_every: 1,
        ..StaffSettings::default()
    });
    let mut run = start(Settings {
        staff,
        ..settings(1, 2, 1000.0)
    });
    run.drive(&mut Orderly);
    insta::assert_snapshot!("staff", run.trace);
    assert_eq!(run.state.staff.milestones.len(), 2);
    let rulings = run
        .state
        .experiments
        .values()
        .filter_map(|e| e.ruling.as_ref());
    assert_eq!(rulings.count(), 2);
}

#[test]
fn an_orderly_campaign() {
    let mut run = start(settings(1, 4, 1000.0));
    run.drive(&mut Orderly);
    insta::assert_snapshot!("orderly", run.trace);
}
