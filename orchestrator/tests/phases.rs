//! Phases 0 to 2 as decisions: agents that build and review an evaluation,
//! without models, files or a clock.

use orchestrator::core::agent::{
    Answer, AnswerStatus, Arguments, Ending, ModelReply, RequestedCall, Role, Step,
};
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
use proptest::prelude::*;
use protocol::{ContentHash, Direction};
use serde_json::{Value, json};

struct Inline;

impl Documents for Inline {
    fn document(&self, body: &Body) -> Result<Value, String> {
        match body {
            Body::Inline(value) => Ok(value.clone()),
            Body::Blob(_) => Err("no store here".to_owned()),
        }
    }
}

fn settings(until: u8, wall_s: f64) -> Settings {
    Settings {
        schema: 1,
        adapter: "a".to_owned(),
        domain: "d".to_owned(),
        objective: "o".to_owned(),
        lab: String::new(),
        device: "cpu".to_owned(),
        model: "builtin".to_owned(),
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
        policy: Policy {
            tries_per_worker: 3,
            finalists: 1,
            try_s: 1.0,
            evaluate_s: 1.0,
            remeasure_s: 1.0,
            converged_gain: 0.02,
            turns: 12,
            retry_s: 1.0,
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
    }
}

/// What models say and audits find.
trait World {
    /// The calls of a turn.
    fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)>;
    /// Whether an audit passes; none where it can't be made.
    fn audit(&mut self, round: u32) -> Option<bool>;
    /// Whether the files are still those that were audited.
    fn unchanged(&mut self) -> bool;
}

struct Run {
    state: State,
    now_ms: i64,
    trace: Vec<String>,
}

impl Run {
    fn start(settings: Settings) -> Self {
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

    fn apply(&mut self, event: Event) {
        let logged = Logged {
            seq: self.state.seq + 1,
            at_ms: self.now_ms,
            actor: Actor::Harness,
            event,
        };
        let legal = self.state.apply(&logged);
        legal.unwrap_or_else(|error| panic!("{error}: {:?}", logged.event));
    }

    fn drive(&mut self, world: &mut dyn World) {
        for _ in 0..3000 {
            if matches!(self.state.run, RunState::Finished(_)) {
                return;
            }
            self.step(world);
        }
        panic!("no end: {:?}", self.trace);
    }

    fn step(&mut self, world: &mut dyn World) {
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

    fn reason(&self) -> FinishReason {
        match self.state.run {
            RunState::Finished(reason) => reason,
            other => panic!("not finished: {other:?}"),
        }
    }
}

fn hash() -> ContentHash {
    ContentHash::of(b"x")
}

fn fault(blocking: bool) -> Fault {
    Fault {
        check: "overlap".to_owned(),
        detail: "rows in two parts".to_owned(),
        blocking,
    }
}

/// Agents that do their work; reviewers object in the rounds before `good`.
struct Diligent {
    good: u32,
    round: u32,
}

impl World for Diligent {
    fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)> {
        match (role, turn) {
            (Role::Explorer, 0) => {
                vec![(
                    "update_plan",
                    json!({ "text": "- [ ] look\n- [ ] write\n" }),
                )]
            }
            // Not yet: an item is open.
            (Role::Explorer, 1) => vec![
                ("update_plan", json!({ "check": ["look"] })),
                ("finish", json!({ "summary": "s" })),
            ],
            (Role::Explorer, 2) => vec![("update_plan", json!({ "check": ["write"] }))],
            (Role::Critic, _) => {
                let blocking = self.round < self.good;
                let faults = json!([fault(blocking)]);
                vec![("finish", json!({ "summary": "s", "faults": faults }))]
            }
            (Role::Tester, _) => vec![("finish", json!({ "summary": "s", "faults": [] }))],
            (Role::Builder, 0) => {
                self.round += 1;
                vec![("write_file", json!({ "path": "a", "content": "b" }))]
            }
            _ => vec![("finish", json!({ "summary": "s" }))],
        }
    }

    fn audit(&mut self, round: u32) -> Option<bool> {
        Some(round + 1 >= self.good)
    }

    fn unchanged(&mut self) -> bool {
        true
    }
}

#[test]
fn an_evaluation_passes_once_nobody_objects() {
    let mut run = Run::start(settings(2, 1e6));
    run.drive(&mut Diligent { good: 3, round: 0 });
    assert_eq!(
        run.trace,
        [
            "supervisor",
            "phase 1",
            "explorer",
            "phase 2",
            "builder 1",
            "audit 1",
            "builder 2",
            "audit 2",
            "critic 2",
            "tester 2",
            "builder 3",
            "audit 3",
            "critic 3",
            "tester 3",
            "freeze",
            "finish PhaseDone"
        ]
    );
    // A fault that does not block is kept and holds nobody up.
    assert!(run.state.rounds[2].is_passed());
    assert_eq!(run.state.rounds[2].faults().count(), 1);
}

#[test]
fn rounds_are_bounded_and_a_failure_stops_the_campaign() {
    let mut run = Run::start(settings(3, 1e6));
    run.drive(&mut Diligent { good: 9, round: 0 });
    assert_eq!(run.reason(), FinishReason::EvaluationRejected);
    assert_eq!(run.state.rounds.len(), 3);
    assert!(run.state.frozen.is_none() && run.state.phase == 2);
}

#[test]
fn each_phase_can_be_the_last() {
    for (until, last) in [(0, "supervisor"), (1, "explorer"), (2, "freeze")] {
        let mut run = Run::start(settings(until, 1e6));
        run.drive(&mut Diligent { good: 1, round: 0 });
        assert_eq!(run.reason(), FinishReason::PhaseDone);
        let end = run.trace.len() - 2;
        assert_eq!(run.trace[end], last);
        assert_eq!(run.state.phase, until);
    }
}

/// One role talks and never calls a tool.
struct OnlyTalks(Role, Diligent);

impl World for OnlyTalks {
    fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)> {
        if role == self.0 {
            Vec::new()
        } else {
            self.1.calls(role, turn)
        }
    }

