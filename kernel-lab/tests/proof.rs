//! A measured candidate becomes a proof bundle that is verified, and refused
//! once anything in it was changed; exported candidates give what their tasks
//! give.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::{Candidate, ContentHash};
use sandbox::{Command, ExitReason, Limits, Output};
use serde_json::Value;

/// A program with the environment that labs get; how it ended, and what it
/// wrote.
fn run(program: &Path, args: &[&str]) -> (ExitReason, String, String) {
    let finished = Command::new(program, environment::of_labs(), Limits::none())
        .args(args)
        .stdout(Output::Capture)
        .stderr(Output::Capture)
        .run()
        .unwrap();
    let (stdout, stderr) = (finished.stdout.text(), finished.stderr.text());
    (finished.reason, stdout, stderr)
}

fn lab(args: &[&str]) -> (ExitReason, String, String) {
    run(Path::new(env!("CARGO_BIN_EXE_kernel-lab")), args)
}

/// The same until the machine is quiet enough.
fn measuring(args: &[&str]) -> (ExitReason, String) {
    for _ in 0..5 {
        let (reason, stdout, stderr) = lab(args);
        if !stderr.contains("too busy") {
            eprintln!("{stderr}");
            return (reason, stdout);
        }
    }
    panic!("the machine stayed busy");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let before = fs::read_to_string(path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "{}", path.display());
    fs::write(path, after).unwrap();
}

fn edit_json(path: &Path, change: impl FnOnce(&mut Value)) {
    edit(path, |text| {
        let mut value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        serde_json::to_string_pretty(&value).unwrap()
    });
}

/// Makes hashes in the report and in the manifest those of the files.
fn hash_again(bundle: &Path) {
    let hash = |name: &str| {
        let bytes = fs::read(bundle.join(name)).unwrap();
        Value::from(ContentHash::of_stream(bytes.as_slice()).unwrap().as_str())
    };
    edit_json(&bundle.join("report.json"), |report| {
        for artifact in report["artifacts"].as_array_mut().unwrap() {
            if artifact["path"] == "samples.jsonl" {
                artifact["hash"] = hash("samples.jsonl");
            }
        }
    });
    edit_json(&bundle.join("bundle.json"), |manifest| {
        for name in ["report.json", "samples.jsonl"] {
            manifest["files"][name] = hash(name);
        }
    });
}

/// Halves every time of the candidate.
fn faster(bundle: &Path) {
    edit(&bundle.join("samples.jsonl"), |text| {
        let half = |line: &str| {
            let mut sample: Value = serde_json::from_str(line).unwrap();
            if sample["role"] == "candidate" {
                sample["ns"] = Value::from(sample["ns"].as_f64().unwrap() / 2.0);
            }
            format!("{sample}\n")
        };
        text.lines().map(half).collect()
    });
}

