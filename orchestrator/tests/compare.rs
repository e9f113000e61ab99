//! `alphalab compare` on the synthetic lab.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::path::Path;

use serde_json::Value;
use support::{Target, command, finish, fixtures, succeed};

fn compare(dir: &Path, more: &[&str]) -> std::process::Command {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let mut command = command(&target, "compare", &["compare", "--json"]);
    command.args(&target.run).arg("--dir").arg(dir).args(more);
    command
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).expect("one document")
}

#[test]
fn strategies_run_once_each_and_are_compared_over_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("both");
    let asked = ["--strategies", "random,full", "--experiments", "6"];
    let first = document(&succeed(compare(
        &dir,
        &[&asked[..], &["--seeds", "1"]].concat(),
    )));
    assert_eq!(first["schema"], 1);
    assert_eq!(first["reference"], "full");
    assert_eq!(first["arms"][0]["name"], "random");
    assert_eq!(first["arms"][0]["runs"][0]["experiments"], 6);
    assert_eq!(first["arms"][0]["score"]["ci"], Value::Null);

    // A second seed is added; what has run is not run again.
    let log = dir.join("random-seed1/campaign.db");
    let before = std::fs::read(&log).unwrap();
    let both = document(&succeed(compare(
        &dir,
        &[&asked[..], &["--seeds", "2"]].concat(),
    )));
    assert_eq!(std::fs::read(&log).unwrap(), before);
    assert_eq!(both["arms"][1]["runs"].as_array().unwrap().len(), 2);
    assert_eq!(both["arms"][0]["runs"][0], first["arms"][0]["runs"][0]);
    assert!(both["arms"][1]["score"]["ci"].is_array());
    for name in ["comparison.json", "comparison.md", "comparison.svg"] {
        assert!(dir.join(name).is_file(), "{name}");
    }
    let svg = std::fs::read_to_string(dir.join("comparison.svg")).unwrap();
    roxmltree::Document::parse(&svg).expect("the chart is XML");

    // Other campaigns under the same name would not be comparable.
    let other = finish(compare(
        &dir,
        &[
            "--strategies",
            "random,full",
            "--experiments",
            "7",
            "--seeds",
            "2",
        ],
    ));
    assert_eq!(other.status.code(), Some(3));
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(said.contains("experiments was 6 and is 7"), "{said}");
    // Nor are they without what was asked for before.
    let text = std::fs::read_to_string(dir.join("asked.json")).unwrap();
    let more = text.replacen('{', "{ \"models\": [\"x\"],", 1);
    std::fs::write(dir.join("asked.json"), more).unwrap();
    let fewer = finish(compare(&dir, &[&asked[..], &["--seeds", "2"]].concat()));
    let said = String::from_utf8_lossy(&fewer.stderr).into_owned();
    assert_eq!(fewer.status.code(), Some(3), "{said}");
    assert!(said.contains("models was [\"x\"] and is null"), "{said}");
}

#[test]
fn what_a_comparison_sets_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("none");
    for (arguments, word) in [
        (&["--seed", "3"][..], "--seed is not for a comparison"),
        (&["--strategies", "full,full"], "`full` is named twice"),
        (&["--strategies", "best"], "there are single-shot"),
        (&["--seeds", "0"], "0"),
    ] {
        let output = finish(compare(&dir, arguments));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(2 | 3)), "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!dir.exists(), "nothing is written");
    }
}
