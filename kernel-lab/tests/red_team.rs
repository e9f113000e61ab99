//! A sample of the red team's corpus through the real program. The whole of
//! it: `cargo xtask red-team`, and under 20 seeds `cargo xtask soak red-team`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;

use std::path::PathBuf;

use kernel_lab::plan::Target;
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

/// Cases for a GPU, whatever their tasks, at equal distances.
fn gpu_sample(cases: &[Case]) -> Vec<String> {
    let sample = [(Kind::Cheat, 6), (Kind::Oddity, 3)].map(|(kind, count)| {
        let of = cases
            .iter()
            .filter(|case| case.target == Target::Cuda && case.kind == kind);
        let names: Vec<String> = of
            .map(|case| format!("{}/{}", case.half, case.name))
            .collect();
        let step = names.len().div_ceil(count).max(1);
        names.into_iter().step_by(step).collect::<Vec<_>>()
    });
    sample.concat()
}

fn red_team(args: &[&str]) -> (ExitReason, String, String) {
    red_team_with(args, &[])
}

fn red_team_with(args: &[&str], variables: &[(&str, &str)]) -> (ExitReason, String, String) {
    let policy = variables
        .iter()
        .fold(environment::of_labs(), |policy, (name, value)| {
            policy.env(*name, *value)
        });
    let finished = Command::new(env!("CARGO_BIN_EXE_kernel-lab"), policy, Limits::none())
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
    let of = |kind| {
        let of = |case: &&Case| case.half == "cuda" && case.kind == kind;
        corpus.cases.iter().filter(of).count()
    };
    assert!(of(Kind::Cheat) >= 35, "{}", of(Kind::Cheat));
    assert!(of(Kind::Oddity) >= 12, "{}", of(Kind::Oddity));
    let mut for_gpus = corpus
        .cases
        .iter()
        .filter(|case| case.target == Target::Cuda);
    assert!(for_gpus.all(|case| case.half == "cuda"));
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
fn a_sample_for_gpus_gets_its_verdicts_and_is_skipped_without_a_compiler() {
    let names = gpu_sample(&corpus().cases);
    assert!(names.len() >= 8, "{names:?}");
    let (dir, only) = (corpus_dir(), names.join(","));
    let args = ["--json", "--corpus", dir.to_str().unwrap(), "--only", &only];
    let (reason, out, err) = red_team(&args);
    eprintln!("{err}");
    assert_eq!(reason, ExitReason::Exited(0), "{out}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["passed"], true);
    assert_eq!(document["halves"][0]["half"], "cuda");
    assert_eq!(document["cases"].as_array().unwrap().len(), names.len());
    assert_eq!(document["skipped"].as_array().unwrap().len(), 0);

    let (reason, out, err) = red_team_with(&args, &[("ALPHALAB_NVRTC", "/nowhere/libnvrtc.so")]);
    assert_eq!(reason, ExitReason::Exited(0), "{err}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["cases"].as_array().unwrap().len(), 0);
    let skipped = &document["skipped"][0];
    assert_eq!(skipped["halves"][0], "cuda");
    assert_eq!(skipped["cases"], names.len());
    let why = skipped["why"].as_str().unwrap();
    assert!(why.contains("/nowhere/libnvrtc.so"), "{why}");
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
