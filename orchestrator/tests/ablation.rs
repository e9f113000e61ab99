//! Winners taken apart, from outside.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Target, command, finish, fixtures, quietly, run, succeed};

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

fn json(dir: &Path, arguments: &[&str]) -> Value {
    let path = dir.to_string_lossy();
    let mut all = vec![arguments[0], &path];
    all.extend(&arguments[1..]);
    all.push("--json");
    let text = succeed(command(&target(), "ablation", &all));
    serde_json::from_str(&text).expect("nothing but JSON")
}

#[test]
fn what_the_changes_of_a_winner_are_worth() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let arguments = ["--tasks", "alpha", "--experiments", "12", "--ablation", "3"];
    succeed(run(&target(), "ablation", &dir, &arguments));

    let spent = &json(&dir, &["status"])["budget"]["experiments"];
    assert!(
        spent["spent"].as_f64().expect("a number") <= 12.0,
        "{spent}"
    );
    assert_eq!(spent["reserved"].as_f64(), Some(0.0), "{spent}");

    let report = std::fs::read_to_string(dir.join("reports/report.md")).expect("a report");
    let table = report
        .split("## What the winners' changes are worth")
        .nth(1)
        .expect("the table");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| alpha"))
        .collect();
    assert!((1..=3).contains(&rows.len()), "{table}");
    // The lab's function is known: the best point is FLAG = true, UNROLL = 8,
    // BLOCK = 64, and without FLAG it is worth 0.8 of that.
    let flag = rows.iter().find(|row| row.contains("| FLAG |"));
    let factor = flag
        .and_then(|row| row.split('|').nth(7))
        .expect("a factor");
    let number = factor.trim().split(' ').next().expect("a number");
    let number: f64 = number.parse().expect("a number");
    assert!((number - 1.25).abs() < 0.05, "{table}");
    assert!(factor.contains('['), "{table}");

    // Each is an experiment like others, below the winner.
    let last = rows[0].split('|').nth(8).expect("an experiment").trim();
    let shown = json(&dir, &["show", last]);
    assert_eq!(shown["kind"], "ablation", "{shown}");
    assert_eq!(shown["change"]["from"], shown["parent"], "{shown}");
    let diff = shown["change"]["diff"].as_str().expect("a diff");
    assert!(diff.starts_with("--- e"), "{diff}");
    let parent = json(&dir, &["show", &shown["parent"].to_string()]);
    let children = parent["children"].as_array().expect("a list");
    assert!(children.contains(&shown["experiment"]), "{parent}");
    let name = format!("{last}-{}", shown["name"].as_str().expect("a name"));
    let file = dir.join("experiments").join(name).join("change.diff");
    assert_eq!(std::fs::read_to_string(file).expect("the diff"), diff);
    assert!(report.contains("## Lineage"), "{report}");
    succeed(command(
        &target(),
        "ablation",
        &["verify", &dir.to_string_lossy()],
    ));
}

#[test]
fn a_limit_that_was_lowered_holds_for_ablations_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let mut arguments = vec!["--tasks", "alpha", "--experiments", "12", "--ablation", "3"];
    arguments.extend(["--gate", "phase3"]);
    let mut child = quietly(run(&target(), "ablation", &dir, &arguments));
    while !dir.join("campaign.db").is_file() || !json(&dir, &["status"])["evaluation"].is_string() {
        std::thread::yield_now();
    }
    let path = dir.to_string_lossy().into_owned();
    for wish in [
        &["budget", "--experiments", "4"][..],
        &["approve", "phase3"],
    ] {
        let mut steer = command(&target(), "ablation", &["steer", &path]);
        steer.args(wish);
        succeed(steer);
    }
    assert!(child.wait().expect("a child").success());
    let status = json(&dir, &["status"]);
    let spent = &status["budget"]["experiments"]["spent"];
    assert!(spent.as_f64().is_some_and(|spent| spent <= 4.0), "{spent}");
    // A quarter of four.
    let report = std::fs::read_to_string(dir.join("reports/report.md")).expect("a report");
    let table = report
        .split("## What the winners' changes are worth")
        .nth(1)
        .expect("the table");
    let rows = table.lines().filter(|line| line.starts_with("| alpha"));
    assert_eq!(rows.count(), 1, "{table}");
}

#[test]
fn what_there_is_no_room_for_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let output = finish(run(
        &target(),
        "ablation",
        &dir,
        &["--experiments", "8", "--ablation", "2"],
    ));
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("--ablation 2: there is no room for it"),
        "{said}"
    );
    assert!(!dir.exists());
}

#[test]
fn an_unknown_experiment_is_named_with_those_there_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let arguments = ["--tasks", "alpha", "--experiments", "2"];
    succeed(run(&target(), "ablation", &dir, &arguments));
    let path = dir.to_string_lossy();
    let output = finish(command(&target(), "ablation", &["show", &path, "E99"]));
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("no experiment e0099: it has e0001 to"),
        "{said}"
    );
}
