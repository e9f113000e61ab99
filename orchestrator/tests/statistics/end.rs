//! How a campaign ends: contenders, the sealed split, and what a fork knows.

use std::path::Path;

use orchestrator::core::event::{EffectKey, Event};
use orchestrator::core::ids::ExperimentId;
use orchestrator::core::planner::{Decision, Effect, decide};
use orchestrator::core::state::{RunState, State};
use orchestrator::core::strategy::Strategy;
use orchestrator::store::Reader;
use orchestrator::tools::Kinds;
use protocol::Split;

use super::forged::{Forged, Measured};
use super::settings::settings;
use super::support::{Target, command, finish, quietly, run, succeed};

/// A campaign with two tasks that nothing is left to search in. On `x`, the
/// first was measured again; the others are as good within their intervals, but
/// for the last. Experiment 6 is on `y`.
fn searched(wall_s: f64) -> Forged {
    let mut settings = settings(1, 100, wall_s);
    settings.strategy = Strategy::SingleShot;
    let mut forged = Forged::new(settings);
    let best = forged.searched("x", Measured::new(2.0, 0.1));
    forged.selected(best, Measured::new(1.95, 0.1));
    for value in [1.9, 1.93, 1.92, 1.0] {
        let id = forged.searched("x", Measured::new(value, 0.1));
        forged.finish(id);
    }
    let other = forged.searched("y", Measured::new(0.5, 0.01));
    forged.selected(other, Measured::new(0.5, 0.01));
    forged
}

