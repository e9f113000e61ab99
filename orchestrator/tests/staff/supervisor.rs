//! The Supervisor of phase 3: what calls it, and what it can do.

use std::path::Path;

use orchestrator::core::agent::Role;
use orchestrator::core::board::BoardState;
use orchestrator::core::event::{Event, FinishReason};
use orchestrator::core::rank;
use orchestrator::core::staff::StaffSettings;
use orchestrator::core::state::RunState;
use orchestrator::core::steer::Steer;
use serde_json::json;

use super::hand::Hand;
use super::support::{Target, command, finish, fixtures, run, succeed};
use super::{folded, target, verified};

/// One outcome after the other of experiments on one task: `+` is verified, `-`
/// crashes. Gives the numbers of the outcomes after which the Supervisor was
/// called, and whether it is still an episode at the end.
fn called_after(outcomes: &str) -> (Vec<usize>, bool) {
    let staff = StaffSettings {
        error_window: 4,
        fixers: 0,
        milestone_every: 0,
        audits: false,
        stall_after: 0,
        ..StaffSettings::default()
    };
    let mut hand = Hand::with(staff);
    let mut called = Vec::new();
    for (place, outcome) in outcomes.chars().enumerate() {
        let experiment = hand.propose(None);
        let worker = hand.begin(Role::Worker, Some(experiment));
        hand.submit(experiment);
        hand.checked(experiment, protocol::Verdict::Ok);
        hand.settle();
        let verdict = if outcome == '+' {
            protocol::Verdict::Ok
        } else {
            protocol::Verdict::Crashed {
                signal: None,
                reason: "it is gone".to_owned(),
            }
        };
        hand.measured(experiment, verdict, 1.0);
        hand.call(worker, "finish", json!({ "summary": "s" }));
        if let Some(supervisor) = hand.starts(Role::Supervisor) {
            hand.call(supervisor, "finish", json!({ "summary": "s" }));
            called.push(place + 1);
        }
        // What waits to be measured again is of no interest here.
        for experiment in hand.remeasures() {
            hand.remeasured(experiment, 1.0);
        }
        hand.settle();
    }
    (called, !hand.state.staff.watched.open.is_empty())
}

#[test]
fn the_supervisor_is_called_once_for_each_episode_of_errors() {
    for (outcomes, called, open) in [
        ("++++++++", vec![], false),
        // Half of a window is enough to say something.
        ("--", vec![2], true),
        ("-+", vec![2], true),
        ("+-", vec![2], true),
        ("++-", vec![], false),
        // However long it lasts, and around the bar, it is one episode.
        ("--------", vec![2], true),
        ("--++--++--", vec![2], true),
        // At half of the bar it is over, and the next one is another.
        ("--+++", vec![2], false),
        ("--+++---", vec![2, 7], true),
        ("--++++----++++", vec![2, 8], false),
    ] {
        assert_eq!(called_after(outcomes), (called, open), "{outcomes}");
    }
}

#[test]
fn a_stall_is_over_when_something_is_better_by_its_interval() {
    let staff = StaffSettings {
        stall_after: 3,
        milestone_every: 0,
        audits: false,
        ..StaffSettings::default()
    };
    let mut hand = Hand::with(staff);
    // Intervals are two percent wide on both sides.
    hand.measured_by_one_worker(&[1.0, 1.01, 1.02]);
    assert_eq!(hand.state.staff.watched.still, 3);
    let supervisor = hand.starts(Role::Supervisor).expect("a supervisor");
    let board = hand.call(supervisor, "read_board", json!({})).1;
    assert_eq!(board["assignment"]["alarms"][0]["kind"], "stall");
    for (tool, arguments, words) in [
        (
            "pause_work",
            json!({ "task": "nowhere", "reason": "r" }),
            "there is no task `nowhere`",
        ),
        (
            "pause_work",
            json!({ "task": "x", "reason": "" }),
            "`reason` is empty",
        ),
        (
            "resume_work",
            json!({ "task": "x", "reason": "r" }),
            "task `x` is not paused",
        ),
        (
            "propose_experiment",
            json!({ "task": "x", "name": "n", "hypothesis": "h" }),
            "may not use",
        ),
    ] {
        let error = hand.call(supervisor, tool, arguments).1["error"].to_string();
        assert!(error.contains(words), "{error}");
    }
    hand.call(
        supervisor,
        "finish",
        json!({ "summary": "it has found what there is" }),
    );
    hand.remeasured_best(1.02);
    hand.measured_by_one_worker(&[1.04]);
    assert_eq!(hand.starts(Role::Supervisor), None, "one episode");
    hand.remeasured_best(1.04);
    hand.measured_by_one_worker(&[2.0]);
    hand.settle();
    assert!(hand.state.staff.watched.open.is_empty());
    assert_eq!(hand.state.staff.watched.still, 0);
}

