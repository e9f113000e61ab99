//! The agents beside the search, in whole campaigns on the synthetic lab and in
//! states made by hand.

#[path = "staff/hand.rs"]
mod hand;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::path::Path;

use orchestrator::core::agent::Role;
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::rank;
use orchestrator::core::staff::Verdict;
use orchestrator::core::state::State;
use orchestrator::store::Reader;
use serde_json::{Value, json};
use support::{Target, command, finish, fixtures, run, succeed};

use hand::Hand;

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

fn folded(dir: &Path) -> State {
    let reader = Reader::open(dir).expect("a campaign");
    State::fold(&reader.verified_log().expect("a log that fits")).expect("a log that folds")
}

/// Checks of `alphalab verify` by their outcome.
fn verified(dir: &Path, outcome: &str) -> Vec<String> {
    let path = dir.to_string_lossy();
    let output = finish(command(&target(), "staff", &["verify", &path, "--json"]));
    let document: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    let checks = document["checks"].as_array().expect("a list");
    checks
        .iter()
        .filter(|check| check["outcome"] == outcome)
        .map(|check| format!("{}: {}", check["name"], check["detail"]))
        .collect()
}

#[test]
fn every_winner_is_audited_and_the_end_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    succeed(run(&target(), "staff", &dir, &[]));
    let state = folded(&dir);
    let rows = rank::leaderboard(&state).rows;
    assert!(!rows.is_empty());
    for row in &rows {
        let e = &state.experiments[&row.experiment];
        let ruling = e.ruling.as_ref().expect("an audit");
        assert_eq!(ruling.verdict, Verdict::Pass, "{ruling:?}");
        assert!(row.caveats.is_empty(), "{:?}", row.caveats);
        assert_ne!(e.owner, Some(ruling.agent));
    }

    // All that was measured is in the last milestone or before it.
    let last = state.staff.milestones.len();
    assert!(last > 0 && state.staff.reported == state.index.search.count);
    let path = dir.join(format!("reports/milestone-{last}.md"));
    let text = std::fs::read_to_string(&path).expect("a milestone");
    for row in &rows {
        let shown = orchestrator::report::number(row.value, row.ci);
        assert!(text.contains(&shown), "{shown} in {text}");
        assert!(text.contains(&format!(
            "[{}](../experiments/{}-",
            row.experiment, row.experiment
        )));
    }
    assert_eq!(verified(&dir, "failed"), Vec::<String>::new());
    let passed = verified(&dir, "passed");
    assert!(
        passed.iter().any(|check| check.contains("milestones")),
        "{passed:?}"
    );

    // A number that nobody measured is found.
    let shown = orchestrator::report::number(rows[0].value, rows[0].ci);
    let other = text.replace(
        &shown,
        &shown.replacen(|c: char| c.is_ascii_digit(), "9", 1),
    );
    assert_ne!(text, other);
    std::fs::write(&path, other).expect("writes");
    let failed = verified(&dir, "failed");
    assert!(
        failed.len() == 1 && failed[0].contains(&format!("milestone-{last}.md")),
        "{failed:?}"
    );
}

#[test]
fn baselines_have_nobody_beside_the_search() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    succeed(run(
        &target(),
        "staff",
        &dir,
        &["--strategy", "greedy", "--experiments", "4"],
    ));
    let state = folded(&dir);
    assert!(state.settings.as_ref().is_some_and(|s| s.staff.is_none()));
    assert!(
        state
            .agents
            .values()
            .all(|agent| agent.role == Role::Worker)
    );
}

