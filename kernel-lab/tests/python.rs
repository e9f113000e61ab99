//! Python submissions through the real worker: every one in `tests/python` gets
//! the verdict that its `expect.toml` names.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use protocol::{Candidate, Operation, Report, Split, Verdict};
use sandbox::{Command, ExitReason, Limits, Output};
use serde::Deserialize;

const FILE: &str = "model_new.py";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    task: String,
    depth: String,
    verdict: String,
    stage: Option<String>,
    words: Vec<String>,
}

fn experiment(name: &str, task: &str, into: &Path) -> PathBuf {
    let dir = into.join(name);
    fs::create_dir_all(&dir).unwrap();
    fs::copy(worker::data("python").join(name).join(FILE), dir.join(FILE)).unwrap();
    let files = vec![FILE.into()];
    worker::write_experiment(&dir, name, task, Candidate::Files { files });
    dir
}

fn look(worker: &mut worker::Worker, name: &str, expect: &Expect, into: &Path) -> Report {
    let dir = experiment(name, &expect.task, into);
    worker.report(&match expect.depth.as_str() {
        "check" => Operation::Check { dir },
        "try" => Operation::Try { dir },
        _ => Operation::Evaluate {
            dir,
            attempt: 1,
            split: Split::Search,
        },
    })
}

#[test]
fn every_submission_gets_its_verdict_and_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker::start();
    worker.line();
    let mut names: Vec<String> = fs::read_dir(worker::data("python"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 8, "only {} submissions", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let path = worker::data("python").join(name).join("expect.toml");
        let expect: Expect = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let report = look(&mut worker, name, &expect, dir.path());
        let stage = match &report.verdict {
            Verdict::Rejected { stage, .. } => Some(stage.clone()),
            _ => None,
        };
        let reason = report.verdict.reason();
        eprintln!("{name}: {} {stage:?}: {reason}", report.verdict.word());
        if report.verdict.word() != expect.verdict
            || !expect.words.iter().all(|word| reason.contains(word))
            || expect.stage != stage
        {
            wrong.push(name.clone());
        }
        assert_eq!(report.track.as_deref(), Some("python"), "{name}");
        assert_eq!(
            report.metrics.contains_key("speedup"),
            report.verdict.is_ok(),
            "{name}"
        );
        // Whose parameters have other names is told so.
        let own = report.checks.iter().any(|check| check.name == "parameters");
        assert_eq!(own, name == "other_parameters", "{name}");
    }
    assert!(wrong.is_empty(), "unexpected verdicts: {wrong:?}");

    // After all of them the worker still measures kernels.
    let dir = worker::experiment("honest", "softmax_small", &dir.path().join("kernel"));
    let report = worker.report(&Operation::Try { dir });
    assert!(report.verdict.is_ok(), "{:?}", report.verdict);
    assert_eq!(report.track.as_deref(), Some("pure"));
    drop(worker.requests);
    let reason = worker.child.wait().unwrap();
    assert_eq!(reason, ExitReason::Exited(0));
}

#[test]
fn neither_a_bundle_nor_an_export_is_made_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = experiment("honest", "softmax_small", dir.path());
    let attempt = folder.join("attempt-1");
    fs::create_dir(&attempt).unwrap();
    fs::copy(folder.join(FILE), attempt.join(FILE)).unwrap();
    let out = dir.path().join("out");
    let arguments: [&[&Path]; 2] = [
        &[Path::new("bundle"), &attempt, &out],
        &[Path::new("export"), &folder, Path::new("--out"), &out],
    ];
    for words in arguments {
        let finished = Command::new(
            env!("CARGO_BIN_EXE_kernel-lab"),
            environment::of_labs(),
            Limits::none(),
        )
        .arg("--tasks")
        .arg(worker::data("tasks"))
        .args(words)
        .stdout(Output::Capture)
        .stderr(Output::Capture)
        .run()
        .unwrap();
        let text = finished.stderr.text();
        assert_eq!(finished.reason, ExitReason::Exited(3), "{text}");
        assert!(text.contains("Python submission"), "{text}");
        assert!(!out.exists());
    }
}
