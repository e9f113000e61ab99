//! The binary from outside: output, exit codes, files.

#[path = "cli/language.rs"]
mod language;
#[path = "cli/playbook.rs"]
mod playbook;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use support::{Target, command, finish, fixtures, run, succeed};

fn target() -> Target {
    Target::synthetic(&fixtures().join("tasks"))
}

fn json(target: &Target, verb: &str, dir: &Path) -> Value {
    let path = dir.to_string_lossy();
    let text = succeed(command(target, "cli", &[verb, &path, "--json"]));
    serde_json::from_str(&text).expect("nothing but JSON")
}

/// Replaces what differs from run to run.
fn steady(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map.iter_mut() {
                    let spent = key == "wall_s";
                    if spent {
                        inner["spent"] = "[seconds]".into();
                    } else if ["hash", "report", "evaluation"].contains(&key.as_str()) {
                        *inner = "[hash]".into();
                    } else {
                        walk(inner);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

/// The report without times, hashes and machine paths.
fn steady_report(text: &str) -> String {
    text.lines()
        .map(|line| {
            let line = line.split(" s of running time").last().unwrap_or(line);
            line.split('`')
                .map(|part| {
                    let hash = part.len() >= 12 && part.bytes().all(|b| b.is_ascii_hexdigit());
                    if hash { "[hash]" } else { part }
                })
                .collect::<Vec<_>>()
                .join("`")
        })
        .map(|line| match line.find("failed to read") {
            Some(at) => line[..at].to_owned(),
            None => match line.find("/fixtures/") {
                Some(_) => "[path]".to_owned(),
                None => line,
            },
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_whole_campaign() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let stdout = succeed(run(&target(), "cli", &dir, &[]));
    assert_eq!(stdout.lines().last(), dir.to_str());

    let board = json(&target(), "leaderboard", &dir);
    insta::assert_json_snapshot!("leaderboard", steady(without_paths(board)));
    insta::assert_json_snapshot!("status", steady(json(&target(), "status", &dir)));
    let report = std::fs::read_to_string(dir.join("reports/report.md")).expect("a report");
    insta::assert_snapshot!("report", steady_report(&report));
    let table = succeed(command(
        &target(),
        "cli",
        &["leaderboard", dir.to_str().expect("text")],
    ));
    insta::assert_snapshot!("table", steady_report(&table));

    // What is derived can be derived again, byte for byte.
    let chart = std::fs::read(dir.join("reports/tasks.svg")).expect("a chart");
    succeed(command(
        &target(),
        "cli",
        &["report", dir.to_str().expect("text")],
    ));
    assert_eq!(
        std::fs::read(dir.join("reports/tasks.svg")).expect("a chart"),
        chart
    );
    assert_eq!(
        std::fs::read_to_string(dir.join("reports/report.md")).expect("a report"),
        report
    );

    for file in [
        "campaign.toml",
        "adapter/manifest.toml",
        "playbook.md",
        "logs/campaign.log",
        "logs/lab-1.log",
    ] {
        assert!(dir.join(file).is_file(), "{file}");
    }
    each_task_is_measured_again_by_another_process(&dir.join("logs/lab-1.log"));
    // Resuming what is finished shows it again.
    let again = succeed(command(
        &target(),
        "cli",
        &["resume", dir.to_str().expect("text")],
    ));
    assert_eq!(again.lines().last(), dir.to_str());
}

/// On `select` by one that did not search, on `sealed` by one that did neither.
fn each_task_is_measured_again_by_another_process(log: &Path) {
    let text = std::fs::read_to_string(log).expect("the lab's own words");
    let mut by_split: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let [process, "measures", task, "on", split] = words[..] {
            by_split.entry(split).or_default().insert(process);
            if split == "Select" {
                assert!(seen.insert((process, task)), "{line}: a second time");
            }
        }
    }
    let of = |split: &str| by_split.get(split).cloned().unwrap_or_default();
    let (search, select, sealed) = (of("Search"), of("Select"), of("Sealed"));
    assert!(!search.is_empty() && !select.is_empty() && !sealed.is_empty());
    assert!(search.is_disjoint(&select), "{text}");
    assert!(
        sealed.is_disjoint(&search) && sealed.is_disjoint(&select),
        "{text}"
    );
    assert!(
        select.len() < seen.len(),
        "each winner has a process: {text}"
    );
}

fn without_paths(mut board: Value) -> Value {
    for task in board["unverified"].as_array_mut().expect("a list") {
        let reason = task["reason"].as_str().unwrap_or_default().to_owned();
        if reason.contains('/') {
            task["reason"] = "[names a path]".into();
        }
    }
    board
}

/// The synthetic lab knows no export: files are copied, and it is said.
#[test]
fn candidates_of_a_lab_without_export_are_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    succeed(run(&target(), "cli", &dir, &["--tasks", "alpha"]));
    let out = folder.path().join("out");
    let export = |more: &[&str]| {
        let (dir, out) = (dir.to_string_lossy(), out.to_string_lossy());
        let arguments = [&["export", &dir, "--out", &out, "--json"], more].concat();
        finish(command(&target(), "cli", &arguments))
    };
    let output = export(&[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("copied as they are"), "{stderr}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    assert_eq!(told["by_lab"], false);
    let board = json(&target(), "leaderboard", &dir);
    let (row, winner) = (&told["exported"][0], &board["rows"][0]);
    for key in ["task", "experiment", "value", "ci"] {
        assert_eq!(row[key], winner[key], "{key}");
    }
    let copied = |name: &str| std::fs::read(out.join("alpha").join(name)).expect(name);
    assert!(!copied("experiment.json").is_empty());
    let report = copied("attempt/report.json");

    // What is there already is not overwritten.
    assert_eq!(export(&[]).status.code(), Some(3));
    // A report that is not the one in the log is nobody's proof.
    let folders = std::fs::read_dir(dir.join("experiments")).expect("experiments");
    let attempts = folders.flat_map(|it| std::fs::read_dir(it.expect("one").path()).expect("it"));
    let path = attempts
        .map(|it| it.expect("an attempt").path().join("report.json"))
        .find(|path| std::fs::read(path).is_ok_and(|bytes| bytes == report))
        .expect("the winner's report");
    std::fs::write(&path, [report.as_slice(), b" "].concat()).expect("written");
    std::fs::remove_dir_all(&out).expect("removed");
    let output = export(&[]);
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("not what the log says"), "{stderr}");
    assert!(!out.exists());
}

#[test]
fn the_same_seed_finds_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let find = |name: &str, seed: &str| {
        let dir = folder.path().join(name);
        succeed(run(
            &target(),
            "cli",
            &dir,
            &["--tasks", "alpha", "--seed", seed],
        ));
        json(&target(), "leaderboard", &dir)["rows"][0]["value"].clone()
    };
    assert_eq!(find("a", "5"), find("b", "5"));
}

#[test]
fn several_workers_finish_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    succeed(run(&target(), "cli", &dir, &["--workers", "3"]));
    let board = json(&target(), "leaderboard", &dir);
    assert_eq!(board["summary"]["verified"], 3);
}

#[test]
fn the_experiment_budget_is_a_hard_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    succeed(run(&target(), "cli", &dir, &["--experiments", "2"]));
    let status = json(&target(), "status", &dir);
    assert_eq!(status["budget"]["experiments"]["spent"], 2.0);
    assert_eq!(status["budget"]["experiments"]["reserved"], 0.0);
    assert_eq!(status["state"], "finished");
}

#[test]
fn exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let code = |more: &[&str], name: &str| {
        let output = finish(run(&target(), "cli", &folder.path().join(name), more));
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(code(&["--frobnicate"], "usage").0, Some(2));
    let (exit, stderr) = code(&["--model", "gpt"], "model");
    assert_eq!(exit, Some(3));
    assert!(stderr.contains("unknown model `gpt`"), "{stderr}");
    let (exit, stderr) = code(&["--tasks", "zeta"], "task");
    assert_eq!(exit, Some(3));
    assert!(stderr.contains("there is no task `zeta`"), "{stderr}");
    let (exit, stderr) = code(&["--executor", "slurm"], "executor");
    assert_eq!(exit, Some(3));
    assert!(stderr.contains("unknown executor"), "{stderr}");
    let (exit, stderr) = code(&["--device", "abacus"], "device");
    assert_eq!(exit, Some(3), "{stderr}");
    // Nothing fits, or nothing can be read: finished without a result.
    assert_eq!(code(&["--tasks", "delta,epsilon"], "nothing").0, Some(10));
    // Not even time to start.
    assert_eq!(code(&["--hours", "0.0000001"], "budget").0, Some(11));
    for name in ["usage", "model", "task", "executor"] {
        assert!(
            !folder.path().join(name).exists(),
            "{name} left something behind"
        );
    }
}

#[test]
fn a_bad_adapter_names_file_and_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let adapter = folder.path().join("adapter");
    std::fs::create_dir(&adapter).expect("a folder");
    for entry in fixtures()
        .join("adapter")
        .read_dir()
        .expect("fixtures")
        .flatten()
    {
        std::fs::copy(entry.path(), adapter.join(entry.file_name())).expect("a copy");
    }
    let attempt = || {
        let dir = folder.path().join("c");
        let adapter = adapter.to_string_lossy().into_owned();
        let arguments = [
            "run",
            "--adapter",
            &adapter,
            "--dir",
            &dir.to_string_lossy(),
        ];
        let output = finish(command(&target(), "cli", &arguments));
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let manifest = adapter.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let change = |from: &str, to: &str| {
        std::fs::write(&manifest, text.replace(from, to)).expect("a manifest");
    };
    change("lab = \"synthetic-lab\"\n", "");
    let said = attempt();
    assert!(
        said.contains("manifest.toml") && said.contains("`lab`"),
        "{said}"
    );
    change("turns = 60", "turns = 1");
    let said = attempt();
    assert!(said.contains("policy.turns"), "{said}");
    change("turns = 60", "turns = 60\ntyrns = 3");
    let said = attempt();
    assert!(said.contains("tyrns"), "{said}");
    std::fs::write(&manifest, &text).expect("a manifest");
    std::fs::remove_file(adapter.join("phase3_strategist.md")).expect("a file");
    let said = attempt();
    assert!(said.contains("phase3_strategist.md"), "{said}");
    std::fs::write(adapter.join("phase3_strategist.md"), "{{ nobody_knows }}").expect("a file");
    let said = attempt();
    assert!(said.contains("phase3_strategist.md"), "{said}");
}

#[test]
fn a_task_that_changes_stops_the_campaign() {
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = folder.path().join("tasks");
    std::fs::create_dir(&tasks).expect("a folder");
    std::fs::write(tasks.join("one.toml"), "best = 2.0\ndelay_ms = 300\n").expect("a task");
    let target = Target::synthetic(&tasks);
    let dir = folder.path().join("c");
    let path = dir.to_string_lossy().into_owned();
    let mut child = support::quietly(run(&target, "cli-thaw", &dir, &[]));
    let frozen = || {
        let state = orchestrator::store::Reader::open(&dir).and_then(|reader| reader.state());
        state.is_ok_and(|state| state.frozen.is_some())
    };
    while !frozen() {
        assert!(
            child.try_wait().expect("a child").is_none(),
            "it ended early"
        );
        std::thread::yield_now();
    }
    child.kill().expect("a child that can be killed");
    child.wait().expect("a child");
    std::fs::write(tasks.join("one.toml"), "best = 9.0\n").expect("a task");
    let output = finish(command(&target, "cli-thaw", &["resume", &path]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("`one` has changed"), "{stderr}");
}

#[test]
fn a_search_is_replayed_from_its_log_alone() {
    let target = target();
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("c");
    let more = ["--experiments", "3", "--seed", "5"];
    succeed(run(&target, "cli-replay", &dir, &more));
    let spec = format!("replay:{}", dir.display());
    let again = folder.path().join("again");
    let path = again.to_string_lossy().into_owned();
    let arguments = ["run", "--model", &spec, "--dir", &path];
    let output = finish(command(&target, "cli-replay", &arguments));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("replay: no divergence in "), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    // The candidates are the same, whoever is said to have found them.
    let [then, now] = [&dir, &again].map(|dir| {
        let mut board = steady(json(&target, "leaderboard", dir));
        for row in board["rows"].as_array_mut().expect("rows") {
            row["model"] = Value::Null;
        }
        board
    });
    assert!(!then["rows"][0].is_null(), "{then}");
    assert_eq!(then, now);
}
