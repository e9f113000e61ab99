//! The strategist: puts the most promising tasks on the board, closes those
//! that get no more work.

use serde_json::{Value, json};

use super::Call;
use super::history::History;

/// Rounds in a row without anything to hand in, after which nothing is left to
/// find with these templates.
const FRUITLESS: usize = 3;

/// What is to become of one task.
enum Plan {
    Work { gain: f64 },
    Close { reason: String },
}

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let (Some(board), Some(_)) = (history.last("read_board"), history.last("read_leaderboard"))
    else {
        return vec![("read_board", json!({})), ("read_leaderboard", json!({}))];
    };
    let tasks: Vec<&Value> = board["tasks"].as_array().into_iter().flatten().collect();
    let open: Vec<&&Value> = tasks
        .iter()
        .filter(|task| task["closed"].is_null() && task["paused"].is_null())
        .collect();
    let unknown: Vec<Call> = open
        .iter()
        .filter(|task| task["rounds"] == json!(0) && !templates(task).is_empty())
        .filter(|task| {
            !history
                .of_tool("lab_inspect")
                .any(|a| a.arguments["task"] == task["task"])
        })
        .map(|task| ("lab_inspect", json!({ "task": task["task"] })))
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let mut work = Vec::new();
    let mut close = Vec::new();
    for task in open {
        match plan(history, board, task) {
            // Nothing new is left where only that is admitted.
            Plan::Work { .. } if step(task).is_none() => close.push(json!({
                "task": task["task"],
                "reason": "converged: nothing improves any more, and every template was tried",
            })),
            Plan::Work { gain } => work.push((gain, *task)),
            Plan::Close { reason } => close.push(json!({ "task": task["task"], "reason": reason })),
        }
    }
    // A stable sort: tasks that promise the same keep their order.
    work.sort_by(|a, b| b.0.total_cmp(&a.0));
    let room = room(board);
    if history.of_tool("propose_experiment").next().is_none() && !work.is_empty() && room > 0 {
        return work
            .iter()
            .take(room)
            .filter_map(|(gain, task)| propose(*gain, task, board))
            .collect();
    }
    vec![(
        "finish",
        json!({ "summary": "looked at every open task", "close": close }),
    )]
}

fn templates(task: &Value) -> Vec<&str> {
    let list = task["templates"].as_array();
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Experiments that fit what is left of the budget.
fn room(board: &Value) -> usize {
    let by_count = board["budget"]["experiments_left"]
        .as_f64()
        .unwrap_or(f64::INFINITY);
    let round_s = board["policy"]["round_s"].as_f64().unwrap_or(0.0);
    let by_time = match board["budget"]["wall_s_left"].as_f64() {
        Some(left) if round_s > 0.0 => (left / round_s).max(1.0),
        _ => f64::INFINITY,
    };
    by_count.min(by_time).min(1000.0) as usize
}

fn plan(history: &History<'_>, board: &Value, task: &Value) -> Plan {
    if templates(task).is_empty() {
        return Plan::Close {
            reason: "no template fits its operations".to_owned(),
        };
    }
    if fruitless(board, task) >= FRUITLESS {
        return Plan::Close {
            reason: format!("converged: {FRUITLESS} rounds found nothing worth measuring"),
        };
    }
    let rounds: Vec<Option<f64>> = task["best_after_round"]
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::as_f64)
        .collect();
    match rounds.as_slice() {
        [] => Plan::Work {
            gain: 10.0 + prior(history, task),
        },
        [.., None] => Plan::Close {
            reason: "no candidate was verified".to_owned(),
        },
        // That nothing improves any more is not for one round to say: the harness
        // counts, and closes (`core::stagnation`).
        [.., Some(before), Some(after)] => {
            let gain = (after / before).ln().abs();
            // Numbers that are not all positive have no ratio: who knows.
            let gain = if gain.is_nan() { f64::INFINITY } else { gain };
            Plan::Work { gain }
        }
        [.., Some(_)] => Plan::Work { gain: 1.0 },
    }
}

/// How many of the last experiments on a task, one after another, were given up
/// before anything was handed in.
fn fruitless(board: &Value, task: &Value) -> usize {
    let experiments = board["experiments"].as_array();
    let own = experiments
        .into_iter()
        .flatten()
        .filter(|e| e["task"] == task["task"]);
    own.rev()
        .take_while(|e| e["state"] == json!("cancelled"))
        .count()
}

/// What a task promises before anything was tried: every operation that can
/// be fused saves a pass over memory.
fn prior(history: &History<'_>, task: &Value) -> f64 {
    history
        .of_tool("lab_inspect")
        .find(|a| a.ok && a.arguments["task"] == task["task"])
        .and_then(|a| {
            let graph = &a.body["facts"]["graph"];
            graph.as_array().or_else(|| graph["nodes"].as_array())
        })
        .map_or(0.0, |nodes| (nodes.len() as f64).min(9.0) / 10.0)
}

/// A step that the task admits.
struct Step {
    kind: &'static str,
    parent: Value,
    templates: Vec<String>,
}

/// More of the best if that is admitted, else what is new.
fn step(task: &Value) -> Option<Step> {
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let allowed = names(&task["allowed"]);
    let may = |kind: &str| allowed.iter().any(|known| known == kind);
    let best = &task["top"][0];
    let kind = ["exploit", "refine"].into_iter().find(|kind| may(kind));
    if let Some(kind) = kind.filter(|_| !best.is_null()) {
        return Some(Step {
            kind,
            parent: best.clone(),
            templates: names(&task["templates"]),
        });
    }
    let untried = names(&task["untried"]);
    let stuck = task["stagnated"] == json!(true);
    // A task where nothing improves is explored even where every template was
    // tried: with none named, all are looked at again.
    (may("explore") && (stuck || !untried.is_empty())).then_some(Step {
        kind: "explore",
        parent: Value::Null,
        templates: untried,
    })
}

fn propose(gain: f64, task: &Value, board: &Value) -> Option<Call> {
    let Step {
        kind,
        parent,
        templates,
    } = step(task)?;
    let name = task["task"].as_str().unwrap_or_default();
    let first = task["rounds"] == json!(0);
    let hypothesis = if first && board["metric"]["baseline_value"].is_null() {
        "a template does better with other parameters than its own".to_owned()
    } else if first {
        "a template tuned to this machine beats the baseline".to_owned()
    } else if gain.is_infinite() {
        "another search finds something better".to_owned()
    } else {
        format!(
            "another search gains more than the last ({:.1}%)",
            gain * 100.0
        )
    };
    Some((
        "propose_experiment",
        json!({
            "task": name,
            "name": format!("tune-{name}"),
            "hypothesis": hypothesis,
            "templates": templates,
            "kind": kind,
            "parent": parent,
        }),
    ))
}
