//! A kernel campaign with `--device cuda` where no GPU is: the real binary, the
//! real lab, the simulator. No number of it may look like a time.

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Target, alphalab, command, finish, fixtures, run, succeed};

/// `kernel-lab` where the binaries are that tests were started with, on shipped
/// tasks; where tests may not be skipped there must be one.
fn kernels() -> Option<Target> {
    let named = std::env::var_os("ALPHALAB_BIN_DIR").map(PathBuf::from);
    let bin_dir = named.unwrap_or_else(|| alphalab().parent().expect("a folder").to_owned());
    if !bin_dir.join("kernel-lab").is_file() {
        let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
        assert!(!required, "no kernel-lab in `{}`", bin_dir.display());
        println!("skipped: no kernel-lab in `{}`", bin_dir.display());
        return None;
    }
    let words = [
        "--adapter",
        "cuda-kernels",
        "--device",
        "cuda",
        "--no-dashboard",
    ];
    Some(Target {
        bin_dir,
        run: words.map(str::to_owned).to_vec(),
    })
}

fn json(target: &Target, verb: &str, dir: &Path) -> Value {
    let path = dir.to_string_lossy();
    let text = succeed(command(target, "simulated", &[verb, &path, "--json"]));
    serde_json::from_str(&text).expect("nothing but JSON")
}

/// What a search comes to depends on how fast it is: only what kind of number
/// there is stays.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, inner)| (key.clone(), shape(inner)))
            .collect(),
        Value::Array(list) => list.iter().map(shape).collect(),
        Value::Number(_) => "[number]".into(),
        other => other.clone(),
    }
}

/// The leaderboard, without what differs from run to run.
fn steady(board: &Value) -> Value {
    let mut board = shape(board);
    for row in board["rows"].as_array_mut().expect("rows") {
        for key in [
            "experiment",
            "name",
            "task",
            "kind",
            "parent",
            "change",
            "hash",
            "report",
            "new_best",
            "ci_widened",
        ] {
            row[key] = "[differs]".into();
        }
    }
    for key in ["new_bests", "gaps", "sealed", "noise"] {
        board["statistics"][key] = "[differs]".into();
    }
    board
}

/// Words that only a campaign with times has a use for.
fn assert_no_time(what: &str, text: &str) {
    for word in ["speedup", "geometric mean", " won", "lost;", "fast_p"] {
        assert!(!text.contains(word), "{what}: `{word}` in\n{text}");
    }
}

#[test]
fn a_campaign_on_a_simulated_device_has_costs_and_no_speedup() {
    let Some(target) = kernels() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let stdout = succeed(run(
        &target,
        "simulated",
        &dir,
        &[
            "--tasks",
            "softmax,add_relu",
            "--experiments",
            "4",
            "--hours",
            "0.05",
            "--arch",
            "sm_90a",
        ],
    ));
    assert_eq!(stdout.lines().last(), dir.to_str());
    assert!(stdout.contains("SIMULATED"), "{stdout}");
    assert_no_time("run", &stdout);

    let board = json(&target, "leaderboard", &dir);
    insta::assert_json_snapshot!("simulated_leaderboard", steady(&board));
    let rows = board["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "{board}");
    assert!(rows.iter().all(|row| row["value"].as_f64() > Some(0.0)));

    let status = json(&target, "status", &dir);
    assert_eq!(status["simulated"], true);
    assert!(status["baseline"].is_null(), "{status}");
    let path = dir.to_string_lossy();
    for verb in ["status", "leaderboard"] {
        let text = succeed(command(&target, "simulated", &[verb, &path]));
        assert!(text.contains("SIMULATED"), "{text}");
        assert_no_time(verb, &text);
    }
    let report = std::fs::read_to_string(dir.join("reports/report.md")).expect("a report");
    assert!(report.contains("**SIMULATED"), "{report}");
    assert!(report.contains("device `cuda` (`sm_90a`)"), "{report}");
    assert_no_time("report", &report);
    assert!(!dir.join("reports/progress.svg").exists());

    // Every number of it holds, and a GPU is never taken for the simulator.
    succeed(command(&target, "simulated", &["verify", &path]));
}

/// What the campaign was refused for, before anything was written.
fn refused(target: &Target, more: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let output = finish(run(target, "no-device", &dir, more));
    assert_eq!(output.status.code(), Some(3));
    assert!(!dir.exists());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_device_that_the_lab_lacks_is_refused_before_anything_is_written() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let stderr = refused(&target, &["--device", "cuda"]);
    let lacks = "the lab can't use device `cuda` here: it has no such device";
    assert!(stderr.contains(lacks), "{stderr}");
    let stderr = refused(&target, &["--arch", "sm_90a"]);
    assert!(stderr.contains("--device cuda is missing"), "{stderr}");
}

#[test]
fn a_gpu_that_nobody_knows_is_refused_before_anything_is_written() {
    let Some(target) = kernels() else { return };
    let stderr = refused(&target, &["--arch", "sm_8"]);
    assert!(stderr.contains("sm_8"), "{stderr}");
}
