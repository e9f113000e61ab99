//! The worker: searches the spaces of one task by quick looks, hands in the
//! best few, writes down what mattered.

use std::collections::BTreeMap;

use protocol::Space;
use serde_json::{Value, json};

use super::history::History;
use super::search::{Search, Seen};
use super::space::Domain;
use super::{Call, claims, lessons};

/// A finalist must be this close to the best point that is known, as a ratio.
const CLOSE: f64 = 0.9;
/// Submissions after which a worker gives up finding one that is accepted.
const MAX_SUBMISSIONS: usize = 5;

/// What the worker has been given.
struct Assignment<'a> {
    board: &'a Value,
    task: &'a str,
    experiment: &'a Value,
}

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    let Some(task) = board["assignment"]["task"].as_str() else {
        return finish("there is no assignment");
    };
    let assignment = Assignment {
        board,
        task,
        experiment: &board["assignment"]["experiment"],
    };
    let Some(inspection) = history.last("lab_inspect") else {
        if history.of_tool("lab_inspect").next().is_some() {
            return finish("the task can't be inspected");
        }
        return vec![("lab_inspect", json!({ "task": task }))];
    };
    let search = search(history, &assignment, inspection);
    if board["policy"]["looks"] == json!(false) {
        return straight(history, &assignment, &search);
    }
    if may_look(history, board)
        && let Some((domain, point)) = search.next()
    {
        let domain = &search.domains[domain];
        let arguments = json!({ "template": domain.template, "params": domain.params(&point) });
        return vec![("lab_try", arguments)];
    }
    if let Some(call) = submission(history, &assignment, &search) {
        return vec![call];
    }
    if history.of_tool("update_playbook").next().is_none() {
        let claims = claims::of(history, assignment.task, board, &search);
        if !claims.is_empty() {
            return vec![("update_playbook", json!({ "entries": claims }))];
        }
    }
    finish("searched, submitted and written down")
}

/// Without quick looks: hands in one point after another, each chosen by the
/// results of those before.
fn straight(history: &History<'_>, assignment: &Assignment<'_>, search: &Search) -> Vec<Call> {
    let made: Vec<_> = history.of_tool("submit_experiment").collect();
    let finalists = assignment.board["policy"]["finalists"].as_u64();
    let refused = made
        .last()
        .is_some_and(|a| !a.ok && a.body["twin"].is_null());
    if made.len() as u64 >= finalists.unwrap_or(1) || refused {
        return finish("handed in what there was room for");
    }
    let Some((domain, point)) = search.next() else {
        return finish("every point has been handed in");
    };
    let domain = &search.domains[domain];
    let mut arguments = json!({ "template": domain.template, "params": domain.params(&point) });
    if made.is_empty() {
        arguments["experiment"] = assignment.experiment.clone();
    }
    vec![("submit_experiment", arguments)]
}

fn finish(summary: &str) -> Vec<Call> {
    vec![("finish", json!({ "summary": summary }))]
}

/// Whether another quick look is allowed, as the last answer says.
fn may_look(history: &History<'_>, board: &Value) -> bool {
    // Handing in ends the search.
    if history.of_tool("submit_experiment").next().is_some() {
        return false;
    }
    let left = match history.of_tool("lab_try").last() {
        Some(answered) => &answered.body["tries_left"],
        None => &board["assignment"]["tries_left"],
    };
    left.as_u64().unwrap_or(0) > 0
}

/// What is known of a task's spaces, for one who takes no looks.
pub(super) fn search_of(
    history: &History<'_>,
    board: &Value,
    task: &str,
    inspection: &Value,
) -> Search {
    let assignment = Assignment {
        board,
        task,
        experiment: &board["assignment"]["experiment"],
    };
    search(history, &assignment, inspection)
}

