//! The winner of a task, and when it may be taken apart.

use orchestrator::core::agent::Role;
use orchestrator::core::event::Event;
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::lineage::Kind;
use orchestrator::core::planner::{Decision, Effect};
use orchestrator::core::rank;
use orchestrator::core::settings::Limits;
use orchestrator::core::staff::StaffSettings;
use orchestrator::core::steer::Steer;
use protocol::Verdict;
use serde_json::json;

use super::hand::Hand;

/// A hand whose winners are taken apart, and who writes no milestones.
fn hand() -> Hand {
    let staff = StaffSettings {
        milestone_every: 0,
        stall_after: 0,
        ..StaffSettings::default()
    };
    Hand::of(staff, 3)
}

fn takes_apart(hand: &mut Hand) -> bool {
    hand.settle();
    let mut decided = hand.decided().into_iter();
    decided.any(|decision| matches!(decision, Decision::Perform(Effect::Ablate { .. })))
}

/// Nobody has an idea any more.
fn nobody_proposes(hand: &mut Hand) {
    let strategist = hand.starts(Role::Strategist).expect("a strategist");
    hand.call(strategist, "finish", json!({ "summary": "s" }));
}

fn limit(hand: &mut Hand, experiments: u32) {
    hand.apply(Event::Steered {
        what: Steer::Budget {
            limits: Limits {
                experiments: Some(experiments),
                ..Limits::default()
            },
        },
        request: experiments.to_string(),
    });
}

#[test]
fn a_winner_is_taken_apart_when_its_auditor_has_spoken() {
    let mut hand = hand();
    hand.measured_by_one_worker(&[2.0]);
    hand.remeasured_best(2.0);
    let auditor = hand.starts(Role::Auditor).expect("an auditor");
    nobody_proposes(&mut hand);
    assert!(!takes_apart(&mut hand), "it may be none");
    let passes = json!({ "verdict": "pass", "reason": "r" });
    hand.call(auditor, "finish", passes);
    assert!(takes_apart(&mut hand));
}

#[test]
fn what_a_person_has_taken_from_the_limit_is_not_there_for_ablations() {
    let mut hand = hand();
    hand.measured_by_one_worker(&[2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4]);
    hand.remeasured_best(2.0);
    let auditor = hand.starts(Role::Auditor).expect("an auditor");
    hand.call(
        auditor,
        "finish",
        json!({ "verdict": "pass", "reason": "r" }),
    );
    nobody_proposes(&mut hand);
    assert!(takes_apart(&mut hand));
    let kept = |hand: &Hand| {
        (
            hand.state.ablations_per_task(),
            hand.state.left_for_ablations(),
        )
    };
    assert_eq!(kept(&hand), (3, 13.0));
    limit(&mut hand, 9);
    assert_eq!(kept(&hand), (2, 2.0));
    limit(&mut hand, 7);
    assert_eq!(kept(&hand), (1, 0.0));
    assert!(!takes_apart(&mut hand), "all of it is spent");
    limit(&mut hand, 3);
    assert_eq!(hand.state.ablations_per_task(), 0);
    assert!(hand.state.kept_for_ablations().abs() < 1e-12);
    assert!(!takes_apart(&mut hand));
}

#[test]
fn there_is_one_winner_whoever_asks() {
    let mut hand = hand();
    hand.measured_by_one_worker(&[1.5]);
    hand.remeasured_best(1.5);
    let auditor = hand.starts(Role::Auditor).expect("an auditor");
    hand.call(
        auditor,
        "finish",
        json!({ "verdict": "pass", "reason": "r" }),
    );
    // A strategist has a change of it undone, and that is better.
    let better = ExperimentId(2);
    hand.apply(Event::ExperimentProposed {
        experiment: better,
        task: "x".to_owned(),
        name: "n".to_owned(),
        hypothesis: "h".to_owned(),
        templates: Vec::new(),
        by: None,
        owner: None,
        parent: Some(ExperimentId(1)),
        kind: Kind::Ablation,
    });
    let worker = hand.begin(Role::Worker, Some(better));
    hand.submit(better);
    hand.checked(better, Verdict::Ok);
    hand.settle();
    hand.measured(better, Verdict::Ok, 2.0);
    hand.call(worker, "finish", json!({ "summary": "s" }));
    hand.remeasured_best(2.0);

    let winner = hand.state.winner("x").map(|(e, _)| e.id);
    assert_eq!(winner, Some(better));
    assert_eq!(rank::leaderboard(&hand.state).rows[0].experiment, better);
    let auditor = hand.starts(Role::Auditor).expect("another auditor");
    assert_eq!(hand.state.agents[&auditor].experiment, Some(better));
    assert_eq!(hand.state.next_ablation(), Some("x"));
}
