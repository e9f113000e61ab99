//! Admission through the real program: hand-made tasks of each quality, some
//! shipped ones at their smallest sizes, and the manifest of all of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kernel_lab::admit::manifest::{FILE, Manifest, Published};
use kernel_lab::admit::{Quality, SEED};
use kernel_lab::task::TaskLibrary;
use sandbox::{Command, ExitReason, Limits, Output};
use serde_json::Value;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/tasks")
}

fn made() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admission")
}

/// `kernel-lab admit … --json`.
fn admit(args: &[&str]) -> Value {
    let finished = Command::new(
        env!("CARGO_BIN_EXE_kernel-lab"),
        environment::of_labs(),
        Limits::none(),
    )
    .arg("admit")
    .args(args)
    .arg("--json")
    .stdout(Output::Capture)
    .stderr(Output::Capture)
    .run()
    .unwrap();
    assert_eq!(
        finished.reason,
        ExitReason::Exited(0),
        "{}",
        finished.stderr.text()
    );
    serde_json::from_str(&finished.stdout.text()).unwrap()
}

fn tasks(document: &Value) -> &[Value] {
    document["tasks"].as_array().unwrap()
}

/// What must become of each hand-made task, and by what.
const MADE: [(&str, &str, &str); 12] = [
    ("clamped_twice", "collapsible", "dropped-op-passes"),
    ("live_dropout", "ill-posed", "random-in-training"),
    ("one_pass_variance", "ill-posed", "eager-out-of-budget"),
    ("random_numbers", "ill-posed", "unusable"),
    ("relu_of_positives", "ok", ""),
    (
        "small_probabilities",
        "degenerate",
        "no-work-passes-loosely",
    ),
    ("square_root_of_negatives", "ill-posed", "not-finite"),
    ("sum_of_linear", "collapsible", "sum-of-product"),
    ("triangle_of_zeros", "collapsible", "structural-zeros"),
    ("unit_scale", "ok", ""),
    ("vanishing_product", "degenerate", "work-can-be-skipped"),
    ("zero_by_subtraction", "degenerate", "no-work-passes"),
];

#[test]
fn each_hand_made_task_gets_its_verdict_and_the_same_manifest_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let made = made();
    let made = made.to_str().unwrap();
    let document = admit(&[made, "--manifest", path.to_str().unwrap()]);
    assert_eq!(document["schema"], 1);
    let mut got = BTreeMap::new();
    for task in tasks(&document) {
        let reason = task["reasons"][0]["code"].as_str().unwrap_or_default();
        let quality = task["quality"].as_str().unwrap();
        got.insert(task["task"].as_str().unwrap(), (quality, reason));
    }
    let want: BTreeMap<_, _> = MADE
        .into_iter()
        .map(|(task, quality, reason)| (task, (quality, reason)))
        .collect();
    assert_eq!(got, want);

    // Some again, into the manifest of all: the same bytes.
    let first = std::fs::read(&path).unwrap();
    let only = "clamped_twice,vanishing_product";
    admit(&[made, "--only", only, "--manifest", path.to_str().unwrap()]);
    assert_eq!(std::fs::read(&path).unwrap(), first);
}

#[test]
fn shipped_tasks_kill_their_mutants_at_small_sizes() {
    let dir = shipped();
    let only = "masked_softmax,linear_residual,cumsum";
    let document = admit(&[dir.to_str().unwrap(), "--size", "sim", "--only", only]);
    for task in tasks(&document) {
        assert_eq!(task["quality"], "ok", "{task}");
        assert_eq!(task["size"], "sim");
        assert_eq!(
            task["passed_mutants"].as_array().unwrap().len(),
            0,
            "{task}"
        );
        let failed: Vec<&str> = task["failed_mutants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mutant| mutant.as_str().unwrap())
            .collect();
        for mutant in [
            "zeros",
            "ones",
            "constant-mean",
            "input-copy:0",
            "half-inputs",
        ] {
            assert!(failed.contains(&mutant), "{mutant}: {task}");
        }
    }
    // Dropping the residual, or the layer beside it, is noticed.
    let dropped = document["tasks"][1]["failed_mutants"].as_array().unwrap();
    let dropped = dropped.iter().filter_map(Value::as_str);
    let dropped: Vec<&str> = dropped
        .filter(|name| name.starts_with("dropped-op:"))
        .collect();
    assert_eq!(
        dropped,
        ["dropped-op:add<-linear", "dropped-op:add<-residual"]
    );
}

#[test]
fn the_published_manifest_is_of_the_tasks_as_they_are() {
    let manifest = Manifest::read(&shipped().join(FILE)).unwrap().unwrap();
    assert!(
        manifest.is_like(&Manifest::new(SEED)),
        "made by another lab"
    );
    let library = TaskLibrary::new(shipped());
    let names = library.names().unwrap();
    let published: Vec<&str> = manifest.tasks.iter().map(|entry| &*entry.task).collect();
    assert_eq!(
        published, names,
        "run `kernel-lab admit --manifest kernels/tasks/{FILE}`"
    );
    let mut apart = Vec::new();
    for name in &names {
        let Published::Entry(entry) = manifest.of(&library.find(name).unwrap()) else {
            panic!("{name} has changed: run `kernel-lab admit --manifest kernels/tasks/{FILE}`");
        };
        assert_eq!(entry.size, "cpu", "{name}");
        match entry.quality {
            Quality::Ok => assert!(entry.passed_mutants.is_empty(), "{name}: {entry:?}"),
            Quality::Collapsible => apart.push(name.as_str()),
            Quality::Degenerate | Quality::IllPosed => panic!("{name}: {entry:?}"),
        }
    }
    assert_eq!(apart, ["diag_matmul", "triangular_matmul"]);
}
