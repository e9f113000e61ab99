//! The auditor: holds a winner's measurements against each other, and its files
//! against what no candidate needs.

use serde_json::{Value, json};

use super::Call;
use super::history::History;

/// Enough for a whole file.
const ALL_LINES: u32 = 100_000;

/// Pieces of evidence that a ruling has at most.
const MOST_EVIDENCE: usize = 20;

/// What a candidate that only computes has no use for, and why.
const NEEDLESS: [(&str, &str); 14] = [
    ("/proc/", "it looks at processes"),
    ("ptrace", "it looks into other processes"),
    ("process_vm_", "it looks into other processes"),
    ("dlopen", "it loads other code"),
    ("dlsym", "it looks for other code"),
    ("system(", "it starts programs"),
    ("popen(", "it starts programs"),
    ("fork(", "it starts processes"),
    ("std::thread", "it starts threads of its own"),
    ("pthread_create", "it starts threads of its own"),
    ("clock_gettime", "it reads the clock"),
    ("std::chrono", "it reads the clock"),
    ("fopen(", "it reads files"),
    ("fstream", "it reads files"),
];

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    let assignment = &board["assignment"];
    let files: Vec<&str> = list(&assignment["candidate"]["files"])
        .filter_map(Value::as_str)
        .collect();
    if !files.is_empty() && history.of_tool("read_file").next().is_none() {
        let folder = assignment["folder"].as_str().unwrap_or_default();
        let read = |name: &&str| {
            let path = format!("{folder}/{name}");
            ("read_file", json!({ "path": path, "lines": ALL_LINES }))
        };
        return files.iter().map(read).collect();
    }
    let mut evidence = measurements(assignment);
    for (name, answered) in files.iter().zip(history.of_tool("read_file")) {
        match answered.body["text"].as_str().filter(|_| answered.ok) {
            Some(text) => evidence.extend(needless(name, text)),
            None => evidence.push(seen(name, "it can't be read")),
        }
        if !answered.body["cut"].is_null() {
            evidence.push(seen(name, "it is too long to be read whole"));
        }
    }
    evidence.truncate(MOST_EVIDENCE);
    if evidence.is_empty() {
        let reason = "the measurements agree on what was measured, and the candidate only computes";
        return vec![("finish", json!({ "verdict": "pass", "reason": reason }))];
    }
    let reason = evidence[0]["seen"].clone();
    vec![(
        "finish",
        json!({ "verdict": "demote", "reason": reason, "evidence": evidence }),
    )]
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn seen(place: &str, what: &str) -> Value {
    json!({ "place": place, "seen": what })
}

/// Whether all that was measured was the same thing.
fn measurements(assignment: &Value) -> Vec<Value> {
    let mut evidence = Vec::new();
    let all: Vec<&Value> = list(&assignment["measurements"]).collect();
    for pair in all.windows(2) {
        let split = pair[1]["split"].as_str().unwrap_or("select");
        for (key, what) in [("hash", "other bytes"), ("track", "another track")] {
            let (first, again) = (&pair[0][key], &pair[1][key]);
            if !first.is_null() && !again.is_null() && first != again {
                let what = format!("it was measured again as {what}: {again}, before {first}");
                evidence.push(seen(split, &what));
            }
        }
    }
    evidence
}

fn needless(name: &str, text: &str) -> Vec<Value> {
    let mut evidence = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // Comments too: where one ends is a matter of opinion, and a candidate
        // has no need for these words there either.
        for (word, why) in NEEDLESS {
            if line.contains(word) {
                evidence.push(seen(
                    name,
                    &format!("{why}: `{word}` in line {}", number + 1),
                ));
            }
        }
    }
    evidence.truncate(10);
    evidence
}
