//! What an audit finds.

use serde::Serialize;

/// One thing that is wrong with an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check that failed.
    pub check: &'static str,
    /// What was done, what was seen, what that usually means.
    pub detail: String,
}

impl Finding {
    /// A finding: `did` and `saw` are clauses, `means` is a whole sentence
    /// that says what to repair.
    pub fn new(check: &'static str, did: &str, saw: &str, means: &str) -> Self {
        Self {
            check,
            detail: format!("{did}: {saw}. {means}"),
        }
    }
}

/// A cell or a name, short enough for a message.
pub fn short(text: &str) -> String {
    const KEPT: usize = 40;
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() <= KEPT {
        clean
    } else {
        clean.chars().take(KEPT).chain(['…']).collect()
    }
}