    fn audit(&mut self, round: u32) -> Option<bool> {
        self.1.audit(round)
    }

    fn unchanged(&mut self) -> bool {
        true
    }
}

#[test]
fn a_model_that_only_talks_is_bounded_in_every_role() {
    for (role, reason) in [
        (Role::Supervisor, FinishReason::PhaseFailed),
        (Role::Explorer, FinishReason::PhaseFailed),
        (Role::Builder, FinishReason::EvaluationRejected),
        (Role::Critic, FinishReason::EvaluationRejected),
        (Role::Tester, FinishReason::EvaluationRejected),
    ] {
        let mut run = Run::start(settings(2, 1e6));
        run.drive(&mut OnlyTalks(role, Diligent { good: 1, round: 0 }));
        assert_eq!(run.reason(), reason, "{role:?}");
        let talkers = run.state.agents.values().filter(|a| a.role == role);
        assert!(talkers.clone().count() <= 6, "{role:?}");
        for agent in talkers {
            assert_eq!(agent.run.ending(), Some(&Ending::Incoherent));
        }
    }
}

#[test]
fn an_exploration_with_open_items_needs_a_reason() {
    struct Hasty;
    impl World for Hasty {
        fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)> {
            match (role, turn) {
                (Role::Explorer, 0) => vec![
                    ("update_plan", json!({ "text": "- [ ] look\n" })),
                    (
                        "finish",
                        json!({ "summary": "s", "open_because": "no data" }),
                    ),
                ],
                _ => vec![("finish", json!({ "summary": "s" }))],
            }
        }
        fn audit(&mut self, _: u32) -> Option<bool> {
            None
        }
        fn unchanged(&mut self) -> bool {
            true
        }
    }
    let mut run = Run::start(settings(1, 1e6));
    run.drive(&mut Hasty);
    assert_eq!(run.reason(), FinishReason::PhaseDone);
    // Without one, the call is refused and the agent goes on.
    let mut run = Run::start(settings(1, 1e6));
    run.drive(&mut Diligent { good: 1, round: 0 });
    let explorer = run.state.agents.values().find(|a| a.role == Role::Explorer);
    assert_eq!(explorer.expect("one").run.turns(), 4);
}

#[test]
fn an_auditor_that_does_not_work_loses_the_round() {
    struct NoAuditor(Diligent);
    impl World for NoAuditor {
        fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)> {
            self.0.calls(role, turn)
        }
        fn audit(&mut self, _: u32) -> Option<bool> {
            None
        }
        fn unchanged(&mut self) -> bool {
            true
        }
    }
    let mut run = Run::start(settings(2, 1e6));
    run.drive(&mut NoAuditor(Diligent { good: 1, round: 0 }));
    assert_eq!(run.reason(), FinishReason::EvaluationRejected);
    let told: Vec<_> = run.state.rounds[0].faults().collect();
    assert!(told[0].1.detail.contains("no interpreter"), "{told:?}");
}

/// An explorer that has its work done by others.
struct Delegates {
    idle: bool,
}

impl World for Delegates {
    fn calls(&mut self, role: Role, turn: u32) -> Vec<(&'static str, Value)> {
        match (role, turn) {
            (Role::Explorer, 0) => vec![
                ("update_plan", json!({ "text": "- [ ] look\n" })),
                ("spawn_agent", json!({ "task": "count the rows" })),
            ],
            (Role::Explorer, 1) => vec![
                ("update_plan", json!({ "check": ["look"] })),
                ("finish", json!({ "summary": "s" })),
            ],
            (Role::Assistant, 0) => vec![("shell", json!({ "command": "wc -l x" }))],
            (Role::Assistant, _) if self.idle => Vec::new(),
            (Role::Assistant, _) => vec![
                // It has no assistants of its own.
                ("spawn_agent", json!({ "task": "count" })),
                ("finish", json!({ "summary": "7 rows" })),
            ],
            _ => vec![("finish", json!({ "summary": "s" }))],
        }
    }

