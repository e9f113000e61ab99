//! `kernel-lab acceptance` where no GPU is: a small selection passes, and what is wrong fails.
//! All of it: `cargo xtask gpu-acceptance`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
mod program;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../kernels")
        .canonicalize()
        .unwrap()
}

/// The document of a run with these arguments, with its exit code.
fn accepted(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, Value) {
    // So long that no machine is too slow for it.
    let own = [
        "acceptance",
        "--device",
        "cuda",
        "--json",
        "--seconds",
        "36000",
    ];
    let all = [&own[..], arguments].concat();
    // A GPU that is there has nothing to do with what is tested here.
    let variables = [&[("ALPHALAB_CUDA", "simulator")], variables].concat();
    let (code, out, err) = program::run(&all, &variables);
    eprintln!("{err}");
    (code, serde_json::from_str(&out).unwrap_or(Value::Null))
}

fn part<'a>(document: &'a Value, name: &str) -> &'a Value {
    let parts = document["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap()
}

/// Cases of a part with their outcomes.
fn cases(document: &Value, name: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cases = part(document, name)["cases"].as_array().unwrap().iter();
    cases
        .map(|case| (text(&case["name"]), text(&case["outcome"])))
        .collect()
}

#[test]
fn a_selection_passes_on_the_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    let only = "launch,cooperative_launch,large_shared_memory,fresh_variables,out_of_memory,illegal_access,\
                softmax_rows,linear_tiled,gelu_zeros,softmax_grid_sync,gelu";
    let arguments = [
        "--rehearse",
        "--only",
        only,
        "--out",
        file.to_str().unwrap(),
    ];
    let (code, document) = accepted(&arguments, &[]);
    assert_eq!(code, 0, "{document:#}");
    let written: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(written, document);
    assert_eq!(document["schema"], 1);
    assert_eq!(document["passed"], true);
    assert_eq!(document["complete"], true);
    assert_eq!(document["simulated"], true);
    assert!(document["device"].as_str().unwrap().contains("simulator"));
    assert_eq!(document["arch"], "sm_80");
    let names: Vec<&str> = document["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "facts",
            "driver",
            "null_test",
            "differential",
            "red_team",
            "tasks"
        ]
    );

    let null_test = part(&document, "null_test");
    assert_eq!(null_test["outcome"], "skipped");
    assert!(null_test["detail"].as_str().unwrap().contains("no time"));
    for (name, due) in [
        ("driver", 6),
        ("differential", 2),
        ("red_team", 2),
        ("tasks", 1),
    ] {
        let cases = cases(&document, name);
        assert_eq!(cases.len(), due, "{name}: {cases:?}");
        assert!(
            cases.iter().all(|(_, outcome)| outcome == "passed"),
            "{cases:?}"
        );
    }
    let compared = part(&document, "differential")["cases"].as_array().unwrap();
    let same = |case: &Value| case["detail"].as_str().unwrap().ends_with("the same bits");
    assert!(compared.iter().all(same), "{compared:?}");
}

#[test]
fn without_a_gpu_there_is_nothing_to_compare_the_simulator_with() {
    let (code, document) = accepted(&["--parts", "differential"], &[]);
    assert_eq!(code, 0, "{document:#}");
    let part = part(&document, "differential");
    assert_eq!(part["outcome"], "skipped");
    assert!(
        part["detail"].as_str().unwrap().contains("no GPU"),
        "{part}"
    );
}

/// Copies a folder of files and folders.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn what_is_wrong_fails_and_is_told() {
    let home = tempfile::tempdir().unwrap();
    let library = home.path().join("kernels/library/cuda");
    copy(&kernels().join("library/cuda"), &library);
    for name in ["tasks", "red-team"] {
        symlink(kernels().join(name), home.path().join("kernels").join(name)).unwrap();
    }
    let source = library.join("softmax_rows/kernel.cu");
    let text = fs::read_to_string(&source).unwrap();
    let wrong = text.replace("expf(u - max) * factor", "expf(u - max) * factor * 1.5f");
    assert_ne!(wrong, text, "the template says it in other words now");
    fs::write(&source, wrong).unwrap();

    let home = home.path().to_str().unwrap();
    let arguments = ["--parts", "tasks", "--only", "softmax,gelu"];
    let (code, document) = accepted(&arguments, &[("ALPHALAB_HOME", home)]);
    assert_eq!(code, 10, "{document:#}");
    assert_eq!(document["passed"], false);
    let named = |name: &str, outcome: &str| (name.to_owned(), outcome.to_owned());
    assert_eq!(
        cases(&document, "tasks"),
        [named("gelu", "passed"), named("softmax", "failed")]
    );
    let part = part(&document, "tasks");
    assert_eq!(part["outcome"], "failed");
    assert_eq!(part["detail"], "1 of 2 passed, 1 failed");
    let why = part["cases"][1]["detail"].as_str().unwrap();
    assert!(why.starts_with("rejected: "), "{why}");
}

#[test]
fn what_can_not_be_tried_at_all_is_input() {
    for (arguments, words) in [
        (
            vec!["acceptance", "--device", "cuda", "--parts", "drivers"],
            "did you mean `driver`?",
        ),
        (
            vec!["acceptance", "--device", "cuda", "--only", "softmaxx"],
            "--only: there is no `softmaxx` (did you mean `softmax`?)",
        ),
        (vec!["acceptance"], "say `--device cuda`"),
        (
            vec!["acceptance", "--device", "cuda", "--arch", "sm_120"],
            "no simulated device runs code for sm_120",
        ),
    ] {
        let (code, _, err) = program::run(&arguments, &[("ALPHALAB_CUDA", "simulator")]);
        assert_eq!(code, 3, "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}
