//! The fixer: hands in the best of what was seen to work with the same
//! template; where there is nothing, it says what failed and gives up.

use serde_json::{Value, json};

use super::Call;
use super::history::History;

/// Candidates handed in by one fixer at most.
const ATTEMPTS: usize = 2;

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    let assignment = &board["assignment"];
    let Some(task) = assignment["task"].as_str() else {
        return give_up("there is no assignment", true);
    };
    let Some(inspection) = history.last("lab_inspect") else {
        if history.of_tool("lab_inspect").next().is_some() {
            return give_up("the task can't be inspected", true);
        }
        return vec![("lab_inspect", json!({ "task": task }))];
    };
    let cause = cause(&assignment["failure"]);
    let made: Vec<_> = history.of_tool("submit_experiment").collect();
    let works = |answer: &Value| answer["result"]["verdict"] == json!("ok");
    if made.iter().any(|a| a.ok && works(a.body)) {
        return give_up(
            &format!("{cause}; another point of the template works"),
            false,
        );
    }
    let template = &assignment["candidate"]["template"];
    let failed = &assignment["candidate"]["params"];
    let next = looks(inspection, board).into_iter().find(|params| {
        *params != failed && !made.iter().any(|a| a.arguments["params"] == **params)
    });
    let (Some(params), true) = (next.filter(|_| template.is_string()), made.len() < ATTEMPTS)
    else {
        let words = format!("{cause}; nothing else of the template was seen to work");
        return give_up(&words, true);
    };
    let mut arguments = json!({ "template": template, "params": params });
    // What has run keeps its verdict; its repair is an experiment of its own.
    if assignment["state"] == json!("to_implement") {
        arguments["experiment"] = assignment["experiment"].clone();
    }
    vec![("submit_experiment", arguments)]
}

fn give_up(diagnosis: &str, hopeless: bool) -> Vec<Call> {
    vec![(
        "finish",
        json!({ "diagnosis": diagnosis, "give_up": hopeless }),
    )]
}

fn cause(failure: &Value) -> String {
    let word = |key: &str| failure[key].as_str().unwrap_or_default();
    let mut cause = format!("{} at {}", word("verdict"), word("stage"));
    if !word("reason").is_empty() {
        let reason: String = word("reason").chars().take(200).collect();
        cause = format!("{cause}: {reason}");
    }
    cause
}

/// Parameters of verified looks with the template of the failed candidate, best
/// first.
fn looks<'a>(inspection: &'a Value, board: &Value) -> Vec<&'a Value> {
    let template = &board["assignment"]["candidate"]["template"];
    let maximise = board["metric"]["direction"] != json!("minimise");
    let tried = inspection["tried"].as_array().into_iter().flatten();
    let mut seen: Vec<(f64, &Value)> = tried
        .filter(|look| look["template"] == *template && look["result"]["verdict"] == json!("ok"))
        .filter_map(|look| Some((look["result"]["value"].as_f64()?, &look["params"])))
        .collect();
    seen.sort_by(|a, b| {
        let order = a.0.total_cmp(&b.0);
        if maximise { order.reverse() } else { order }
    });
    seen.into_iter().map(|(_, params)| params).collect()
}
