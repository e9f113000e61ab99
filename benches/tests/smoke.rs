//! The real program on small tasks: what is right is timed and reported, what
//! is wrong is not.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../kernel-lab/tests/environment/mod.rs"]
mod environment;

use std::fs;
use std::path::{Path, PathBuf};

use sandbox::{Command, ExitReason, Finished, Limits, Output};
use serde_json::Value;

/// The test data of kernel-lab.
fn data(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel-lab/tests");
    tests.join(name)
}

fn copy(from: &Path, into: &Path) {
    fs::create_dir_all(into.parent().unwrap()).unwrap();
    fs::copy(from, into).unwrap();
}

/// A folder of tasks, all the same softmax, with a candidate for each.
fn arrange(dir: &Path, candidates: &[(&str, &str)]) {
    for (task, candidate) in candidates {
        for extension in ["py", "toml"] {
            copy(
                &data("tasks").join(format!("softmax_small.{extension}")),
                &dir.join("tasks").join(format!("{task}.{extension}")),
            );
        }
        for file in ["plan.toml", "kernel.cpp"] {
            copy(
                &data("candidates").join(candidate).join(file),
                &dir.join("candidates").join(task).join(file),
            );
        }
    }
}

fn run(dir: &Path, arguments: &[&str]) -> Finished {
    let policy = environment::of_labs().env("CRITERION_HOME", dir.join("criterion"));
    Command::new(env!("CARGO_BIN_EXE_kernel-bench"), policy, Limits::none())
        .args(arguments)
        .arg("--data")
        .arg(dir.join("tasks"))
        .stdout(Output::Capture)
        .stderr(Output::Capture)
        .run()
        .unwrap()
}

#[test]
fn what_is_right_is_timed_and_what_is_wrong_is_not() {
    let dir = tempfile::tempdir().unwrap();
    arrange(dir.path(), &[("right", "honest"), ("wrong", "no_maximum")]);
    // What an earlier candidate has left.
    let stale = dir.path().join("criterion/wrong/candidate/new");
    fs::create_dir_all(&stale).unwrap();

    let candidates = dir.path().join("candidates").display().to_string();
    let finished = run(
        dir.path(),
        &[
            "--candidates",
            &candidates,
            "--json",
            "--sample-size",
            "10",
            "--warm-up-time",
            "0.05",
            "--measurement-time",
            "0.2",
            "--nresamples",
            "1001",
        ],
    );
    let progress = finished.stderr.text();
    assert_eq!(finished.reason, ExitReason::Exited(1), "{progress}");
    let document: Value = serde_json::from_str(&finished.stdout.text()).unwrap();
    assert_eq!(document["schema"], 1);
    let [right, wrong] = document["tasks"].as_array().unwrap().as_slice() else {
        panic!("{document:#}");
    };
    assert_eq!(right["verdict"], "ok", "{document:#}");
    for (function, name) in ["candidate", "eager", "compile"].iter().enumerate() {
        let function = &right["functions"][function];
        assert_eq!(function["name"], *name);
        // Ten samples, and at least one call before.
        assert!(function["calls"].as_u64().unwrap() > 10, "{function:#}");
        let ms = function["median"]["ms"].as_f64().unwrap();
        let ci = &function["median"]["ci_ms"];
        assert!(ci[0].as_f64().unwrap() <= ms && ms <= ci[1].as_f64().unwrap());
        assert!(ms > 0.0);
    }
    assert_eq!(wrong["verdict"], "rejected");
    assert!(wrong["reason"].as_str().unwrap().contains("large"));
    assert_eq!(wrong["functions"], Value::Array(Vec::new()));

    let report = PathBuf::from(document["report"].as_str().unwrap());
    let index = fs::read_to_string(report).unwrap();
    assert!(index.contains("right/candidate") && !index.contains("wrong/candidate"));
    let criterion = dir.path().join("criterion");
    assert!(criterion.join("right/report/index.html").is_file());
    assert!(!stale.exists());
    assert!(!criterion.join("wrong/eager").exists());
}

#[test]
fn functions_can_be_listed_without_being_run() {
    let dir = tempfile::tempdir().unwrap();
    arrange(dir.path(), &[("some", "honest"), ("other", "honest")]);
    let finished = run(dir.path(), &["some/", "--list"]);
    assert_eq!(finished.reason, ExitReason::Exited(0));
    let text = finished.stdout.text();
    let listed: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let expected = ["candidate", "eager", "compile"].map(|name| format!("some/{name}: benchmark"));
    assert_eq!(listed, expected);
}

#[test]
fn what_can_not_be_run_is_named() {
    let dir = tempfile::tempdir().unwrap();
    arrange(dir.path(), &[("some", "honest")]);
    for (arguments, words) in [
        (["--tasks", "nowhere"], "no task `nowhere`"),
        (["--candidates", "nowhere"], "`nowhere`: failed to list"),
        (["other", "--list"], "FILTER admits no function"),
        (["some(", "--list"], "`some(` is no regular expression"),
    ] {
        let finished = run(dir.path(), &arguments);
        let text = finished.stderr.text();
        assert_eq!(finished.reason, ExitReason::Exited(3), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(!dir.path().join("criterion").exists());
    }
}
