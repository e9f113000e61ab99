//! Persons change the course of a campaign, while it runs and while it lies
//! still; what they want is in the log once.

mod support;

use std::path::Path;
use std::process::Output;

use orchestrator::core::event::{Actor, Event, Logged};
use orchestrator::core::steer::Steer;
use orchestrator::store::Reader;
use serde_json::Value;
use support::{Target, command, finish, fixtures, quietly, run, succeed};

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

fn steer(dir: &Path, wish: &[&str]) -> Output {
    let mut steer = command(&target(), "steer", &["steer"]);
    steer.arg(dir).args(wish);
    finish(steer)
}

fn granted(dir: &Path, wish: &[&str]) {
    let output = steer(dir, wish);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{wish:?}: {said}");
}

fn refused(dir: &Path, wish: &[&str]) -> String {
    let output = steer(dir, wish);
    assert_eq!(output.status.code(), Some(3), "{wish:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn log(dir: &Path) -> Vec<Logged> {
    let log = Reader::open(dir).and_then(|reader| reader.log());
    log.expect("a log")
}

fn status(dir: &Path) -> Value {
    let mut status = command(&target(), "steer", &["status", "--json"]);
    status.arg(dir);
    serde_json::from_str(&succeed(status)).expect("JSON")
}

/// Looks until it is so; a campaign that never gets there is ended by the
/// harness that runs the tests.
fn until(dir: &Path, holds: impl Fn(&Value) -> bool) {
    loop {
        if dir.join("campaign.db").is_file() && holds(&status(dir)) {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_phase_waits_for_a_person_and_goes_on_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("campaign");
    let mut child = quietly(run(&target(), "steer", &dir, &["--gate", "phase3"]));
    until(&dir, |status| status["evaluation"].is_string());
    let why = refused(&dir, &["approve", "phase2"]);
    assert!(why.contains("phase 2 waits for nobody"), "{why}");
    granted(&dir, &["note", "try the second template of beta"]);
    let before = log(&dir);
    let began = |logged: &Logged| matches!(logged.event, Event::PhaseStarted { phase: 3 });
    assert!(!before.iter().any(began), "nobody has let it begin");
    granted(&dir, &["approve", "phase3"]);
    assert!(child.wait().expect("a child").success());
    let after = log(&dir);
    let place = after.iter().position(began).expect("it has begun");
    let wishes: Vec<&Steer> = after[..place]
        .iter()
        .filter(|logged| logged.actor == Actor::User)
        .filter_map(|logged| match &logged.event {
            Event::Steered { what, .. } => Some(what),
            _ => None,
        })
        .collect();
    let note = "try the second template of beta".to_owned();
    assert_eq!(
        wishes,
        [&Steer::Note { text: note }, &Steer::Approve { phase: 3 }]
    );
    assert!(refused(&dir, &["pause"]).contains("finished"));
}

#[test]
fn a_campaign_that_lies_still_is_paused_and_told_to_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("campaign");
    let mut child = quietly(run(&target(), "steer", &dir, &["--gate", "phase3"]));
    until(&dir, |status| status["evaluation"].is_string());
    child.kill().expect("a running child");
    child.wait().expect("a child");
    let spent = status(&dir)["budget"]["wall_s"]["spent"].clone();
    granted(&dir, &["pause"]);
    granted(&dir, &["approve", "phase3"]);
    granted(&dir, &["budget", "--experiments", "3"]);
    assert!(refused(&dir, &["pause"]).contains("paused already"));
    assert!(refused(&dir, &["cancel", "e9999"]).contains("e9999"));
    // Wishes take no running time, and a killed process spends none.
    assert_eq!(status(&dir)["budget"]["wall_s"]["spent"], spent);

    let mut resume = command(&target(), "steer", &["resume"]);
    resume.arg(&dir);
    let mut child = quietly(resume);
    until(&dir, |status| status["state"] == "running");
    granted(&dir, &["resume"]);
    assert!(child.wait().expect("a child").success());
    let status = status(&dir);
    assert_eq!(status["budget"]["experiments"]["limit"], 3.0);
    assert_eq!(status["budget"]["experiments"]["spent"], 3.0, "{status}");
}
