//! A campaign on a table that no lab knows, from the raw data to a leaderboard
//! that can be measured again: the real binary, the real sandbox, `builtin`.

#[path = "support/python.rs"]
mod python;
#[path = "support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use orchestrator::core::event::Event;
use orchestrator::core::state::{RunState, State};
use orchestrator::store::Reader;
use protocol::Split;
use python::agents_python;
use serde_json::Value;
use support::{Target, command, finish, fixtures, quietly, run, succeed};

/// Prices that follow from a frame's size, shape and colour, with noise.
fn table(rows: usize) -> String {
    let mut rng = stats::Rng::new(11);
    let mut text = "width,height,colour,price\n".to_owned();
    for _ in 0..rows {
        let (width, height) = (20.0 + 80.0 * rng.uniform(), 20.0 + 80.0 * rng.uniform());
        let (colour, factor) = [("black", 1.0), ("gold", 1.8), ("oak", 1.3)][rng.index(3)];
        let price = factor * (0.02 * width * height + 0.4 * (width + height));
        let price = price * (0.05 * rng.normal()).exp();
        // Writing to a String can't fail.
        let _ = writeln!(text, "{width:.1},{height:.1},{colour},{price:.2}");
    }
    text
}

fn target(data: &Path) -> Target {
    let words = [
        "--objective",
        "predict price with the smallest RMSE",
        "--no-dashboard",
        "--data",
        &*data.to_string_lossy(),
    ];
    Target {
        run: words.map(str::to_owned).to_vec(),
        ..Target::synthetic(&fixtures().join("tasks"))
    }
}

fn has(dir: &Path, wanted: impl Fn(&Event) -> bool) -> bool {
    let log = Reader::open(dir).and_then(|reader| reader.log());
    log.is_ok_and(|log| log.iter().any(|logged| wanted(&logged.event)))
}

#[test]
fn a_campaign_goes_from_a_table_to_a_verified_leaderboard_whatever_is_killed() {
    if agents_python().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("frames.csv");
    std::fs::write(&data, table(500)).expect("writes");
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let target = target(&data);
    let resume = || command(&target, "experiments", &["resume", &path, "--no-dashboard"]);

    // Killed over the first quick look, and over the first measurement.
    let looked = |event: &Event| matches!(event, Event::Tried { .. });
    let measured = |event: &Event| matches!(event, Event::Measured { .. });
    let begin = run(&target, "experiments", &dir, &["--experiments", "2"]);
    kill_once(begin, || has(&dir, looked));
    kill_once(resume(), || has(&dir, measured));
    let said = succeed(resume());
    assert_eq!(said.lines().last(), Some(&*path));

    let log = Reader::open(&dir)
        .and_then(|reader| reader.log())
        .expect("a log");
    let state = State::fold(&log).expect("a log that folds");
    assert!(matches!(state.run, RunState::Finished(_)));
    let (lab, _) = state.lab.as_ref().expect("a lab");
    assert_eq!(lab, "evaluation-lab");

    let board = succeed(command(
        &target,
        "experiments",
        &["leaderboard", &path, "--json"],
    ));
    let board: Value = serde_json::from_str(&board).expect("JSON");
    let row = &board["rows"][0];
    let value = row["value"].as_f64().expect("a value");
    let baseline = board["baseline"]["value"].as_f64().expect("a baseline");
    println!("best {value} {}, baseline {baseline}", row["ci"]);
    assert!(value < 0.5 * baseline, "{board:#}");
    assert_eq!(row["standing"], "won", "{board:#}");
    assert!(board["baseline"]["select"]["value"].is_f64(), "{board:#}");
    assert_eq!(row["split"], "select", "{board:#}");
    let best = state
        .experiments
        .values()
        .find(|e| e.verified(Split::Sealed).is_some());
    assert!(best.is_some(), "the sealed split was opened");

    let verify = command(
        &target,
        "experiments",
        &["verify", &path, "--remeasure", "1", "--json"],
    );
    let output = finish(verify);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success(), "{document:#}");
    let checks = document["checks"].as_array().expect("checks");
    let again = checks
        .iter()
        .find(|check| check["name"] == "remeasure")
        .expect("a check");
    assert_eq!(again["outcome"], "passed", "{document:#}");

    // Another evaluation measures nothing more.
    let score = dir.join("evaluation/score.py");
    let text = std::fs::read_to_string(&score).expect("a script");
    std::fs::remove_file(&score).expect("a file");
    std::fs::write(&score, format!("{text} ")).expect("writes");
    let verify = command(
        &target,
        "experiments",
        &["verify", &path, "--remeasure", "1", "--json"],
    );
    let output = finish(verify);
    assert_eq!(output.status.code(), Some(10));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("the evaluation is not what it was"), "{said}");
}

/// Runs until something has happened, and ends the process by SIGKILL.
fn kill_once(command: std::process::Command, happened: impl Fn() -> bool) {
    let mut child = quietly(command);
    let begun = Instant::now();
    while !happened() && child.try_wait().expect("a child").is_none() {
        assert!(begun.elapsed() < Duration::from_mins(15), "nothing happens");
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().expect("a child that can be killed");
    child.wait().expect("a child");
}
