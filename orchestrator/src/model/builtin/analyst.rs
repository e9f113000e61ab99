//! The analyst: writes down what the looks of a worker that is gone have shown,
//! and how the experiment stands against the baseline.

use serde_json::{Value, json};

use super::history::History;
use super::{Call, claims, worker};

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    let assignment = &board["assignment"];
    let Some(task) = assignment["task"].as_str() else {
        return finish("there is no assignment");
    };
    let Some(inspection) = history.last("lab_inspect") else {
        if history.of_tool("lab_inspect").next().is_some() {
            return finish("the task can't be inspected");
        }
        return vec![("lab_inspect", json!({ "task": task }))];
    };
    let measured = assignment["measurements"].as_array();
    let result = measured.and_then(|list| list.last()).map(|m| &m["result"]);
    if history.of_tool("update_playbook").next().is_none() {
        let search = worker::search_of(history, board, task, inspection);
        let mut entries = claims::of(history, task, board, &search);
        entries.extend(against_baseline(board, task, result));
        if !entries.is_empty() {
            return vec![("update_playbook", json!({ "entries": entries }))];
        }
    }
    let verdict = result.map_or("not measured", |r| {
        r["verdict"].as_str().unwrap_or_default()
    });
    finish(&format!("its worker is gone; its verdict is {verdict}"))
}

fn finish(conclusion: &str) -> Vec<Call> {
    vec![("finish", json!({ "conclusion": conclusion }))]
}

/// What the measurement says of the template, if it was verified.
fn against_baseline(board: &Value, task: &str, result: Option<&Value>) -> Option<Value> {
    let assignment = &board["assignment"];
    let template = assignment["candidate"]["template"].as_str()?;
    let result = result.filter(|result| result["verdict"] == json!("ok"))?;
    let claim = claims::standing(
        board,
        task,
        template,
        &result["ci"],
        &assignment["experiment"],
    )?;
    let known = board["playbook"].as_array().into_iter().flatten();
    let news = known
        .into_iter()
        .all(|entry| entry["claim"] != claim["claim"]);
    news.then_some(claim)
}
