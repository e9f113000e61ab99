//! `show`: one experiment, with where it comes from and what came of it.

use std::path::Path;

use protocol::Candidate;
use serde_json::{Value, json};

use super::{Failure, exit, show};
use crate::core::ids::ExperimentId;
use crate::core::state::Experiment;
use crate::report::number;
use crate::store::Reader;
use crate::ui::{clean, plain};

/// Prints an experiment.
pub fn experiment(dir: &Path, id: ExperimentId, json: bool) -> Result<u8, Failure> {
    let reader = Reader::open(dir)?;
    let state = reader.state()?;
    let Some(e) = state.experiments.get(&id) else {
        let last = state.experiments.keys().next_back();
        let known = last.map_or("it has none".to_owned(), |last| {
            format!("it has e0001 to {last}")
        });
        return Err(Failure::input(format!(
            "the campaign in `{}` has no experiment {id}: {known}",
            dir.display()
        )));
    };
    let diff = e.change.as_ref().and_then(|change| change.diff.as_ref());
    let diff = diff.map(|body| reader.document(body)).transpose()?;
    let children: Vec<ExperimentId> = state.children(id).map(|e| e.id).collect();
    if json {
        show::print_json(&document(e, diff.as_ref(), &children));
    } else {
        print!("{}", text(e, diff.as_ref(), &children));
    }
    Ok(exit::OK)
}

fn document(e: &Experiment, diff: Option<&Value>, children: &[ExperimentId]) -> Value {
    let attempts: Vec<Value> = e
        .attempts
        .iter()
        .map(|attempt| {
            let measurement = &attempt.measurement;
            json!({
                "split": measurement.split,
                "verdict": measurement.score.verdict.word(),
                "reason": measurement.score.verdict.reason(),
                "value": measurement.score.value,
                "ci": measurement.score.ci,
                "n": measurement.score.n,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "experiment": e.id,
        "name": e.name,
        "task": e.task,
        "kind": e.kind,
        "hypothesis": e.hypothesis,
        "state": e.state,
        "reason": e.reason,
        "candidate": e.candidate.as_ref().map(|(candidate, _)| candidate),
        "hash": e.candidate.as_ref().map(|(_, hash)| hash),
        "parent": e.parent,
        "children": children,
        "replicates": e.replicates,
        "change": e.change.as_ref().map(|change| json!({
            "from": change.from,
            "template": change.template,
            "params": change.params,
            "files": change.files,
            "diff": diff,
        })),
        "attempts": attempts,
        "ruling": e.ruling,
    })
}

fn text(e: &Experiment, diff: Option<&Value>, children: &[ExperimentId]) -> String {
    let mut out = Vec::new();
    let mut line = |name: &str, value: String| out.push(format!("{name:<12} {value}"));
    line("experiment", format!("{}, {}", e.id, clean(&e.name)));
    line("task", clean(&e.task));
    line("kind", e.kind.word().to_owned());
    line("hypothesis", plain(&e.hypothesis));
    let reason = if e.reason.is_empty() {
        String::new()
    } else {
        format!(", {}", plain(&e.reason))
    };
    line("state", format!("{}{reason}", e.state.word()));
    match &e.candidate {
        Some((Candidate::Template { template, params }, _)) => {
            let params: Vec<String> = params.iter().map(|(k, v)| format!("{k}={v}")).collect();
            line(
                "candidate",
                plain(&format!("{template} {}", params.join(" "))),
            );
        }
        Some((Candidate::Files { files }, _)) => {
            let names: Vec<_> = files.iter().map(|name| name.to_string_lossy()).collect();
            line("candidate", clean(&names.join(" ")));
        }
        None => {}
    }
    if let Some(parent) = e.parent {
        line("goes on from", parent.to_string());
    }
    if let Some(again) = e.replicates {
        line("repeats", again.to_string());
    }
    if !children.is_empty() {
        let children: Vec<String> = children.iter().map(ToString::to_string).collect();
        line("goes on in", children.join(", "));
    }
    for attempt in &e.attempts {
        let measurement = &attempt.measurement;
        let score = &measurement.score;
        let split = match measurement.split {
            protocol::Split::Search => "search",
            protocol::Split::Select => "select",
            protocol::Split::Sealed => "sealed",
        };
        let value = match score.verified() {
            Some(value) => number(value, score.ci),
            None => clean(&format!(
                "{}: {}",
                score.verdict.word(),
                score.verdict.reason()
            )),
        };
        line(split, value);
    }
    if let Some(ruling) = &e.ruling {
        let verdict = if e.demoted().is_some() {
            "demoted"
        } else {
            "passed"
        };
        line("audit", format!("{verdict}: {}", plain(&ruling.reason)));
    }
    if let Some(change) = &e.change {
        line("change", clean(&change.text()));
    }
    if let Some(diff) = diff.and_then(Value::as_str) {
        out.push(String::new());
        // Each line by itself: what is hostile in one stays in it.
        out.extend(diff.lines().map(plain));
    }
    out.push(String::new());
    out.join("\n")
}