/// The failed checks of a bundle that is looked at, not run.
fn refusals(bundle: &Path) -> Vec<String> {
    let (reason, stdout, stderr) = lab(&["verify", text(bundle), "--offline", "--json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(told["schema"], 1);
    let checks = told["checks"].as_array().unwrap().iter();
    let failed: Vec<String> = checks
        .filter(|check| check["outcome"] == "failed")
        .map(|check| check["detail"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told["verified"], failed.is_empty());
    let code = if failed.is_empty() { 0 } else { 10 };
    assert_eq!(reason, ExitReason::Exited(code));
    failed
}

type Tampering = (&'static str, fn(&Path), &'static str, &'static str);

const TAMPERINGS: [Tampering; 11] = [
    (
        "a slower source",
        |b| edit(&b.join("candidate/kernel.cpp"), |text| text + "\n"),
        "`candidate/kernel.cpp` has the hash",
        "task, sizes, plan and source have the hash",
    ),
    (
        "other sizes",
        |b| edit(&b.join("task/softmax_small.toml"), |text| text + "\n"),
        "`task/softmax_small.toml` has the hash",
        "task, sizes, plan and source have the hash",
    ),
    (
        "times",
        faster,
        "`samples.jsonl` has the hash",
        "`value` is",
    ),
    (
        "times, with hashes made to fit",
        |b| {
            faster(b);
            hash_again(b);
        },
        "`bundle.json`: `claim` `value` is",
        "`report.json`: `candidate_ms` `value` is",
    ),
    (
        "the claim",
        |b| {
            edit_json(&b.join("bundle.json"), |manifest| {
                let value = manifest["claim"]["value"].as_f64().unwrap();
                manifest["claim"]["value"] = Value::from(value * 1.01);
            });
        },
        "`bundle.json`: `claim` `value` is",
        "`samples.jsonl` gives",
    ),
    (
        "its interval",
        |b| {
            edit_json(&b.join("bundle.json"), |manifest| {
                let low = manifest["claim"]["ci"][0].as_f64().unwrap();
                manifest["claim"]["ci"][0] = Value::from(low * 1.001);
            });
        },
        "`bundle.json`: `claim` `ci` is",
        "`samples.jsonl` gives",
    ),
    (
        "the times with a read in them",
        |b| {
            edit(&b.join("samples-consumed.jsonl"), |text| {
                text.split_inclusive('\n').skip(3).collect()
            });
        },
        "`samples-consumed.jsonl` has the hash",
        "samples-consumed.jsonl",
    ),
    (
        "a task by its path",
        |b| {
            edit_json(&b.join("bundle.json"), |manifest| {
                manifest["task"]["name"] = "/elsewhere/task.py".into();
            });
        },
        "`task.name` is `/elsewhere/task.py`",
        "",
    ),
    (
        "one file more",
        |b| fs::write(b.join("candidate/more"), "").unwrap(),
        "`candidate/more` is not in `bundle.json`",
        "",
    ),
    (
        "one file less",
        |b| fs::remove_file(b.join("samples.jsonl")).unwrap(),
        "`samples.jsonl` can't be read",
        "",
    ),
    (
        "a link in place of a file",
        |b| {
            let path = b.join("report.json");
            let elsewhere = b.join("../report-elsewhere");
            fs::rename(&path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(elsewhere, path).unwrap();
        },
        "`report.json` leads through a link",
        "",
    ),
];

#[test]
fn a_bundle_is_verified_and_refused_once_it_was_changed() {
    let room = tempfile::tempdir().unwrap();
    let tasks = worker::data("tasks");
    let dir = worker::experiment("honest", "softmax_small", room.path());
    let tasks = text(&tasks);
    let args = [
        "evaluate",
        text(&dir),
        "--split",
        "select",
        "--tasks",
        tasks,
    ];
    let (reason, _) = measuring(&args);
    assert_eq!(reason, ExitReason::Exited(0));
    let attempt = dir.join("attempt-1");
    let bundle = room.path().join("bundle");
    let head = format!("17:{}", "ab".repeat(32));
    for out in [&bundle, &room.path().join("again")] {
        let args = ["bundle", text(&attempt), text(out), "--log", &head];
        let (reason, _, stderr) = lab(&[&args[..], &["--tasks", tasks]].concat());
        assert_eq!(reason, ExitReason::Exited(0), "{stderr}");
    }
    assert_eq!(
        contents(&bundle),
        contents(&room.path().join("again")),
        "the same attempt gives the same bytes"
    );

    assert_eq!(refusals(&bundle), Vec::<String>::new());
    for (number, (what, change, first, second)) in TAMPERINGS.into_iter().enumerate() {
        let tampered = room.path().join(number.to_string());
        copy(&bundle, &tampered);
        change(&tampered);
        let refused = refusals(&tampered);
        for words in [first, second] {
            assert!(
                refused.iter().any(|detail| detail.contains(words)),
                "{what}: no `{words}` in {refused:#?}"
            );
        }
    }
    let (reason, _, stderr) = lab(&["verify", text(room.path()), "--offline"]);
    assert_eq!(reason, ExitReason::Exited(3));
    assert!(stderr.contains("bundle.json"), "{stderr}");

    // A stranger's Python is not run unasked.
    let (reason, stdout, stderr) = lab(&["verify", text(&bundle)]);
    assert_eq!(reason, ExitReason::Exited(10), "{stderr}");
    assert!(stdout.contains("--trust-task"), "{stdout}");
    let (_, stdout) = measuring(&["verify", text(&bundle), "--tasks", tasks, "--json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap();
    // Whether it is as fast as then is the machine's affair.
    assert_eq!(told["rerun"]["verdict"], "ok", "{told:#}");
    assert_eq!(told["rerun"]["same_machine"], true);
    assert!(told["rerun"]["ci"].is_array());
    assert_eq!(told["log"]["events"], 17);
}

/// Templates that between them use prepared parameters, library nodes, several
/// inputs, integer inputs and temporaries for each part.
const SAMPLE: [(&str, &str); 6] = [
    ("linear_relu", "linear_packed"),
    ("linear_gelu_scale", "library_linear"),
    ("conv2d", "library_conv2d"),
    ("cross_entropy", "cross_entropy_rows"),
    ("masked_softmax", "softmax_rows"),
    ("add_layer_norm", "add_layer_norm_rows"),
];

#[test]
fn exported_models_give_what_their_tasks_give() {
    let room = tempfile::tempdir().unwrap();
    let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/tasks");
    let out = room.path().join("out");
    let (mut dirs, mut pairs) = (Vec::new(), Vec::new());
    for (task, template) in SAMPLE {
        let dir = room.path().join(task);
        fs::create_dir_all(&dir).unwrap();
        let candidate = Candidate::template(template.to_owned(), BTreeMap::new());
        worker::write_experiment(&dir, task, task, candidate);
        dirs.push(dir);
        pairs.push(tasks.join(format!("{task}.py")));
        pairs.push(out.join(task).join("model_new.py"));
    }
    let dirs: Vec<&str> = dirs.iter().map(|dir| text(dir)).collect();
    let more = ["--tasks", text(&tasks), "--out", text(&out), "--json"];
    let (reason, stdout, stderr) = lab(&[&["export"], &dirs[..], &more].concat());
    assert_eq!(reason, ExitReason::Exited(0), "{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(told["exports"].as_array().unwrap().len(), SAMPLE.len());
    // Not measured, so nothing is claimed.
    assert!(told["exports"][0]["claim"].is_null());

    let script = worker::data("run_export.py");
    let mut args = vec![text(&script)];
    args.extend(pairs.iter().map(|path| text(path)));
    let (reason, stdout, stderr) = run(&python(), &args);
    assert_eq!(reason, ExitReason::Exited(0), "{stdout}\n{stderr}");
}

/// The interpreter with torch.
fn python() -> PathBuf {
    std::env::var_os("ALPHALAB_VENV")
        .map(PathBuf::from)
        .or_else(|| option_env!("ALPHALAB_VENV").map(PathBuf::from))
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv"))
        .join("bin/python")
}
