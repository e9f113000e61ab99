//! A sample of the red team's corpus through the real program. The whole of
//! it: `cargo xtask red-team`, and under 20 seeds `cargo xtask soak red-team`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;

use std::path::PathBuf;

use kernel_lab::redteam::{Case, Corpus, Kind};
use sandbox::{Command, ExitReason, Limits, Output};

/// The sample's only task, whose baselines are compiled once.
const TASK: &str = "linear_gelu_scale";
/// Cases of each kind from each half.
const EACH: usize = 2;

fn corpus_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../kernels/red-team")
}

fn corpus() -> Corpus {
    let tasks = std::fs::read_dir(corpus_dir().join("../tasks")).unwrap();
    let tasks: Vec<String> = tasks
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem()?.to_str()?.to_owned();
            path.extension()
                .is_some_and(|ending| ending == "py")
                .then_some(name)
        })
        .collect();
    Corpus::load(&corpus_dir(), &tasks).unwrap()
}

/// Cases of the task, from the first to the last of each half and kind by
/// name, at equal distances.
fn sample(cases: &[Case]) -> Vec<String> {
    let mut names = Vec::new();
    for half in cases.chunk_by(|a, b| a.half == b.half) {
        for kind in [Kind::Cheat, Kind::Oddity] {
            let of: Vec<&Case> = half
                .iter()
                .filter(|case| case.kind == kind && case.task == TASK)
                .collect();
            let step = of.len().div_ceil(EACH).max(1);
            let chosen = of.iter().step_by(step);
            names.extend(chosen.map(|case| format!("{}/{}", case.half, case.name)));
        }
    }
    names
}

fn red_team(args: &[&str]) -> (ExitReason, String, String) {
    let finished = Command::new(
        env!("CARGO_BIN_EXE_kernel-lab"),
        environment::of_labs(),
        Limits::none(),
    )
    .arg("red-team")
    .args(args)
    .stdout(Output::Capture)
    .stderr(Output::Capture)
    .run()
    .unwrap();
    (
        finished.reason,
        finished.stdout.text(),
        finished.stderr.text(),
    )
}

#[test]
fn the_corpus_has_both_halves_and_what_is_to_be_in_them() {
    let corpus = corpus();
    for half in ["catalogue", "detectors"] {
        let count = |kind| {
            let of = |case: &&Case| case.half == half && case.kind == kind;
            corpus.cases.iter().filter(of).count()
        };
        assert!(count(Kind::Cheat) >= 20, "{half}: {}", count(Kind::Cheat));
        assert!(count(Kind::Oddity) >= 30, "{half}: {}", count(Kind::Oddity));
    }
    assert!(sample(&corpus.cases).len() >= 5);
}

#[test]
fn a_sample_of_the_corpus_gets_its_verdicts() {
    let names = sample(&corpus().cases);
    let dir = corpus_dir();
    let (reason, out, err) = red_team(&[
        "--json",
        "--corpus",
        dir.to_str().unwrap(),
        "--only",
        &names.join(","),
    ]);
    eprintln!("{err}");
    assert_eq!(reason, ExitReason::Exited(0), "{out}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["passed"], true);
    assert_eq!(document["seeds"].as_array().unwrap().len(), 1);
    assert_eq!(document["cases"].as_array().unwrap().len(), names.len());
}

#[test]
fn a_bad_corpus_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("one");
    std::fs::create_dir(&case).unwrap();
    std::fs::write(case.join("plan.toml"), "").unwrap();
    let text = "task = \"nowhere\"\nkind = \"cheat\"\ncatalogue = []\nexpect = \"rejected\"\nwhat = \"x\"\n";
    std::fs::write(case.join("case.toml"), text).unwrap();
    let (reason, out, err) = red_team(&["--corpus", dir.path().to_str().unwrap()]);
    assert_eq!(reason, ExitReason::Exited(3));
    assert!(out.is_empty(), "{out}");
    for word in ["one/case.toml", "`task`", "\"nowhere\""] {
        assert!(err.contains(word), "{err}");
    }
}
