//! The worker keeps the lab contract: the conformance kit of `protocol`, run
//! against the real binary, and what goes beyond it.

mod environment;
mod worker;

use std::io::Write as _;

use protocol::conformance::Kit;
use protocol::{Candidate, Operation, ReplyBody, Request};

#[test]
fn the_worker_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let good = worker::experiment("honest", "softmax_small", dir.path());
    let bad = worker::experiment("returns_nan", "softmax_small", dir.path());
    let worker = worker::start();
    // The kit owns both pipe ends; the process lives as long as `child`.
    let outcomes = Kit::new(worker.replies, worker.requests).run(&good, &bad);
    drop(worker.child);
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() >= 8);
}

#[test]
fn a_running_evaluation_can_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker::start();
    worker.line();
    let request = |id, op| {
        serde_json::to_string(&Request {
            id,
            deadline_ms: None,
            op,
        })
        .unwrap()
    };
    let evaluate = Operation::Evaluate {
        dir: worker::experiment("honest", "softmax_small", dir.path()),
        attempt: 1,
        split: protocol::Split::Search,
    };
    writeln!(worker.requests, "{}", request(100, evaluate)).unwrap();
    writeln!(
        worker.requests,
        "{}",
        request(101, Operation::Cancel { request: 100 })
    )
    .unwrap();
    let (mut found, mut cancelled) = (false, false);
    while !(found && cancelled) {
        let reply: protocol::Reply = serde_json::from_str(&worker.line()).unwrap();
        match (reply.id, reply.body) {
            (101, ReplyBody::Cancelled { found: true }) => found = true,
            (100, ReplyBody::Error(error)) => {
                assert_eq!(error.code, "cancelled");
                cancelled = true;
            }
            (100, ReplyBody::Progress(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn files_outside_the_experiment_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = worker::start();
    worker.line();
    let folder = worker::experiment("honest", "softmax_small", dir.path());
    worker::write_experiment(
        &folder,
        "x",
        "softmax_small",
        Candidate::Files {
            files: vec!["../../etc/plan.toml".into()],
        },
    );
    let report = worker.report(&Operation::Check {
        dir: folder.clone(),
    });
    assert!(report.verdict.reason().contains("plan.toml"));
    // A link in place of a file is no file.
    std::fs::remove_file(folder.join("kernel.cpp")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("kernel.cpp")).unwrap();
    worker::write_experiment(
        &folder,
        "x",
        "softmax_small",
        Candidate::Files {
            files: vec!["plan.toml".into(), "kernel.cpp".into()],
        },
    );
    let report = worker.report(&Operation::Check { dir: folder });
    assert!(
        report.verdict.reason().contains("not a regular file"),
        "{:?}",
        report.verdict
    );
}
