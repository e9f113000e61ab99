//! The supervisor: an adapter that was chosen by the data, or drafted from
//! them, has nothing in it that a table of numbers could improve. Called because
//! experiments fail, it pauses the tasks on which all of them do.

use serde_json::{Value, json};

use super::Call;
use super::history::History;

/// Failures of a task that are no accident.
const MANY: u64 = 3;

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    if board["assignment"]["alarms"].is_array() {
        return called(history, board);
    }
    vec![(
        "finish",
        json!({ "summary": "the adapter fits what is known about the data" }),
    )]
}

fn called(history: &History<'_>, board: &Value) -> Vec<Call> {
    let done = history.of_tool("pause_work").next().is_some();
    let hopeless = hopeless(board);
    if !done && !hopeless.is_empty() {
        return hopeless
            .into_iter()
            .map(|(task, failed)| {
                let reason = format!("all of its last {failed} experiments failed");
                ("pause_work", json!({ "task": task, "reason": reason }))
            })
            .collect();
    }
    let summary = if done {
        "paused the tasks on which everything fails"
    } else {
        "no task fails every time, so the search goes on as it is"
    };
    vec![("finish", json!({ "summary": summary }))]
}

/// Open tasks on which everything fails, with how often.
fn hopeless(board: &Value) -> Vec<(&str, u64)> {
    let open = |task: &str| {
        let mut tasks = board["tasks"].as_array().into_iter().flatten();
        tasks.any(|known| {
            known["task"] == json!(task) && known["closed"].is_null() && known["paused"].is_null()
        })
    };
    let alarms = board["assignment"]["alarms"].as_array();
    let counted = alarms
        .into_iter()
        .flatten()
        .filter_map(|alarm| alarm["tasks"].as_array());
    counted
        .flatten()
        .filter_map(|count| {
            let (failed, of) = (count["failed"].as_u64()?, count["of"].as_u64()?);
            let task = count["task"].as_str()?;
            (failed == of && failed >= MANY && open(task)).then_some((task, failed))
        })
        .collect()
}