fn search(history: &History<'_>, assignment: &Assignment<'_>, inspection: &Value) -> Search {
    let wanted = assignment.board["assignment"]["templates"].as_array();
    let spaces: Vec<Space> =
        serde_json::from_value(inspection["spaces"].clone()).unwrap_or_default();
    let domains: Vec<Domain> = spaces
        .iter()
        .filter(|space| {
            wanted.is_none_or(|names| {
                names.is_empty() || names.iter().any(|name| *name == json!(space.template))
            })
        })
        .filter_map(Domain::of)
        .collect();
    let domains = lessons::applied(assignment.board, assignment.task, domains);
    let straight = assignment.board["policy"]["looks"] == json!(false);
    let earlier = inspection["tried"].as_array().into_iter().flatten();
    let own = ["lab_try", "submit_experiment"]
        .into_iter()
        .flat_map(|tool| history.of_tool(tool))
        // A twin's result is the result of what was refused.
        .filter(|a| a.ok || !a.body["twin"].is_null())
        .filter(|a| a.tool == "lab_try" || straight)
        .map(|a| (a.arguments, a.body));
    let measured = inspection["measured"].as_array().into_iter().flatten();
    let measured = measured
        .filter_map(|result| seen(&domains, result, result))
        .collect();
    let seen = earlier
        .map(|look| (look, look))
        .chain(own)
        .filter_map(|(arguments, look)| seen(&domains, arguments, look))
        .collect();
    let tasks = assignment.board["tasks"].as_array().into_iter().flatten();
    let mut own = tasks.filter(|task| task["task"] == json!(assignment.task));
    Search {
        stuck: own.any(|task| task["stagnated"] == json!(true)),
        domains,
        seen,
        measured,
        maximise: assignment.board["metric"]["direction"] != json!("minimise"),
        seed: assignment.board["seed"].as_u64().unwrap_or(0),
        task: assignment.task.to_owned(),
    }
}

fn seen(domains: &[Domain], arguments: &Value, look: &Value) -> Option<Seen> {
    let domain = domains
        .iter()
        .position(|domain| arguments["template"] == json!(domain.template))?;
    let params: BTreeMap<String, Value> =
        serde_json::from_value(arguments["params"].clone()).ok()?;
    let result = &look["result"];
    let verified = result["verdict"] == json!("ok");
    Some(Seen {
        domain,
        point: domains[domain].point(&params)?,
        value: result["value"].as_f64().filter(|_| verified),
        // What was handed in is no look, and no claim rests on it as one.
        look: look["try"].as_u64().unwrap_or_default(),
    })
}

/// The next finalist to hand in, if one is left.
fn submission(history: &History<'_>, assignment: &Assignment<'_>, search: &Search) -> Option<Call> {
    let made: Vec<_> = history.of_tool("submit_experiment").collect();
    let accepted = made
        .iter()
        .filter(|a| a.ok && a.body["result"]["verdict"] == json!("ok"))
        .count();
    let finalists = assignment.board["policy"]["finalists"]
        .as_u64()
        .unwrap_or(1) as usize;
    if accepted >= finalists || made.len() >= MAX_SUBMISSIONS {
        return None;
    }
    let worth = search.worth();
    let best = worth.first()?.2;
    let (domain, point, value) = worth.into_iter().find(|(at, point, _)| {
        let domain = &search.domains[*at];
        let params = json!(domain.params(point));
        !search.is_measured(*at, point)
            && !made.iter().any(|a| {
                a.arguments["template"] == json!(domain.template) && a.arguments["params"] == params
            })
    })?;
    let closeness = if search.maximise {
        value / best
    } else {
        best / value
    };
    if closeness < CLOSE {
        return None;
    }
    let domain = &search.domains[domain];
    let mut arguments = json!({ "template": domain.template, "params": domain.params(&point) });
    // The assigned experiment is used until one submission has run for it.
    let used = made.iter().any(|a| {
        a.ok && a.body["experiment"] == *assignment.experiment
            && a.body["state"] != json!("to_implement")
    });
    if !used {
        arguments["experiment"] = assignment.experiment.clone();
    }
    Some(("submit_experiment", arguments))
}
