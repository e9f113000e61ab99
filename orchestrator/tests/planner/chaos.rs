//! Whatever models say and labs do, a campaign ends and every decision is legal.

use std::collections::BTreeMap;

use orchestrator::core::agent::{Arguments, ModelReply, RequestedCall, Role};
use orchestrator::core::event::Body;
use orchestrator::core::rank;
use orchestrator::core::settings::Settings;
use orchestrator::core::staff::{Analyze, StaffSettings};
use orchestrator::core::state::State;
use proptest::prelude::*;
use protocol::{Split, Verdict};
use serde_json::json;

use super::settings::settings;
use super::{Fails, World, start};

/// Models that call anything, labs that fail at random.
pub(super) struct Chaos {
    pub(super) dice: Vec<u8>,
    pub(super) at: usize,
}

impl Chaos {
    pub(super) fn roll(&mut self, sides: u8) -> u8 {
        self.at += 1;
        self.dice[self.at % self.dice.len()].wrapping_add((self.at / self.dice.len()) as u8) % sides
    }
}

impl World for Chaos {
    fn model(&mut self, state: &State, _: orchestrator::core::ids::AgentId) -> ModelReply {
        let task = state.tasks[usize::from(self.roll(2))].name.clone();
        let id = u32::from(self.roll(5)) + 1;
        let flag = self.roll(2) == 0;
        let point = json!({ "template": "t", "params": { "F": flag } });
        let calls = (0..self.roll(3))
            .map(|place| {
                let (tool, arguments) = match self.roll(20) {
                    0 => ("read_board", json!({})),
                    1 => ("lab_inspect", json!({ "task": task })),
                    2 => ("lab_try", point.clone()),
                    3 => ("lab_check", point.clone()),
                    4 => ("propose_experiment", json!({ "task": task, "name": "n", "hypothesis": "h" })),
                    5 => ("cancel_experiment", json!({ "experiment": id, "reason": "r" })),
                    6 => ("submit_experiment", json!({ "experiment": id, "template": "t", "params": { "F": flag } })),
                    7 => ("submit_experiment", point.clone()),
                    8 => ("update_playbook", json!({ "entries": [{ "claim": "c", "compare": [{ "with": { "experiment": id } }] }] })),
                    9 => ("finish", json!({ "summary": "s", "close": [{ "task": task, "reason": "r" }] })),
                    10 => ("finish", json!({ "summary": "s" })),
                    11 => ("write_milestone", json!({ "text": "All [[count.measured]] of them." })),
                    12 => ("write_milestone", json!({ "text": "It is 1.5 times as fast." })),
                    13 => ("finish", json!({ "verdict": "demote", "reason": "r", "evidence": [{ "place": "select", "seen": "s" }] })),
                    14 => ("finish", json!({ "verdict": "pass", "reason": "r" })),
                    15 => ("finish", json!({ "diagnosis": "d", "give_up": flag })),
                    16 => ("finish", json!({ "conclusion": "c" })),
                    17 => ("pause_work", json!({ "task": task, "reason": "r" })),
                    18 => ("resume_work", json!({ "task": task, "reason": "r" })),
                    _ => ("no_such_tool", json!({ "x": 1 })),
                };
                let arguments = match self.roll(9) {
                    0 => Arguments::Malformed("{".to_owned()),
                    1 => Arguments::Json(json!({ "unknown": true })),
                    _ => Arguments::Json(arguments),
                };
                RequestedCall { id: format!("c{place}"), tool: tool.to_owned(), arguments }
            })
            .collect();
        ModelReply {
            text: Body::Inline(json!("")),
            carry: None,
            calls,
            tokens: [1, 1],
            cost_usd: 0.0,
            paused: false,
        }
    }

    fn verdict(&mut self) -> Verdict {
        match self.roll(4) {
            0 => Verdict::Rejected {
                stage: "run".to_owned(),
                reason: "no".to_owned(),
            },
            1 => Verdict::Crashed {
                signal: None,
                reason: "boom".to_owned(),
            },
            _ => Verdict::Ok,
        }
    }

    fn value(&mut self, _: &str) -> f64 {
        f64::from(self.roll(50)) / 10.0
    }

    fn lab_fails(&mut self) -> Fails {
        match self.roll(8) {
            0 => Fails::Later(700),
            1 => Fails::Always,
            _ => Fails::Not,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn chaos_ends_and_every_decision_is_legal(
        dice in proptest::collection::vec(any::<u8>(), 200..400),
        workers in 1..4_u32,
        experiments in 1..8_u32,
        wall_s in 5.0..200.0_f64,
        staff in proptest::option::of(0..4_u32),
    ) {
        let staff = staff.map(|milestone_every| StaffSettings {
            milestone_every,
            error_window: 4,
            stall_after: 3,
            quiet_s: 20.0,
            analyze: if milestone_every > 2 { Analyze::All } else { Analyze::Orphans },
            ..StaffSettings::default()
        });
        let mut run = start(Settings { staff, ..settings(workers, experiments, wall_s) });
        run.drive(&mut Chaos { dice, at: 0 });
        let budget = run.state.budget(run.now_ms).experiments;
        prop_assert!(budget.spent <= f64::from(experiments));
        prop_assert!(budget.reserved < 1.0);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for e in run.state.experiments.values() {
            *counts.entry(e.state.word()).or_default() += 1;
            prop_assert!(e.state.is_terminal(), "{} is {}", e.id, e.state.word());
            prop_assert!(e.attempts.iter().filter(|a| a.measurement.split == Split::Search).count() <= 1);
        }
        prop_assert!(run.state.intents.is_empty());
        prop_assert!(run.state.live_agents().next().is_none());
        for row in rank::leaderboard(&run.state).rows {
            prop_assert!(run.state.experiments[&row.experiment].demoted().is_none());
        }
        let count = |role| run.state.agents.values().filter(|a| a.role == role).count();
        let every = staff.map_or(0, |staff| staff.milestone_every as usize);
        let measured = run.state.index.search.count as usize;
        prop_assert!(count(Role::Reporter) <= measured.checked_div(every).map_or(0, |n| n + 1));
        prop_assert!(staff.is_some() || count(Role::Auditor) == 0);
        prop_assert!(run.state.staff.fixers.values().all(|fixers| fixers.len() <= 2));
        prop_assert!(staff.is_some() || count(Role::Fixer) + count(Role::Analyst) == 0);
    }
}
