//! Every candidate in `tests/candidates` gets the verdict that its
//! `expect.toml` names, from one real worker that lives through all of them.

mod environment;
mod worker;

use std::fs;

use protocol::{Operation, ReplyBody, Split, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    task: String,
    verdict: String,
    stage: Option<String>,
    words: Vec<String>,
}

#[test]
fn every_candidate_gets_its_verdict_and_the_lab_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker::start();
    worker.line();
    let mut names: Vec<String> = fs::read_dir(worker::data("candidates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(
        names.len() >= 27,
        "the corpus has shrunk to {}",
        names.len()
    );
    let mut wrong = Vec::new();
    for name in &names {
        if name == "done_early" && sandbox::doctor().bubblewrap.is_err() {
            // It finds the block to forge in /proc/self/maps, which the
            // Landlock backend hides from it.
            eprintln!("skipped: {name} needs bubblewrap to be able to try");
            continue;
        }
        let path = worker::data("candidates").join(name).join("expect.toml");
        let expect: Expect = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let report = worker.report(&Operation::Evaluate {
            dir: worker::experiment(name, &expect.task, dir.path()),
            attempt: 1,
            split: Split::Search,
        });
        let stage = match &report.verdict {
            Verdict::Rejected { stage, .. } => Some(stage.clone()),
            _ => None,
        };
        let reason = report.verdict.reason();
        let good = report.verdict.word() == expect.verdict
            && expect.words.iter().all(|word| reason.contains(word))
            && (expect.stage.is_none() || expect.stage == stage);
        eprintln!("{name}: {} {stage:?}: {reason}", report.verdict.word());
        if !good {
            wrong.push(name.clone());
        }
        if !report.verdict.is_ok() {
            assert!(
                !report.metrics.contains_key("speedup"),
                "{name} was refused and has a speedup"
            );
        }
    }
    assert!(wrong.is_empty(), "unexpected verdicts: {wrong:?}");

    // After all of them the worker still measures.
    let report = worker.report(&Operation::Evaluate {
        dir: worker::experiment("honest", "softmax_small", &dir.path().join("again")),
        attempt: 1,
        split: Split::Search,
    });
    assert!(report.verdict.is_ok(), "{:?}", report.verdict);
    assert!(report.metrics["speedup"].value > 0.0);

    // When its input ends it leaves properly.
    drop(worker.requests);
    let reason = worker.child.wait().unwrap();
    assert_eq!(reason, sandbox::ExitReason::Exited(0));
}

#[test]
fn a_task_that_can_not_be_used_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker::start();
    worker.line();
    for (task, word) in [
        ("nowhere", "softmax_small"),
        ("no_model", "Model"),
        ("random_output", "ill-posed"),
        ("raises", "on purpose"),
    ] {
        let folder = dir.path().join(task);
        let answer = worker.ask(Operation::Check {
            dir: worker::experiment("honest", task, &folder),
        });
        match answer {
            ReplyBody::Error(error) => {
                assert_eq!(error.code, "bad_task");
                assert!(error.message.contains(task), "{}", error.message);
                assert!(error.message.contains(word), "{}", error.message);
            }
            other => panic!("{task}: {other:?}"),
        }
    }
}