#[test]
fn silence_calls_the_supervisor_too() {
    let staff = StaffSettings {
        quiet_s: 100.0,
        ..StaffSettings::default()
    };
    let mut hand = Hand::with(staff);
    let experiment = hand.propose(None);
    hand.begin(Role::Worker, Some(experiment));
    assert_eq!(hand.starts(Role::Supervisor), None);
    hand.waits(101_000);
    assert!(hand.starts(Role::Supervisor).is_some());
    hand.waits(101_000);
    assert_eq!(hand.starts(Role::Supervisor), None, "one episode");
}

#[test]
fn what_is_paused_rests_until_it_goes_on() {
    let mut hand = Hand::new();
    let experiment = hand.propose(None);
    let worker = hand.begin(Role::Worker, Some(experiment));
    let waiting = hand.propose(None);
    let supervisor = hand.begin(Role::Supervisor, None);
    let reason = json!({ "task": "x", "reason": "everything crashes" });
    hand.call(supervisor, "pause_work", reason.clone());
    let twice = hand.call(supervisor, "pause_work", reason.clone()).1;
    assert_eq!(twice["error"], "task `x` is paused already");
    hand.settle();
    assert!(!hand.state.agents[&worker].is_live());
    for id in [experiment, waiting] {
        let e = &hand.state.experiments[&id];
        assert_eq!(
            (e.state, e.reason.as_str()),
            (BoardState::Cancelled, "work on its task is paused")
        );
    }
    let strategist = hand.begin(Role::Strategist, None);
    let proposal = json!({ "task": "x", "name": "n", "hypothesis": "h" });
    let refused = hand
        .call(strategist, "propose_experiment", proposal.clone())
        .1;
    assert_eq!(
        refused["error"],
        "work on the task is paused: everything crashes"
    );
    hand.call(supervisor, "resume_work", reason);
    let taken = hand.call(strategist, "propose_experiment", proposal).1;
    assert_eq!(taken, json!({ "experiment": 3 }));
}

/// Two tasks below `folder`; on `a` everything crashes.
fn fragile(folder: &Path) -> Target {
    let (adapter, tasks) = (folder.join("adapter"), folder.join("tasks"));
    std::fs::create_dir_all(&adapter).expect("a folder");
    std::fs::create_dir_all(&tasks).expect("a folder");
    for entry in fixtures()
        .join("adapter")
        .read_dir()
        .expect("a folder")
        .flatten()
    {
        std::fs::copy(entry.path(), adapter.join(entry.file_name())).expect("copies");
    }
    let manifest = adapter.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, text + "\n[staff]\nerror_window = 6\n").expect("writes");
    std::fs::write(tasks.join("a.toml"), "fragile = true\n").expect("writes");
    std::fs::write(tasks.join("b.toml"), "best = 4.0\n").expect("writes");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Target {
        run: vec![
            "--adapter".to_owned(),
            text(&adapter),
            "--data".to_owned(),
            text(&tasks),
        ],
        ..target()
    }
}