/// What is decided, in words.
fn decided(forged: &Forged) -> Vec<String> {
    decide(&forged.state, forged.now_ms, &Kinds)
        .into_iter()
        .map(|decision| match decision {
            Decision::Perform(Effect::Measure {
                experiment, split, ..
            }) => format!("{experiment} on {split:?}"),
            Decision::Record(Event::SealedOpened {
                experiments,
                reason,
            }) => format!("open for {experiments:?}: {reason:?}"),
            Decision::Record(Event::CampaignFinished { reason }) => format!("end: {reason:?}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn e(number: u32) -> ExperimentId {
    ExperimentId(number)
}

#[test]
fn contenders_come_first_then_the_sealed_split_then_the_end() {
    let mut forged = searched(1e6);
    // The closest two: three of a task are measured again, one was.
    assert_eq!(decided(&forged), ["e0003 on Select", "e0004 on Select"]);
    let again = |forged: &mut Forged, id, split, value| {
        let measured = Measured::new(value, 0.1);
        forged.measured(id, split, measured).expect("measured");
    };
    again(&mut forged, e(3), Split::Select, 2.2);
    assert_eq!(decided(&forged), ["e0004 on Select"]);
    again(&mut forged, e(4), Split::Select, 1.9);
    // The winner is the best on `select`, not on `search`.
    let open = "open for [ExperimentId(3), ExperimentId(6)]: Converged";
    assert_eq!(decided(&forged), [open]);
    forged.open(&[e(3), e(6)]).expect("opened");
    assert_eq!(decided(&forged), ["e0003 on Sealed", "e0006 on Sealed"]);
    again(&mut forged, e(3), Split::Sealed, 2.1);
    assert_eq!(decided(&forged), ["e0006 on Sealed"]);
    again(&mut forged, e(6), Split::Sealed, 0.5);
    assert_eq!(decided(&forged), ["end: Converged"]);
}

/// A winner that does not hold on `select` gives way to the next best by
/// `search`, also where there is no time for anything else.
#[test]
fn a_winner_that_does_not_hold_gives_way() {
    let mut settings = settings(1, 100, 100.0);
    settings.strategy = Strategy::SingleShot;
    let mut forged = Forged::new(settings);
    let cheat = forged.searched("x", Measured::new(9.0, 0.1));
    let refused = Measured {
        ok: false,
        ..Measured::new(9.0, 0.1)
    };
    forged.selected(cheat, refused);
    for value in [1.5, 3.0, 2.0] {
        let id = forged.searched("x", Measured::new(value, 0.1));
        forged.finish(id);
    }
    let other = forged.searched("y", Measured::new(0.5, 0.01));
    forged.selected(other, Measured::new(0.5, 0.01));
    forged.now_ms = 97_000;
    assert_eq!(decided(&forged), ["e0003 on Select"]);
    forged
        .measured(e(3), Split::Select, refused)
        .expect("measured");
    assert_eq!(decided(&forged), ["e0004 on Select"]);
    forged
        .measured(e(4), Split::Select, Measured::new(1.9, 0.1))
        .expect("measured");
    let open = "open for [ExperimentId(4), ExperimentId(5)]: BudgetSpent";
    assert_eq!(decided(&forged), [open]);
}

/// Measuring takes 2 s, for two tasks 4 s: what there is no time for is left
/// out, the least needed first.
#[test]
fn the_end_fits_into_the_running_time() {
    let open = "open for [ExperimentId(1), ExperimentId(6)]: BudgetSpent";
    let again = ["e0003 on Select", "e0004 on Select"];
    let cases: [(f64, &[&str]); 4] = [
        (6.5, &again),
        (5.5, &[open]),
        (2.5, &[open]),
        (1.5, &["end: BudgetSpent"]),
    ];
    for (left_s, expected) in cases {
        let mut forged = searched(100.0);
        forged.now_ms = ((100.0 - left_s) * 1000.0) as i64;
        assert_eq!(decided(&forged), expected, "{left_s} s left");
    }
    // Once it is open, what has begun is waited for, and nothing is begun late.
    let mut forged = searched(100.0);
    forged.open(&[e(1), e(6)]).expect("opened");
    forged.say(Event::EffectIntended {
        key: EffectKey::Measure {
            experiment: e(1),
            attempt: 3,
        },
        reserved: None,
    });
    forged.now_ms = 99_500;
    assert_eq!(decided(&forged), ["e0001 on Sealed"]);
    forged
        .measured(e(1), Split::Sealed, Measured::new(1.9, 0.1))
        .expect("measured");
    assert_eq!(decided(&forged), ["end: Converged"]);
}

/// What the lab can't measure on the sealed split keeps nobody waiting.
#[test]
fn a_lab_that_has_no_sealed_split_ends_it() {
    let mut forged = searched(1e6);
    forged.open(&[e(1), e(6)]).expect("opened");
    for id in [1, 6] {
        forged.say(Event::EffectFailed {
            key: EffectKey::Measure {
                experiment: e(id),
                attempt: 3,
            },
            error: "no such split".to_owned(),
            retry_at_ms: None,
            cost: orchestrator::core::event::FailureCost::Nothing,
        });
    }
    assert_eq!(decided(&forged), ["end: Converged"]);
}

/// A search leaves time for what comes after it.
#[test]
fn the_search_ends_before_the_time_does() {
    // 4 s for the sealed split, of at most a tenth of 30 s.
    let mut forged = searched(30.0);
    let id = forged.propose("x").expect("a search");
    forged.now_ms = 26_900;
    let cancelled = |forged: &Forged| {
        let decisions = decide(&forged.state, forged.now_ms, &Kinds);
        decisions.iter().any(|decision| {
            matches!(decision, Decision::Record(Event::Moved { experiment, .. }) if *experiment == id)
        })
    };
    assert!(!cancelled(&forged));
    forged.now_ms = 27_100;
    assert!(cancelled(&forged));
}

fn tasks(folder: &Path, delay_ms: u32) -> Target {
    let tasks = folder.join("tasks");
    std::fs::create_dir(&tasks).expect("a folder");
    for (name, best) in [("one", 4.0), ("two", 2.0), ("three", 0.7)] {
        let text = format!("best = {best:.1}\ndelay_ms = {delay_ms}\n");
        std::fs::write(tasks.join(format!("{name}.toml")), text).expect("a task");
    }
    Target::synthetic(&tasks)
}

fn log(dir: &Path) -> Vec<orchestrator::core::event::Logged> {
    let reader = Reader::open(dir).expect("a campaign");
    reader.verified_log().expect("a log that fits")
}

/// The sealed split was opened once, and every winner measured on it once.
fn sealed_once(dir: &Path) -> State {
    let log = log(dir);
    let opened = log
        .iter()
        .filter(|logged| matches!(logged.event, Event::SealedOpened { .. }));
    assert_eq!(opened.count(), 1);
    let mut measured = Vec::new();
    for logged in &log {
        if let Event::Measured {
            experiment,
            measurement,
            ..
        } = &logged.event
            && measurement.split == Split::Sealed
        {
            assert!(!measured.contains(experiment), "{experiment} twice");
            measured.push(*experiment);
        }
    }
    let state = State::fold(&log).expect("a log that folds");
    let opened = state.sealed.as_ref().expect("open");
    assert_eq!(opened.experiments, measured);
    assert_eq!(measured.len(), 3);
    assert!(matches!(state.run, RunState::Finished(_)));
    state
}

#[test]
fn a_campaign_that_is_killed_over_the_sealed_split_opens_it_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = tasks(folder.path(), 60);
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let mut child = quietly(run(&target, "statistics", &dir, &[]));
    let state = || Reader::open(&dir).and_then(|reader| reader.state());
    let ended = |child: &mut std::process::Child| child.try_wait().expect("a child").is_some();
    while !ended(&mut child) && !state().is_ok_and(|state| state.sealed.is_some()) {
        std::thread::yield_now();
    }
    // On a busy machine it may have ended by now; a fork below is cut off at
    // the same place for certain.
    child.kill().expect("a child that can be killed");
    child.wait().expect("a child");
    succeed(command(&target, "statistics", &["resume", &path]));
    let ended = sealed_once(&dir);

    let board = succeed(command(
        &target,
        "statistics",
        &["leaderboard", &path, "--json"],
    ));
    let board: serde_json::Value = serde_json::from_str(&board).expect("JSON");
    for row in board["rows"].as_array().expect("rows") {
        assert!(row["sealed"]["value"].is_number(), "{row:#}");
        assert!(row["q"].is_number(), "{row:#}");
    }
    assert_eq!(board["statistics"]["gaps"]["select_sealed"]["n"], 3);
    let report = std::fs::read_to_string(dir.join("reports/report.md")).expect("a report");
    assert!(report.contains("3 of 3 were measured on it"), "{report}");

    // A fork from before knows that the split was opened, and opens its own;
    // one from after has it open and searches no more.
    let log = log(&dir);
    let opened = log
        .iter()
        .find(|logged| matches!(logged.event, Event::SealedOpened { .. }))
        .expect("opened")
        .seq;
    for (name, at) in [
        ("before", opened - 1),
        ("opened", opened),
        ("begun", opened + 1),
    ] {
        let fork = folder.path().join(name);
        let new = fork.to_string_lossy().into_owned();
        let at = at.to_string();
        succeed(command(
            &target,
            "statistics",
            &["fork", &path, "--at", &at, "--dir", &new],
        ));
        let output = finish(command(&target, "statistics", &["resume", &new]));
        assert!(output.status.success(), "{output:?}");
        let state = sealed_once(&fork);
        assert_eq!(state.sealed_elsewhere, Some(opened));
        assert_eq!(state.sealed, ended.sealed);
        let report = std::fs::read_to_string(fork.join("reports/report.md")).expect("a report");
        let words = format!("had opened its sealed split at its event {opened}");
        assert!(report.contains(&words), "{name}: {report}");
    }
}
