//! The agents beside the search, in whole campaigns on the synthetic lab and in
//! states made by hand.

#[path = "staff/ablation.rs"]
mod ablation;
#[path = "staff/hand.rs"]
mod hand;
#[path = "staff/supervisor.rs"]
mod supervisor;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::path::Path;

use orchestrator::core::agent::Role;
use orchestrator::core::board::BoardState;
use orchestrator::core::event::Event;
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::rank;
use orchestrator::core::staff::{StaffSettings, Verdict};
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
    assert_eq!(board.1["assignment"]["folder"], "e0001");
    assert!(!text.contains("e0001-n"), "{text}");

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
            "`reason` is empty",
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
    // Nobody has to beat it any more.
    assert_eq!(hand.state.significance.best("x"), None);
    let leading = hand.state.leading("x").map(|(id, _)| id);
    assert_eq!(leading, Some(ExperimentId(2)));
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

/// An experiment that was refused, and whose worker has ended.
fn refused_and_left(hand: &mut Hand) -> ExperimentId {
    let experiment = hand.propose(None);
    let worker = hand.begin(Role::Worker, Some(experiment));
    hand.submit(experiment);
    hand.checked(experiment, rejected("no such header"));
    hand.settle();
    hand.call(worker, "finish", json!({ "summary": "s" }));
    experiment
}

fn rejected(reason: &str) -> protocol::Verdict {
    protocol::Verdict::Rejected {
        stage: "compile".to_owned(),
        reason: reason.to_owned(),
    }
}

#[test]
fn what_the_check_refused_is_repaired_by_another() {
    let mut hand = Hand::new();
    let experiment = refused_and_left(&mut hand);
    let fixer = hand.starts(Role::Fixer).expect("a fixer");
    assert_eq!(hand.state.experiments[&experiment].owner, Some(fixer));
    let board = hand.call(fixer, "read_board", json!({})).1;
    let failure = &board["assignment"]["failure"];
    assert_eq!(
        (&failure["stage"], &failure["reason"], &failure["attempt"]),
        (&json!("compile"), &json!("no such header"), &json!(1))
    );
    let (_, body) = hand.call(fixer, "finish", json!({ "diagnosis": "" }));
    assert_eq!(body["error"], "`diagnosis` is empty");
    let arguments = json!({ "experiment": experiment, "template": "t", "params": { "F": false } });
    hand.call(fixer, "submit_experiment", arguments);
    hand.checked(experiment, protocol::Verdict::Ok);
    hand.settle();
    hand.measured(experiment, protocol::Verdict::Ok, 1.5);
    hand.settle();
    assert_eq!(
        hand.state.experiments[&experiment].state,
        BoardState::Finished
    );
    assert_eq!(hand.state.experiments[&experiment].former.len(), 1);
}

#[test]
fn what_the_harness_has_made_is_repaired_by_nobody() {
    let mut hand = Hand::new();
    let drawn = hand.propose(None);
    hand.submit(drawn);
    hand.checked(drawn, rejected("it does not fit"));
    assert_eq!(hand.state.experiments[&drawn].state, BoardState::Failed);
    hand.settle();
    assert_eq!(hand.starts(Role::Worker), None);
}

#[test]
fn two_attempts_then_it_has_failed_with_the_diagnosis() {
    let mut hand = Hand::new();
    let experiment = refused_and_left(&mut hand);
    for diagnosis in ["the header is not there", "nor anywhere else"] {
        let fixer = hand.starts(Role::Fixer).expect("a fixer");
        hand.call(fixer, "finish", json!({ "diagnosis": diagnosis }));
    }
    assert_eq!(hand.starts(Role::Fixer), None);
    let e = &hand.state.experiments[&experiment];
    assert_eq!(
        (e.state, e.reason.as_str()),
        (BoardState::Failed, "nor anywhere else")
    );

    // One who gives it up is the last.
    let mut hand = Hand::new();
    let experiment = refused_and_left(&mut hand);
    let fixer = hand.starts(Role::Fixer).expect("a fixer");
    let arguments = json!({ "diagnosis": "the idea needs the header", "give_up": true });
    hand.call(fixer, "finish", arguments);
    assert_eq!(hand.starts(Role::Fixer), None);
    assert_eq!(
        hand.state.experiments[&experiment].state,
        BoardState::Failed
    );

    // Who has handed nothing in leaves nothing to repair.
    let mut hand = Hand::new();
    let experiment = hand.propose(None);
    let worker = hand.begin(Role::Worker, Some(experiment));
    hand.call(worker, "finish", json!({ "summary": "s" }));
    assert_eq!(hand.starts(Role::Fixer), None);
    assert_eq!(
        hand.state.experiments[&experiment].state,
        BoardState::Cancelled
    );
}

