//! The builder: designs an evaluation from the data's profile, tries it once,
//! and designs it again where somebody found something.

use serde_json::{Value, json};

use super::Call;
use super::evaluation::{Brief, Found, Metric, design};
use super::history::History;
use crate::explore::{Findings, Schema, Statistics};

/// What the exploration left, below its folder.
const DOCUMENTS: [&str; 3] = ["schema.json", "statistics.json", "findings.json"];
/// Enough for a whole document.
const ALL_LINES: u32 = 10_000_000;

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    let assignment = &board["assignment"];
    let read: Vec<_> = history.of_tool("read_file").collect();
    if read.is_empty() {
        let folder = assignment["workspace"].as_str().unwrap_or_default();
        let of = |name: &str| {
            let path = format!("{folder}/data_report/{name}");
            ("read_file", json!({ "path": path, "lines": ALL_LINES }))
        };
        return DOCUMENTS.map(of).to_vec();
    }
    if history.of_tool("shell").next().is_none() {
        let texts: Vec<Option<&str>> = read.iter().map(|a| a.body["text"].as_str()).collect();
        let files = match designed(assignment, &texts) {
            Ok(files) => files,
            Err(why) => return vec![cannot(&why)],
        };
        let written = |path: &str| {
            let mut written = history.of_tool("write_file");
            written.any(|a| a.ok && a.arguments["path"] == json!(path))
        };
        let missing: Vec<Call> = files
            .into_iter()
            .filter(|(path, _)| !written(path))
            .map(|(path, content)| ("write_file", json!({ "path": path, "content": content })))
            .collect();
        let refused = history.of_tool("write_file").find(|a| !a.ok);
        if let Some(refused) = refused {
            let why = refused.body["error"].as_str().unwrap_or("no reason");
            return vec![cannot(&format!("its files can't be written: {why}"))];
        }
        if !missing.is_empty() {
            return missing;
        }
    }
    let Some(ran) = history.of_tool("shell").last() else {
        let command = "out=$(mktemp -d) && python prepare.py --data ../data --out \"$out\" --seed 1 \
                       && find \"$out\" -type f | sort";
        return vec![("shell", json!({ "command": command }))];
    };
    if !ran.ok || ran.body["code"] != json!(0) {
        let said = ran.body["stderr"]["text"].as_str().unwrap_or_default();
        let last = said.trim().lines().last().unwrap_or("no message");
        return vec![cannot(&format!("prepare fails on the data: {last}"))];
    }
    let summary = "designed from the profile, tried once";
    vec![("finish", json!({ "summary": summary }))]
}

fn cannot(why: &str) -> Call {
    (
        "finish",
        json!({ "summary": "there is no evaluation", "cannot": why }),
    )
}

/// The files of the evaluation, or why there are none.
fn designed(assignment: &Value, texts: &[Option<&str>]) -> Result<Vec<(String, String)>, String> {
    let unreadable = || "the profile's documents can't be read".to_owned();
    let [Some(schema), statistics, Some(findings)] = texts else {
        return Err(unreadable());
    };
    let schema: Schema = serde_json::from_str(schema).map_err(|_| unreadable())?;
    let findings: Findings = serde_json::from_str(findings).map_err(|_| unreadable())?;
    let statistics: Option<Statistics> =
        statistics.and_then(|text| serde_json::from_str(text).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found: Vec<Found> = assignment["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|finding| Found {
            by: text(&finding["by"]),
            check: text(&finding["check"]),
            detail: text(&finding["detail"]),
        })
        .collect();
    let wanted = &assignment["metric"];
    let metric = Metric {
        name: text(&wanted["name"]),
        unit: text(&wanted["unit"]),
        direction: serde_json::from_value(wanted["direction"].clone())
            .map_err(|_| "the campaign has no metric".to_owned())?,
        formula: None,
    };
    let brief = Brief {
        schema: &schema,
        statistics: statistics.as_ref(),
        findings: &findings,
        metric: Some(&metric),
        objective: assignment["objective"].as_str().unwrap_or_default(),
        // A folder is the data folder itself; a file lies in it.
        data: if assignment["data"] == assignment["folder"] {
            "."
        } else {
            assignment["facts"]["name"].as_str().unwrap_or_default()
        },
        found: &found,
    };
    design(&brief).map_err(|error| crate::chain::of(&error))
}
