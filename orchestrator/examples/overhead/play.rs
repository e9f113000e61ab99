//! What the agents do: cheap things, so that what is left is the harness.

use mock_llm::{Ask, Call, Reply};
use serde_json::{Value, json};

fn finish() -> Reply {
    Reply::call("finish", json!({ "summary": "done", "close": [] }))
}

/// A strategist or a worker of a search. A worker takes `turns` turns, and
/// every task gets `rounds` workers one after another.
pub(crate) fn searcher(ask: &Ask, turns: usize, rounds: usize) -> Reply {
    if ask.tools.iter().any(|tool| tool == "propose_experiment") {
        return strategist(ask, rounds);
    }
    if ask.turn + 1 >= turns {
        return finish();
    }
    if ask.turn.is_multiple_of(2) {
        Reply::call("read_board", json!({}))
    } else {
        Reply::call(
            "lab_inspect",
            json!({ "task": "$result:read_board:/assignment/task" }),
        )
    }
}

fn strategist(ask: &Ask, rounds: usize) -> Reply {
    let Some(board) = ask.result("read_board") else {
        return Reply::call("read_board", json!({}));
    };
    if ask.last_tool() != Some("read_board") {
        return finish();
    }
    let list = |name: &str| board[name].as_array().cloned().unwrap_or_default();
    let tasks = list("tasks");
    let round = list("experiments").len() / tasks.len().max(1);
    if round >= rounds {
        return finish();
    }
    let propose = |task: &Value| Call {
        tool: "propose_experiment".to_owned(),
        arguments: json!({
            "task": task["task"],
            "name": format!("round {round}"),
            "hypothesis": "there is something to read",
        }),
    };
    Reply {
        calls: tasks.iter().map(propose).collect(),
        ..Reply::default()
    }
}

/// Whoever comes before the exploration finishes at once; the explorer runs
/// one command that prints `mib` MiB.
pub(crate) fn explorer(ask: &Ask, mib: u64) -> Reply {
    if !ask.tools.iter().any(|tool| tool == "update_plan") {
        return Reply::call("finish", json!({ "summary": "nothing to change" }));
    }
    match ask.last_tool() {
        None => Reply::call(
            "update_plan",
            json!({ "text": "- [ ] print a lot\n", "check": [] }),
        ),
        Some("update_plan") if ask.turn == 1 => {
            // Lines, as programs print.
            let line = "x".repeat(127);
            let lines = (mib << 20) / 128;
            let command = format!("yes {line} | head -n {lines}");
            Reply::call("shell", json!({ "command": command }))
        }
        Some("shell") => Reply::call("update_plan", json!({ "check": ["print a lot"] })),
        Some(_) => Reply::call("finish", json!({ "summary": "it has printed" })),
    }
}
