//! CUDA candidates on the simulator: every one in `tests/cuda` gets the verdict that its
//! `expect.toml` names, on a shipped task, from one real worker with NVRTC.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use protocol::{Candidate, Operation, Report, Split, Verdict};
use sandbox::{Command, Limits};
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

/// Exit code, standard output and error of `kernel-lab` with these arguments.
fn lab(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let policy = variables
        .iter()
        .fold(environment::of_labs(), |policy, (name, value)| {
            policy.env(*name, *value)
        });
    let finished = Command::new(env!("CARGO_BIN_EXE_kernel-lab"), policy, Limits::none())
        .args(arguments)
        .run()
        .unwrap();
    let code = match finished.reason {
        sandbox::ExitReason::Exited(code) => code,
        other => panic!("{other}"),
    };
    (code, finished.stdout.text(), finished.stderr.text())
}

#[test]
fn a_check_says_what_a_kernel_takes_of_a_gpu() {
    let dir = worker::data("cuda").join("honest_linear");
    let dir = dir.to_str().unwrap();
    let (code, out, err) = lab(
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
fn what_is_missing_or_not_known_is_said() {
    let dir = worker::data("cuda").join("honest");
    let dir = dir.to_str().unwrap();
    let evaluate = ["evaluate", dir, "--task", "softmax"];
    let with = |more: &[&'static str]| [&evaluate[..], more].concat();
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = nowhere.path().to_str().unwrap();
    for (arguments, variables, words) in [
        (
            with(&["--device", "cuda", "--arch", "sm_9x"]),
            vec![],
            "sm_9x",
        ),
        (
            with(&["--device", "cuda", "--arch", "sm_120"]),
            vec![],
            "no simulated device runs code for sm_120",
        ),
        (with(&["--arch", "sm_80"]), vec![], "is for `--device cuda`"),
        (
            vec!["suite", "--device", "cuda"],
            vec![],
            "no other commands yet",
        ),
        (
            with(&["--device", "cuda"]),
            vec![("ALPHALAB_CUDA", "gpu")],
            "neither `auto` nor `simulator`",
        ),
        (
            with(&["--device", "cuda"]),
            vec![("ALPHALAB_NVRTC", nowhere)],
            "ALPHALAB_NVRTC",
        ),
    ] {
        let (code, _, err) = lab(&arguments, &variables);
        assert_eq!(code, 3, "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}
