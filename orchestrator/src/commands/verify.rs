//! `verify`: does a campaign hold? A read-only look.

use std::path::Path;

use super::{Failure, Places, exit, show};
use crate::campaign::Layout;
use crate::core::state::State;
use crate::proof::{self, Outcome, Proof, Remeasure};
use crate::ui::clean;

/// Checks a campaign against its log; measures the `rows` best again.
pub fn verify(dir: &Path, rows: usize, json: bool, places: &Places) -> Result<u8, Failure> {
    let proof = proof::verify(dir, |state| {
        (rows > 0).then(|| Remeasure {
            rows,
            lab: lab(state, dir, places),
        })
    })?;
    if json {
        show::print_json(&document(&proof));
    } else {
        print!("{}", table(&proof));
    }
    Ok(if proof.count(Outcome::Failed) == 0 {
        exit::OK
    } else {
        exit::NO_RESULT
    })
}

fn lab(state: &State, dir: &Path, places: &Places) -> Result<crate::exec::LabProgram, String> {
    match &state.settings {
        Some(settings) => places
            .measures(&Layout::of(dir), settings)
            .map_err(|failure| failure.to_string()),
        None => Err("no lab measures this campaign".to_owned()),
    }
}

fn document(proof: &Proof) -> serde_json::Value {
    serde_json::json!({
        "schema": 1,
        "holds": proof.count(Outcome::Failed) == 0,
        "events": proof.events,
        "head": proof.head,
        "passed": proof.count(Outcome::Passed),
        "failed": proof.count(Outcome::Failed),
        "not_possible": proof.count(Outcome::NotPossible),
        "checks": proof.checks,
    })
}

fn table(proof: &Proof) -> String {
    let mut out = String::new();
    for check in &proof.checks {
        let outcome = match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::NotPossible => "not possible",
        };
        let line = format!(
            "{outcome:<12}  {:<10}  {}\n",
            check.name,
            clean(&check.detail)
        );
        out.push_str(&line);
    }
    let failed = proof.count(Outcome::Failed);
    let verdict = if failed == 0 {
        "the campaign holds"
    } else {
        "the campaign does NOT hold"
    };
    let line = format!(
        "{verdict}: {} checks passed, {failed} failed, {} not possible\n",
        proof.count(Outcome::Passed),
        proof.count(Outcome::NotPossible)
    );
    out.push_str(&line);
    out
}
