//! The auditor from outside: the binary on the shipped corpus, and on what
//! is broken.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Cases that are audited in every test run, one for each family of checks.
const SAMPLE: [(&str, &str); 19] = [
    ("auditor-sound-plain-houses", ""),
    ("auditor-sound-stratified-scaled", ""),
    ("auditor-sound-lags", ""),
    ("auditor-sound-balanced-accuracy", ""),
    ("auditor-sound-notes-vocabulary", ""),
    ("auditor-sound-patients", ""),
    ("auditor-sound-next-letter", ""),
    ("auditor-target-encoding-all", "target-canary"),
    ("auditor-scaling-all", "feature-canary"),
    ("auditor-centred-window", "target-canary"),
    ("auditor-random-days", "time-order"),
    ("auditor-patients-on-both-sides", "group-overlap"),
    ("auditor-edited-notes", "near-duplicates"),
    ("auditor-next-letter-shown", "target-canary"),
    ("auditor-next-letter-remembered", "near-duplicates"),
    ("auditor-set-order", "determinism"),
    ("auditor-no-root", "reference"),
    ("auditor-skips-missing", "refusals"),
    ("auditor-wrong-direction", "direction"),
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit-corpus")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}

/// Runs `alphalab audit`; exit code, stdout and stderr.
fn alphalab(arguments: &[&str]) -> (i32, String, String) {
    #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
    let output = Command::new(env!("CARGO_BIN_EXE_alphalab"))
        .arg("audit")
        .args(arguments)
        .output()
        .expect("alphalab starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Runs `alphalab audit --json`; exit code and JSON.
fn audit(arguments: &[&str]) -> (i32, Value) {
    let mut words = arguments.to_vec();
    words.push("--json");
    let (code, stdout, stderr) = alphalab(&words);
    let value =
        serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("no JSON: {stdout}{stderr}"));
    (code, value)
}

#[test]
fn a_sample_of_the_corpus_is_judged_right() {
    let folder = tempfile::tempdir().expect("a folder");
    for (case, _) in SAMPLE {
        copy(&corpus().join(case), &folder.path().join(case));
    }
    let path = folder.path().to_string_lossy();
    let (code, report) = audit(&["--corpus", &path, "--no-mutants"]);
    for row in report["cases"].as_array().expect("cases") {
        assert_eq!(row["right"], true, "{row:#}");
        let name = row["case"].as_str().expect("a name");
        let (_, check) = SAMPLE
            .iter()
            .find(|(case, _)| *case == name)
            .expect("a case");
        let found = row["findings"].as_array().expect("findings");
        assert!(
            check.is_empty() || found.iter().any(|f| f["check"] == *check),
            "{check} did not find it: {row:#}"
        );
    }
    assert_eq!(report["summary"]["caught"], 12);
    assert_eq!(report["summary"]["passed"], 7);
    assert_eq!(report["summary"]["by_origin"]["auditor"]["flawed"], 12);
    assert_eq!(code, 0);
}

#[test]
fn every_case_can_be_read_and_each_half_is_large_enough() {
    let mut counts = std::collections::BTreeMap::new();
    for folder in orchestrator::audit::corpus::cases(&corpus()).expect("cases") {
        let case = orchestrator::audit::corpus::Case::load(&folder).expect("a case");
        *counts.entry(format!("{:?}", case.expect)).or_insert(0) += 1;
    }
    assert!(counts["Flawed"] >= 40, "{counts:?}");
    assert!(counts["Sound"] >= 20, "{counts:?}");
}

#[test]
fn mutants_of_a_sound_scorer_are_killed() {
    let case = corpus().join("auditor-sound-plain-houses");
    let (code, report) = audit(&[&case.to_string_lossy()]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["verdict"], "passed");
    let count = |name: &str| report["mutants"][name].as_u64().expect("a count");
    assert!(count("changed") >= 8, "{report:#}");
    assert!(count("killed") * 10 >= count("changed") * 9, "{report:#}");
}

#[test]
fn what_is_broken_is_unusable_and_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = |name: &str| {
        let to = folder.path().join(name);
        copy(&corpus().join("auditor-no-root"), &to);
        to
    };
    let contract = make("a-contract").join("evaluation/evaluation.toml");
    let text = std::fs::read_to_string(&contract).expect("a file");
    std::fs::write(&contract, text.replace("\"price\"", "\"prize\"")).expect("a file");
    std::fs::write(
        make("b-prepare").join("evaluation/prepare.py"),
        "raise ValueError('no')\n",
    )
    .expect("a file");
    std::fs::write(make("c-case").join("case.toml"), "schema = 1\n").expect("a file");
    let forever = make("d-forever");
    std::fs::write(
        forever.join("evaluation/prepare.py"),
        "while True:\n    pass\n",
    )
    .expect("a file");
    let contract = forever.join("evaluation/evaluation.toml");
    std::fs::write(&contract, text.replace("timeout_s = 20", "timeout_s = 1")).expect("a file");
    make("e-whole");

    let path = folder.path().to_string_lossy();
    let (code, report) = audit(&["--corpus", &path, "--no-mutants"]);
    let said = |n: usize| {
        report["cases"][n]["findings"][0]["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for n in 0..4 {
        assert_eq!(report["cases"][n]["verdict"], "unusable", "{report:#}");
    }
    assert!(
        said(0).contains("`task.target`") && said(0).contains("`prize`"),
        "{}",
        said(0)
    );
    assert!(said(1).contains("ValueError: no"), "{}", said(1));
    assert!(said(2).contains("case.toml"), "{}", said(2));
    assert!(said(3).contains("ran out of time"), "{}", said(3));
    assert_eq!(report["cases"][4]["verdict"], "failed");
    // One of them can't even be read.
    assert_eq!(code, 10);
}

#[test]
fn evaluations_reach_neither_network_nor_files_nor_their_own_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = folder.path().join("case");
    copy(&corpus().join("auditor-sound-plain-houses"), &case);
    let secret = folder.path().join("secret.txt");
    std::fs::write(&secret, "secret").expect("a file");
    let probe = format!(
        "import os, socket\n\
         def tries(what, act):\n    \
             try:\n        act()\n    \
             except OSError:\n        return\n    \
             raise SystemExit('could ' + what)\n\
         tries('read a file outside', lambda: open({:?}))\n\
         tries('write the evaluation', lambda: open('new.txt', 'w'))\n\
         tries('write the data', lambda: open('../data/original/new.txt', 'w'))\n\
         tries('reach the network', lambda: socket.create_connection(('127.0.0.1', 1), 1))\n",
        secret.display().to_string()
    );
    let prepare = case.join("evaluation/prepare.py");
    let rest = std::fs::read_to_string(&prepare).expect("a file");
    std::fs::write(&prepare, probe + &rest).expect("a file");
    let (code, report) = audit(&[&case.to_string_lossy(), "--no-mutants"]);
    assert_eq!(code, 0, "{report:#}");
}

#[test]
fn what_is_no_evaluation_is_said_to_be_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy().into_owned();
    let (code, _, stderr) = alphalab(&[&path]);
    assert_eq!(code, 3);
    assert!(stderr.contains("evaluation.toml"), "{stderr}");
    let (code, _, stderr) = alphalab(&["--corpus", &path]);
    assert_eq!(code, 3);
    assert!(stderr.contains("case.toml"), "{stderr}");
    let (code, _, _) = alphalab(&[]);
    assert_eq!(code, 2);
}
