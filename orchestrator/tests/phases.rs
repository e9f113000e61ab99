//! Phases 0 to 2 as decisions: agents that build and review an evaluation,
//! without models, files or a clock.

#[path = "phases/stage.rs"]
mod stage;

use orchestrator::core::agent::{Ending, Role, Step};
use orchestrator::core::event::{Event, FinishReason};
use proptest::prelude::*;
use serde_json::{Value, json};
use stage::{Run, World, fault, settings};

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
