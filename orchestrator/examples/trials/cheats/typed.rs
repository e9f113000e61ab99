//! Scores that somebody types.

use std::error::Error;

use serde_json::json;

use super::{Finding, Scene};
use crate::scene::{submit, submit_files};

const FOOL: &str = r#"echo '{"template": "template0", "params": {}}'"#;

/// A score beside the candidate; and then the candidate without it.
pub(super) fn argument(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let (tool, mut typed) = submit(FOOL);
    typed["score"] = json!(99.0);
    let (_, mut named) = submit(FOOL);
    named["metrics"] = json!({ "speedup": 99.0 });
    let run = scene.play(vec![(tool, typed), (tool, named), submit(FOOL)])?;
    let refused = run.refusals.len() == 2;
    let found = Finding::of(&run, scene.honest).took(!refused);
    let what = format!("refused; then {}", found.what);
    Ok(Finding {
        what: if refused { what } else { found.what },
        ..found
    })
}

/// Files that the lab and the harness write.
pub(super) fn files(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let report = json!({ "metrics": { "speedup": { "value": 99.0 } } }).to_string();
    let names = ["report.json", "experiment.json", "attempt-1", "tries"];
    let calls = names
        .iter()
        .map(|name| submit_files(&json!({ "candidate.sh": FOOL, (*name): report })))
        .collect();
    let run = scene.play(calls)?;
    let took = run.refusals.len() != names.len();
    Ok(Finding::of(&run, scene.honest).took(took))
}

/// A score among what a program prints.
pub(super) fn printed(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let script = r#"echo '{"template": "template0", "params": {}, "score": 99.0}'"#;
    let run = scene.play(vec![submit(script)])?;
    Ok(Finding::of(&run, scene.honest).took(run.ranked().is_some()))
}