#[test]
fn a_pause_of_the_last_open_task_is_no_end() {
    let mut hand = Hand::new();
    let strategist = hand.starts(Role::Strategist).expect("a strategist");
    let supervisor = hand.begin(Role::Supervisor, None);
    let reason = json!({ "task": "x", "reason": "everything crashes" });
    hand.call(supervisor, "pause_work", reason);
    hand.call(
        strategist,
        "finish",
        json!({ "summary": "nothing may be proposed" }),
    );
    hand.settle();
    assert_eq!(
        hand.state.run,
        RunState::Running,
        "the supervisor still talks"
    );
    hand.call(supervisor, "finish", json!({ "summary": "s" }));
    hand.settle();
    assert_eq!(hand.state.run, RunState::Stopped);
    let why = hand.state.rests_because().expect("a reason");
    assert!(why.contains("x (everything crashes)"), "{why}");

    // Taken up again as it is, it rests again.
    hand.apply(Event::CampaignResumed {});
    hand.settle();
    assert_eq!(hand.state.run, RunState::Stopped);

    let goes_on = |task: &str| Steer::ResumeTask {
        task: task.to_owned(),
    };
    let refused = hand.state.can_steer(&goes_on("nowhere"));
    assert!(
        refused
            .expect_err("no such task")
            .to_string()
            .contains("nowhere")
    );
    hand.apply(Event::Steered {
        what: goes_on("x"),
        request: "r".to_owned(),
    });
    let refused = hand.state.can_steer(&goes_on("x")).expect_err("it goes on");
    assert!(
        refused.to_string().contains("task `x` is not paused"),
        "{refused}"
    );
    hand.apply(Event::CampaignResumed {});
    // That nothing could be proposed before says nothing.
    let strategist = hand.starts(Role::Strategist).expect("another strategist");
    let proposal = json!({ "task": "x", "name": "n", "hypothesis": "h" });
    let taken = hand.call(strategist, "propose_experiment", proposal).1;
    assert_eq!(taken, json!({ "experiment": 1 }));
}

#[test]
fn a_campaign_whose_only_task_is_paused_rests_until_a_person_says_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = fragile(folder.path());
    std::fs::remove_file(folder.path().join("tasks/b.toml")).expect("a task less");
    let dir = folder.path().join("c");
    let output = finish(run(&target, "staff", &dir, &["--experiments", "12"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(12), "{said}");
    let path = dir.to_string_lossy().into_owned();
    let remedy = format!("alphalab steer {path} resume-task");
    assert!(
        said.contains(&remedy) && said.contains("every open task is paused: a ("),
        "{said}"
    );
    let status = succeed(command(&target, "staff", &["status", &path]));
    assert!(
        status.contains("paused       a: all of its last"),
        "{status}"
    );
    let agents = folded(&dir).agents.len();

    succeed(command(
        &target,
        "staff",
        &["steer", &path, "resume-task", "a"],
    ));
    let again = finish(command(
        &target,
        "staff",
        &["steer", &path, "resume-task", "a"],
    ));
    let refused = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(3), "{refused}");
    assert!(refused.contains("task `a` is not paused"), "{refused}");
    // The strategist is asked again, and gives the task up.
    let output = finish(command(&target, "staff", &["resume", &path]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let state = folded(&dir);
    assert!(matches!(state.run, RunState::Finished(_)), "{said}");
    assert!(state.agents.len() > agents, "{said}");
    assert_eq!(verified(&dir, "failed"), Vec::<String>::new());
}

#[test]
fn a_task_on_which_everything_crashes_is_paused() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = fragile(folder.path());
    let dir = folder.path().join("c");
    // The other task comes to its end, and then there is nothing left to do.
    let output = finish(run(&target, "staff", &dir, &[]));
    assert_eq!(output.status.code(), Some(12));
    let path = dir.to_string_lossy();
    let limit = ["steer", &path, "budget", "--experiments", "1"];
    succeed(command(&target, "staff", &limit));
    succeed(command(&target, "staff", &["resume", &path]));
    let state = folded(&dir);
    assert_eq!(state.run, RunState::Finished(FinishReason::BudgetSpent));
    assert_eq!(
        state.staff.paused["a"],
        "all of its last 3 experiments failed"
    );
    let called = state
        .agents
        .values()
        .filter(|agent| agent.role == Role::Supervisor);
    assert_eq!(called.count(), 1);
    let rows = rank::leaderboard(&state).rows;
    assert_eq!(
        rows.iter().map(|row| row.task.as_str()).collect::<Vec<_>>(),
        ["b"]
    );
    assert_eq!(verified(&dir, "failed"), Vec::<String>::new());
    let report = std::fs::read_to_string(dir.join("reports/report.md")).expect("a report");
    assert!(
        report.contains("- a is paused: all of its last 3 experiments failed"),
        "{report}"
    );
}
