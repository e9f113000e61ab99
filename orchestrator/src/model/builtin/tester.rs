//! The tester: runs the evaluation as a candidate would meet it, with a script
//! of its own.

use serde_json::{Value, json};

use super::Call;
use super::explorer::word;
use super::history::History;

/// The script: prepares with several seeds, scores predictions of known worth
/// on every split, and prints what is wrong as JSON.
const PROBE: &str = include_str!("../../../python/probe.py");
const FILE: &str = "probe.py";

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    if history.of_tool("write_file").next().is_none() {
        return vec![("write_file", json!({ "path": FILE, "content": PROBE }))];
    }
    let Some(ran) = history.of_tool("shell").last() else {
        let assignment = &board["assignment"];
        let text = |key: &str| word(assignment[key].as_str().unwrap_or_default());
        let command = format!(
            "python {FILE} --evaluation {} --data {}",
            text("evaluation"),
            text("folder")
        );
        return vec![("shell", json!({ "command": command }))];
    };
    let printed = ran.body["stdout"]["text"]
        .as_str()
        .and_then(|text| text.trim().lines().last())
        .and_then(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|_| ran.ok && ran.body["code"] == json!(0));
    let report = printed.unwrap_or_else(|| {
        let said = ran.body["stderr"]["text"].as_str().unwrap_or_default();
        let last = said.trim().lines().last().unwrap_or("no message");
        json!({
            "summary": "the probe did not come to its end",
            "faults": [{
                "check": "probe",
                "detail": format!("the evaluation can't be used: {last}"),
                "blocking": true,
            }],
        })
    });
    vec![(
        "finish",
        json!({ "summary": report["summary"], "faults": report["faults"] }),
    )]
}