#[test]
fn the_repair_of_what_crashed_is_an_experiment_of_its_own() {
    let mut hand = Hand::new();
    let crashed = hand.propose(None);
    let worker = hand.begin(Role::Worker, Some(crashed));
    hand.submit(crashed);
    hand.checked(crashed, protocol::Verdict::Ok);
    hand.settle();
    let verdict = protocol::Verdict::Crashed {
        signal: Some(11),
        reason: "segmentation fault".to_owned(),
    };
    hand.measured(crashed, verdict, 0.0);
    hand.call(worker, "finish", json!({ "summary": "s" }));
    let fixer = hand.starts(Role::Fixer).expect("a fixer");
    let board = hand.call(fixer, "read_board", json!({})).1;
    assert_eq!(board["assignment"]["failure"]["verdict"], "crashed");
    let again = json!({ "experiment": crashed, "template": "t", "params": { "F": false } });
    let (_, body) = hand.call(fixer, "submit_experiment", again);
    assert_eq!(body["error"], "experiment e0001 is finished, or not yours");
    let arguments = json!({ "template": "t", "params": { "F": false } });
    hand.call(fixer, "submit_experiment", arguments);
    let repair = ExperimentId(2);
    hand.checked(repair, protocol::Verdict::Ok);
    hand.settle();
    hand.measured(repair, protocol::Verdict::Ok, 1.5);
    hand.answered(fixer);
    hand.call(
        fixer,
        "finish",
        json!({ "diagnosis": "the flag runs past the end" }),
    );
    assert_eq!(hand.starts(Role::Fixer), None);
    let e = &hand.state.experiments[&crashed];
    assert_eq!(e.reason, "the flag runs past the end");
    assert_eq!(e.attempts.len(), 1);
    assert_eq!(hand.remeasures(), [repair]);
}

#[test]
fn what_a_worker_left_without_a_word_is_looked_back_at() {
    let mut hand = Hand::new();
    let experiment = hand.propose(None);
    let worker = hand.begin(Role::Worker, Some(experiment));
    hand.submit(experiment);
    hand.checked(experiment, protocol::Verdict::Ok);
    hand.settle();
    hand.measured(experiment, protocol::Verdict::Ok, 1.5);
    let reason = "its model is gone".to_owned();
    hand.apply(Event::AgentStopped {
        agent: worker,
        reason,
    });
    // Something new waits, and what is there comes first.
    let next = hand.propose(None);
    let analyst = hand.starts(Role::Analyst).expect("an analyst");
    assert_eq!(hand.starts(Role::Worker), None);
    let board = hand.call(analyst, "read_board", json!({})).1;
    assert_eq!(
        board["assignment"]["measurements"][0]["result"]["value"],
        1.5
    );
    for (tool, arguments) in [
        ("submit_experiment", json!({ "template": "t" })),
        (
            "propose_experiment",
            json!({ "task": "x", "name": "n", "hypothesis": "h" }),
        ),
    ] {
        let (_, body) = hand.call(analyst, tool, arguments);
        let error = body["error"].as_str().expect("an error");
        assert!(error.starts_with("a analyst may not use"), "{error}");
    }
    let entry =
        json!({ "claim": "F helps", "compare": [{ "with": { "experiment": experiment } }] });
    hand.call(analyst, "update_playbook", json!({ "entries": [entry] }));
    hand.call(analyst, "finish", json!({ "conclusion": "F helps" }));
    hand.settle();
    let e = &hand.state.experiments[&experiment];
    assert_eq!(
        (e.owner, e.reason.as_str()),
        (Some(worker), "best of its task")
    );
    assert_eq!(hand.state.playbook.len(), 1);
    hand.remeasured_best(1.5);
    assert!(hand.starts(Role::Worker).is_some());
    assert!(hand.state.experiments[&next].owner.is_some());
}

#[test]
fn failures_come_first_and_baselines_have_no_second_hand() {
    let mut hand = Hand::new();
    let experiment = refused_and_left(&mut hand);
    hand.propose(None);
    assert_eq!(
        hand.starts(Role::Worker),
        None,
        "one lane, and a failure waits for it"
    );
    assert!(hand.starts(Role::Fixer).is_some());

    let none = StaffSettings {
        fixers: 0,
        ..StaffSettings::default()
    };
    let mut hand = Hand::with(none);
    assert_eq!(refused_and_left(&mut hand), experiment);
    assert_eq!(hand.starts(Role::Fixer), None);
    assert_eq!(
        hand.state.experiments[&experiment].state,
        BoardState::Cancelled
    );
}

#[test]
fn a_python_submission_stands_behind_every_kernel_and_in_no_mean() {
    let mut hand = Hand::new();
    let pass = json!({ "verdict": "pass", "reason": "nothing was found" });
    hand.track = Some("python".to_owned());
    hand.measured_by_one_worker(&[2.0]);
    hand.remeasured_best(2.0);
    let auditor = hand.starts(Role::Auditor).expect("an auditor");
    hand.call(auditor, "finish", pass);
    let board = rank::leaderboard(&hand.state);
    assert_eq!(board.rows[0].apart.as_deref(), Some("python"));
    assert_eq!(board.rows[0].track.as_deref(), Some("python"));
    assert_eq!((board.summary.apart, board.summary.geomean), (1, None));

    // A kernel that looked better and, measured again, is not.
    hand.track = Some("pure".to_owned());
    hand.measured_by_one_worker(&[2.5]);
    hand.remeasured_best(1.5);
    let board = rank::leaderboard(&hand.state);
    assert_eq!(board.rows[0].experiment, ExperimentId(2));
    assert_eq!(board.rows[0].apart, None);
    assert_eq!(board.summary.apart, 0);
}