    fn audit(&mut self, _: u32) -> Option<bool> {
        Some(true)
    }

    fn unchanged(&mut self) -> bool {
        true
    }
}

#[test]
fn an_assistant_works_while_its_leader_waits() {
    for (idle, ending) in [(false, Ending::Finished), (true, Ending::Incoherent)] {
        let mut run = Run::start(settings(1, 1e6));
        run.drive(&mut Delegates { idle });
        assert_eq!(
            run.trace,
            [
                "supervisor",
                "phase 1",
                "explorer",
                "assistant",
                "finish PhaseDone"
            ]
        );
        let of = |role| {
            let mut agents = run.state.agents.values();
            agents.find(|agent| agent.role == role).expect("one")
        };
        assert_eq!(of(Role::Assistant).run.ending(), Some(&ending));
        assert_eq!(of(Role::Assistant).last_words.is_some(), !idle);
        assert_eq!(of(Role::Explorer).run.turns(), 2);
    }
}

#[test]
fn an_assistant_ends_with_whoever_asked_for_it() {
    let mut run = Run::start(settings(1, 1e6));
    let mut world = Delegates { idle: false };
    while !run.state.agents.values().any(|a| a.role == Role::Assistant) {
        run.step(&mut world);
    }
    let leader = run
        .state
        .agents
        .values()
        .find(|a| a.role == Role::Explorer)
        .expect("one")
        .id;
    run.apply(Event::AgentStopped {
        agent: leader,
        reason: "enough".to_owned(),
    });
    run.step(&mut world);
    let assistant = run
        .state
        .agents
        .values()
        .find(|a| a.role == Role::Assistant)
        .expect("one");
    assert!(matches!(
        assistant.run.ending(),
        Some(Ending::Stopped { .. })
    ));
}

/// Anything at all.
struct Chaos {
    dice: Vec<u8>,
    at: usize,
}

impl Chaos {
    fn roll(&mut self, sides: u8) -> u8 {
        self.at += 1;
        let wave = (self.at / self.dice.len()) as u8;
        self.dice[self.at % self.dice.len()].wrapping_add(wave) % sides
    }
}

impl World for Chaos {
    fn calls(&mut self, _: Role, _: u32) -> Vec<(&'static str, Value)> {
        let count = self.roll(3);
        (0..count)
            .map(|_| match self.roll(11) {
                0 => ("read_board", json!({})),
                1 => ("update_plan", json!({ "text": "- [ ] a\n" })),
                2 => ("update_plan", json!({ "check": ["a"] })),
                3 => ("shell", json!({ "command": "ls" })),
                4 => ("read_file", json!({ "path": "a" })),
                5 => ("finish", json!({ "summary": "s" })),
                6 => ("finish", json!({ "summary": "s", "faults": [] })),
                7 => (
                    "finish",
                    json!({ "summary": "s", "faults": [fault(self.roll(2) == 0)] }),
                ),
                8 => ("finish", json!({ "summary": "s", "cannot": "no" })),
                9 if self.roll(2) == 0 => ("lab_try", json!({})),
                9 => ("spawn_agent", json!({ "task": "t" })),
                _ => ("submit_experiment", json!({ "x": 1 })),
            })
            .collect()
    }

    fn audit(&mut self, _: u32) -> Option<bool> {
        match self.roll(4) {
            0 => None,
            1 => Some(false),
            _ => Some(true),
        }
    }

    fn unchanged(&mut self) -> bool {
        self.roll(3) > 0
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn chaos_ends_and_nothing_is_frozen_that_did_not_pass(
        dice in proptest::collection::vec(any::<u8>(), 100..300),
        until in 0..3_u8,
        wall_s in 1.0..2000.0_f64,
    ) {
        let mut run = Run::start(settings(until, wall_s));
        run.drive(&mut Chaos { dice, at: 0 });
        prop_assert!(run.state.rounds.len() <= 3);
        prop_assert!(run.state.phase <= until);
        prop_assert!(run.state.live_agents().next().is_none());
        let reason = run.reason();
        if let Some(round) = run.state.rounds.last() {
            prop_assert!(run.state.frozen.is_none() || round.is_passed());
            prop_assert_eq!(reason == FinishReason::PhaseDone && until == 2, run.state.frozen.is_some());
        }
        for agent in run.state.agents.values() {
            prop_assert!(matches!(agent.run.next(), Step::Done(_)));
        }
    }
}
