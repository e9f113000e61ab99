//! A folder of texts where the lab for them is missing: the real binary
//! decides what is measured instead.

use std::fs;
use std::path::Path;

use orchestrator::adapter::Adapter;
use orchestrator::explore::AgentsPython;

use super::support::{Target, command, finish, fixtures};

/// Whether agents' Python is here.
fn ready() -> bool {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found = AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &home);
    if let Err(error) = &found {
        let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
        assert!(!required, "{error}");
        println!("skipped: {error}");
    }
    found.is_ok()
}

fn books(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for n in 0..20 {
        let text = format!("Book {n} says little, and says it again and again. ").repeat(60);
        fs::write(folder.join(format!("{n}.txt")), text).expect("a text");
    }
}

#[test]
fn without_the_lab_an_adapter_is_drafted_that_says_what_it_measures() {
    if !ready() {
        return;
    }
    let around = tempfile::tempdir().expect("a folder");
    let path = |name: &str| around.path().join(name);
    books(&path("books"));
    fs::create_dir(path("bin")).expect("a folder");
    let target = Target {
        bin_dir: path("bin"),
        ..Target::synthetic(&fixtures().join("tasks"))
    };
    let text = |name: &str| path(name).to_string_lossy().into_owned();
    let (data, dir) = (text("books"), text("c"));
    let objective = "train a language model with the smallest bits per byte";
    let words = [
        "run",
        "--model",
        "builtin",
        "--data",
        &data,
        "--objective",
        objective,
        "--until",
        "phase0",
        "--dir",
        &dir,
    ];
    let output = finish(command(&target, "language", &words));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let adapter = Adapter::load(&path("c/adapter")).expect("an adapter");
    let metric = &adapter.manifest.metric;
    assert_eq!(
        (metric.name.as_str(), metric.unit.as_str()),
        ("logloss", "nats")
    );
    assert!(adapter.manifest.lab.is_empty() && adapter.manifest.evaluation.is_some());
    let report = fs::read_to_string(path("c/reports/report.md")).expect("a report");
    assert!(
        report.contains("train-lab") && report.contains("in nats counts"),
        "{report}"
    );

    // An adapter that was named is not replaced.
    let dir = text("d");
    let named = [
        "run",
        "--model",
        "builtin",
        "--data",
        &data,
        "--adapter",
        "llm-pretraining",
        "--dir",
        &dir,
    ];
    let output = finish(command(&target, "language", &named));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("`train-lab`"), "{said}");
}
