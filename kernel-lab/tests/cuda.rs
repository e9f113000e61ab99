//! CUDA candidates on the simulator: every one in `tests/cuda` gets the verdict that its
//! `expect.toml` names, on a shipped task, from one real worker with NVRTC.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
mod program;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use protocol::{Candidate, Operation, Report, Split, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    task: String,
    verdict: String,
    stage: Option<String>,
    code: Option<String>,
    words: Vec<String>,
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/tasks")
}

fn expect(name: &str) -> Expect {
    let path = worker::data("cuda").join(name).join("expect.toml");
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// An experiment directory with a candidate of `tests/cuda`.
fn experiment(name: &str, task: &str, inside: &Path) -> PathBuf {
    let dir = inside.join(name);
    fs::create_dir_all(&dir).unwrap();
    let files: Vec<PathBuf> = ["plan.toml", "kernel.cu"].map(PathBuf::from).into();
    for file in &files {
        fs::copy(worker::data("cuda").join(name).join(file), dir.join(file)).unwrap();
    }
    worker::write_experiment(&dir, name, task, Candidate::Files { files });
    dir
}

/// What no report from a simulator may have.
fn assert_no_time(name: &str, report: &Report) {
    assert!(report.simulated, "{name}");
    let timed = |metric: &String| metric.contains("speedup") || metric.ends_with("_ms");
    assert!(
        !report.metrics.keys().any(timed),
        "{name}: {:?}",
        report.metrics
    );
}

#[test]
fn every_cuda_candidate_gets_its_verdict_and_none_a_speedup() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--device", "cuda"].map(std::ffi::OsStr::new);
    let mut worker = worker::start_with(&shipped(), &arguments);
    worker.line();
    let mut names: Vec<String> = fs::read_dir(worker::data("cuda"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(
        names.len() >= 18,
        "the corpus has shrunk to {}",
        names.len()
    );
    let mut wrong = Vec::new();
    for name in &names {
        let expect = expect(name);
        let report = worker.report(&Operation::Evaluate {
            dir: experiment(name, &expect.task, dir.path()),
            attempt: 1,
            split: Split::Search,
        });
        assert_no_time(name, &report);
        let stage = match &report.verdict {
            Verdict::Rejected { stage, .. } => Some(stage.clone()),
            _ => None,
        };
        let code = report.diagnostics.get("reason_code");
        let code = code.and_then(|code| code.as_str());
        let reason = report.verdict.reason();
        let good = report.verdict.word() == expect.verdict
            && expect.words.iter().all(|word| reason.contains(word))
            && (expect.stage.is_none() || expect.stage == stage)
            && (expect.code.is_none() || expect.code.as_deref() == code);
        let total_ms = report.durations_ms["total"];
        eprintln!(
            "{name}: {} {stage:?} {code:?} {total_ms:.0} ms: {reason}",
            report.verdict.word()
        );
        if !good {
            wrong.push(name.clone());
        }
        if report.verdict.is_ok() {
            assert!(report.metrics["modelled_cost"].value > 0.0, "{name}");
            assert!(report.diagnostics["baseline"].is_null(), "{name}");
            let assisted = report.track.as_deref() == Some("library-assisted");
            assert_eq!(
                assisted,
                report.diagnostics.contains_key("library"),
                "{name}"
            );
            let launches = &report.diagnostics["launches"];
            assert!(
                launches[0]["counters"]["stores"]["bytes"].as_u64() > Some(0),
                "{name}"
            );
        } else {
            assert!(report.metrics.is_empty(), "{name}: {:?}", report.metrics);
        }
    }
    assert!(wrong.is_empty(), "unexpected verdicts: {wrong:?}");
}

#[test]
fn a_check_says_what_a_kernel_takes_of_a_gpu() {
    let dir = worker::data("cuda").join("honest_linear");
    let dir = dir.to_str().unwrap();
    let (code, out, err) = program::run(
        &[
            "check",
            dir,
            "--task",
            "linear_relu",
            "--device",
            "cuda",
            "--arch",
            "sm_90a",
            "--json",
        ],
        &[],
    );
    assert_eq!(code, 0, "{err}");
    let report: Report = serde_json::from_str(&out).unwrap();
    assert!(report.verdict.is_ok() && report.simulated && report.metrics.is_empty());
    let kernel = &report.diagnostics["kernels"]["multiply"];
    assert!(kernel["registers"].as_u64() > Some(8), "{kernel}");
    assert_eq!(kernel["spill_store_bytes"].as_u64(), Some(0));
    let occupancy = report.diagnostics["occupancy"].as_array().unwrap();
    assert_eq!(occupancy.len(), 2);
    assert_eq!(occupancy[1]["shared_bytes"].as_u64(), Some(4 * 121));
    assert_eq!(occupancy[1]["blocks"].as_u64(), Some(32));
    assert_eq!(occupancy[1]["limited_by"][0].as_str(), Some("threads"));
}

#[test]
fn what_is_for_another_device_is_said() {
    let dir = worker::data("cuda").join("honest");
    let dir = dir.to_str().unwrap();
    let evaluate = ["evaluate", dir, "--task", "softmax"];
    let with = |more: &[&'static str]| [&evaluate[..], more].concat();
    for (arguments, words) in [
        (with(&["--arch", "sm_80"]), "is for `--device cuda`"),
        (vec!["suite", "--device", "cuda"], "no other commands yet"),
    ] {
        let (code, _, err) = program::run(&arguments, &[]);
        assert_eq!(code, 3, "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}

#[test]
fn all_templates_are_checked_on_the_tasks_that_they_fit() {
    let arguments = [
        "check",
        "--all",
        "--only",
        "softmax,linear_relu",
        "--device",
        "cuda",
    ];
    let arguments = [&arguments[..], &["--arch", "sm_90a"]].concat();
    let (code, table, err) = program::run(&arguments, &[]);
    assert_eq!(code, 0, "{err}");
    let last = table.lines().last().unwrap_or_default();
    assert!(last.starts_with("sm_90a: "), "{table}");
    assert!(err.contains("check: 1/2 softmax softmax_rows"), "{err}");

    let (code, out, err) = program::run(&[&arguments[..], &["--json"]].concat(), &[]);
    assert_eq!(code, 0, "{err}");
    let checked: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(checked["arch"], "sm_90a");
    let rows = checked["rows"].as_array().unwrap();
    assert!(rows.len() > 2, "{rows:?}");
    for task in ["softmax", "linear_relu"] {
        assert!(rows.iter().any(|row| row["task"] == task), "{rows:?}");
    }
    // A plan of library calls alone has no kernel.
    let of_kernels = |row: &&serde_json::Value| !row["kernels"].as_array().unwrap().is_empty();
    for row in rows.iter().filter(of_kernels) {
        assert!(row["kernels"][0]["registers"].as_u64() > Some(8), "{row}");
        assert!(row["occupancy"].as_f64() > Some(0.0), "{row}");
        assert!(row["warnings"].is_null() && row["ok"] == true, "{row}");
    }
    let totals = &checked["totals"];
    assert_eq!(totals["checked"], totals["ok"]);
    assert_eq!(totals["checked"].as_u64(), Some(rows.len() as u64));
    assert_eq!(
        totals["cached"], totals["checked"],
        "the table has compiled all"
    );
}

#[test]
fn a_check_is_of_a_folder_or_of_all() {
    for arguments in [
        &["check"][..],
        &["check", ".", "--all"],
        &["check", ".", "--only", "x"],
    ] {
        let (code, _, err) = program::run(arguments, &[]);
        assert_eq!(code, 2, "{arguments:?}: {err}");
    }
}
