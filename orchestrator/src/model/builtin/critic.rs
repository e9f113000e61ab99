//! The critic: holds an evaluation's contract against the data's schema and
//! against what its metric is known to be.

use std::path::Path;

use serde_json::{Value, json};

use super::Call;
use super::history::History;
use crate::audit::contract::{CONTRACT, Contract, Kind};

/// Enough for a whole file.
const ALL_LINES: u32 = 100_000;

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    let assignment = &board["assignment"];
    let folder = assignment["evaluation"].as_str().unwrap_or_default();
    let Some(read) = history.of_tool("read_file").last() else {
        return vec![(
            "read_file",
            json!({ "path": format!("{folder}/{CONTRACT}"), "lines": ALL_LINES }),
        )];
    };
    let faults = match read.body["text"].as_str().filter(|_| read.ok) {
        Some(text) => faults(text, assignment),
        None => vec![fault("contract", "the contract can't be read", true)],
    };
    let summary = "held the contract against the schema and the metric's definition";
    vec![("finish", json!({ "summary": summary, "faults": faults }))]
}

fn fault(check: &str, detail: impl Into<String>, blocking: bool) -> Value {
    json!({ "check": check, "detail": detail.into(), "blocking": blocking })
}

fn faults(text: &str, assignment: &Value) -> Vec<Value> {
    let contract = match Contract::parse(text, Path::new(CONTRACT)) {
        Ok(contract) => contract,
        Err(error) => return vec![fault("contract", crate::chain::of(&error), true)],
    };
    let mut faults = Vec::new();
    let wanted = &assignment["metric"];
    let metric = &contract.metric;
    if json!(metric.direction) != wanted["direction"] {
        faults.push(fault(
            "direction",
            format!(
                "the contract says {} and the campaign says {}",
                json!(metric.direction),
                wanted["direction"]
            ),
            true,
        ));
    }
    if json!(metric.name) != wanted["name"] {
        faults.push(fault(
            "metric",
            format!(
                "the contract measures `{}` and the campaign wants {}",
                metric.name, wanted["name"]
            ),
            true,
        ));
    }
    if let Some(formula) = metric.formula()
        && formula.direction() != metric.direction
    {
        let detail = format!("`{}` gets better the other way", formula.word());
        faults.push(fault("direction", detail, true));
    }
    let facts = &assignment["facts"];
    if let Some(time) = facts["time"]["column"].as_str()
        && contract.task.kind == Kind::Forecast
        && contract.task.time.as_deref() != Some(time)
    {
        let detail = format!("the data is ordered by `{time}`, the contract by something else");
        faults.push(fault("time", detail, true));
    }
    let columns = facts["columns"].as_array().map_or(&[][..], Vec::as_slice);
    for column in columns {
        let name = column["name"].as_str().unwrap_or_default();
        let declared = contract.task.identifiers.iter().any(|known| known == name);
        if column["kind"] == json!("identifier")
            && !declared
            && contract.task.kind != Kind::Forecast
        {
            let detail = format!("`{name}` names a row, and the contract does not say so");
            faults.push(fault("identifier", detail, false));
        }
    }
    faults
}
