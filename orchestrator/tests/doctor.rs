//! `alphalab doctor`: what it says of a device that nobody must have.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use serde_json::Value;
use support::{Target, command, finish, fixtures};

/// What it prints, whatever it comes to.
fn text(command: std::process::Command) -> String {
    String::from_utf8(finish(command).stdout).expect("text")
}

/// What is said of CUDA by a lab that finds it in this state.
fn of_cuda(state: &str) -> (Vec<String>, Value) {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let asked = |arguments: &[&str]| {
        let mut command = command(&target, "doctor", arguments);
        command.env("ALPHALAB_TEST_CUDA", state);
        // What else is missing on this machine is not looked at here.
        text(command)
    };
    let doctor = ["doctor", "--lab", "synthetic-lab"];
    let table = asked(&doctor);
    let lines: Vec<&str> = table.lines().collect();
    let first = lines.iter().position(|line| line.contains("  cuda "));
    let lines = &lines[first.expect("a line about CUDA")..];
    let json = asked(&[&doctor[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).expect("nothing but JSON");
    let checks = json["checks"].as_array().expect("checks").iter();
    let of_cuda = |check: &&Value| {
        check["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("cuda"))
    };
    let checks = checks.filter(of_cuda).cloned().collect();
    (
        lines.iter().map(|line| (*line).to_owned()).collect(),
        checks,
    )
}

#[test]
fn a_simulated_device_is_told_with_what_it_needs() {
    let (lines, checks) = of_cuda("simulated");
    insta::assert_snapshot!("doctor_cuda_simulated", lines.join("\n"));
    insta::assert_json_snapshot!("doctor_cuda_simulated_json", checks);
}

#[test]
fn a_device_that_is_not_there_is_no_failure_and_has_remedies() {
    let (lines, checks) = of_cuda("absent");
    insta::assert_snapshot!("doctor_cuda_absent", lines.join("\n"));
    let checks = checks.as_array().expect("checks");
    assert!(checks.iter().all(|check| check["required"] == false));
    let missing = checks.iter().filter(|check| check["ok"] == false);
    assert!(missing.clone().count() == 3, "{checks:?}");
    assert!(missing.clone().all(|check| check["remedy"].is_string()));
}

#[test]
fn a_lab_that_says_nothing_of_cuda_is_asked_nothing() {
    let target = Target::synthetic(&fixtures().join("tasks"));
    let doctor = ["doctor", "--lab", "synthetic-lab"];
    let table = text(command(&target, "doctor", &doctor));
    assert!(
        table.contains("  lab ") && !table.contains("cuda"),
        "{table}"
    );
}
