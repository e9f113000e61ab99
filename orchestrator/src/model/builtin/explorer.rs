//! The explorer: profiles the data with the shipped script, reads what it
//! found, and writes down what others have to know.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Call;
use super::history::History;
use crate::explore::{Findings, Severity, TaskKind};

/// The steps of the plan.
const PROFILE: &str = "profile the data: schema, statistics, plots";
const READ: &str = "read what the profile found";
const LEARN: &str = "write down what has to be dealt with";
/// Where the profile says what it found.
const FINDINGS: &str = "data_report/findings.json";
/// Enough for the whole document.
const ALL_LINES: u32 = 1_000_000;

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    if history.of_tool("update_plan").next().is_none() {
        let text = format!("# Plan\n\n- [ ] {PROFILE}\n- [ ] {READ}\n- [ ] {LEARN}\n");
        return vec![("update_plan", json!({ "text": text }))];
    }
    let Some(ran) = history.of_tool("shell").last() else {
        return vec![("shell", json!({ "command": command(&board["assignment"]) }))];
    };
    if !ran.ok || ran.body["code"] != json!(0) {
        let said = ran.body["stderr"]["text"]
            .as_str()
            .or_else(|| ran.body["error"].as_str())
            .unwrap_or_default();
        let last = said.trim().lines().last().unwrap_or("no message");
        return vec![give_up(&format!("the profile failed: {last}"))];
    }
    let Some(read) = history.of_tool("read_file").last() else {
        return vec![
            ("update_plan", json!({ "check": [PROFILE] })),
            ("read_file", json!({ "path": FINDINGS, "lines": ALL_LINES })),
        ];
    };
    let findings = read.body["text"]
        .as_str()
        .and_then(|text| serde_json::from_str::<Findings>(text).ok());
    let Some(findings) = findings else {
        return vec![give_up(&format!("`{FINDINGS}` can't be read"))];
    };
    if history.of_tool("write_file").next().is_none() {
        let text = learnings(&findings, &board["assignment"]["metric"]);
        return vec![
            ("update_plan", json!({ "check": [READ] })),
            (
                "write_file",
                json!({ "path": "learnings.md", "content": text }),
            ),
            ("update_plan", json!({ "check": [LEARN] })),
        ];
    }
    vec![(
        "finish",
        json!({ "summary": format!("profiled; {} findings", findings.findings.len()) }),
    )]
}

fn give_up(why: &str) -> Call {
    (
        "finish",
        json!({ "summary": "the data could not be profiled", "open_because": why }),
    )
}

/// The profile of what was assigned, for what is wanted.
fn command(assignment: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "python scripts/profile.py {} --out data_report --plots plots {}",
        word(&text(&assignment["data"])),
        word(&format!("--objective={}", text(&assignment["objective"]))),
    )
}

/// One word of a shell.
pub(super) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What others have to know: the guess with its reasons, then every finding
/// that has to be dealt with.
fn learnings(findings: &Findings, measured: &Value) -> String {
    let guess = &findings.guess;
    let mut out = "# Learnings\n\n".to_owned();
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "- The task is most plausibly {} (confidence {:.2}): {}. Shown by `scripts/profile.py`.",
        json!(guess.kind).as_str().unwrap_or("unknown"),
        guess.confidence,
        guess.reasons.join("; ")
    );
    if let Some(metric) = &guess.metric {
        let _ = writeln!(
            out,
            "- The metric is `{}`, to {}.",
            metric.name,
            json!(metric.direction).as_str().unwrap_or_default()
        );
        let name = measured["name"].as_str().unwrap_or_default();
        if guess.kind == TaskKind::LanguageModelling && name != metric.name {
            let _ = writeln!(
                out,
                "- What this campaign measures is `{name}` in {} at places of held-out text, of the next character, \
                 whose rare ones count as one class. It is no `{}`, and is not to be compared with one.",
                measured["unit"].as_str().unwrap_or_default(),
                metric.name
            );
        }
    }
    let heavy = |finding: &&crate::explore::Finding| finding.severity != Severity::Info;
    for finding in findings.findings.iter().filter(heavy) {
        let _ = writeln!(
            out,
            "- {} (`{}`): {}. {}",
            finding.subject, finding.id, finding.saw, finding.advice
        );
    }
    for picture in &findings.plots {
        let _ = writeln!(out, "- `plots/{}` shows {}.", picture.file, picture.shows);
    }
    out.push_str("\nNot looked at: whether values were known at the time they stand for.\n");
    out
}