#[test]
fn a_demoted_winner_makes_room_for_the_next_best() {
    let mut hand = Hand::new();
    // Two finalists of one worker; the better one is measured again.
    hand.measured_by_one_worker(&[2.0, 1.5]);
    assert_eq!(hand.remeasures(), [ExperimentId(1)]);
    hand.remeasured(ExperimentId(1), 2.0);
    assert_eq!(
        rank::leaderboard(&hand.state).rows[0].caveats,
        ["no auditor has passed it"]
    );

    let auditor = hand.starts(Role::Auditor).expect("an auditor");
    let board = hand.call(auditor, "read_board", json!({}));
    let text = board.1.to_string();
    assert_eq!(board.1["assignment"]["measurements"][1]["split"], "select");
    assert!(
        !text.contains("builtin") && !text.contains("a0001"),
        "{text}"
    );

    // It can't do what others do, nor judge what it can't point at.
    for (tool, arguments, words) in [
        (
            "submit_experiment",
            json!({ "template": "t" }),
            "may not use",
        ),
        ("update_playbook", json!({ "entries": [] }), "may not use"),
        (
            "finish",
            json!({ "verdict": "promote", "reason": "r" }),
            "unknown variant",
        ),
        (
            "finish",
            json!({ "verdict": "demote", "reason": "r" }),
            "needs `evidence`",
        ),
        (
            "finish",
            json!({ "verdict": "pass", "reason": " " }),
            "`reason` has",
        ),
        (
            "finish",
            json!({ "verdict": "demote", "reason": "r", "evidence": [{ "place": "nowhere", "seen": "s" }] }),
            "`nowhere` is no place to look at: search, select, params",
        ),
    ] {
        let (_, body) = hand.call(auditor, tool, arguments);
        let error = body["error"].as_str().expect("an error");
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(hand.remeasures(), [], "the next best waits for the ruling");
    hand.call(
        auditor,
        "finish",
        json!({ "verdict": "demote", "reason": "it knows the answers", "evidence": [{ "place": "params", "seen": "s" }] }),
    );
    let board = rank::leaderboard(&hand.state);
    assert!(board.rows.is_empty());
    assert_eq!(
        board.unverified[0].reason,
        "e0001 was demoted: it knows the answers"
    );
    // What it was is still there.
    assert_eq!(hand.state.experiments[&ExperimentId(1)].attempts.len(), 2);
    let refused = hand.refused_reference("e0001.select");
    assert!(refused.contains("was demoted"), "{refused}");

    assert_eq!(hand.remeasures(), [ExperimentId(2)]);
    hand.remeasured(ExperimentId(2), 1.4);
    let auditor = hand.starts(Role::Auditor).expect("another auditor");
    hand.call(
        auditor,
        "finish",
        json!({ "verdict": "pass", "reason": "nothing was found" }),
    );
    let rows = rank::leaderboard(&hand.state).rows;
    assert_eq!(
        (rows[0].experiment, rows[0].caveats.len()),
        (ExperimentId(2), 0)
    );
    assert_eq!(
        hand.starts(Role::Auditor),
        None,
        "each winner is looked at once"
    );
}

#[test]
fn a_milestone_has_no_number_of_its_own() {
    let mut hand = Hand::new();
    hand.measured_by_one_worker(&[2.0]);
    hand.remeasured_best(2.0);
    let reporter = hand.starts(Role::Reporter).expect("a reporter");
    let board = hand.call(reporter, "read_board", json!({})).1;
    let references = board["assignment"]["references"]
        .as_array()
        .expect("a list");
    let known: Vec<&str> = references
        .iter()
        .filter_map(|r| r["reference"].as_str())
        .collect();
    assert_eq!(known, ["e0001.search.speedup", "e0001.select.speedup"]);
    let refused = hand.call(
        reporter,
        "write_milestone",
        json!({ "text": "# Results\n\nIt is 2.0 times as fast, see [[e0001.select]] and [[e0009.select]]." }),
    );
    let problems = refused.1["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0]
            .as_str()
            .is_some_and(|p| p.starts_with("line 3: `2.0` is a number"))
    );
    assert!(
        problems[1]
            .as_str()
            .is_some_and(|p| p.contains("there is no experiment `e0009`"))
    );
    let text = "It gained [[e0001.select / baseline]] with `F=true`, hence [[e0001.select]].";
    let taken = hand.call(reporter, "write_milestone", json!({ "text": text }));
    assert_eq!(taken.1, json!({ "milestone": 1 }));
    let again = hand.call(reporter, "write_milestone", json!({ "text": text }));
    assert_eq!(again.1["error"], "milestone 1 is written: call `finish`");
    let shown = orchestrator::report::milestone::document(&hand.state, 1, text);
    let words = "It gained 2.00 [1.96, 2.04] (e0001.select over baseline) with `F=true`, hence 2.00 [1.96, 2.04] \
                 ([e0001](../experiments/e0001-n/attempt-2/report.json), select, n = 5).";
    assert!(shown.contains(words), "{shown}");
}
