//! What of a campaign can be proved from its log: that the log holds, that the
//! files are those it speaks of, that the report says what it says, and that
//! the best results can be measured again. Nothing in the campaign's directory
//! is written.

mod adapter;
mod candidates;
mod carried;
mod frozen;
mod log;
mod milestones;
mod pinned;
mod remeasure;
mod report;

use std::path::Path;

use protocol::ContentHash;
use serde::Serialize;

use crate::campaign::Layout;
use crate::core::event::{Body, Logged};
use crate::core::state::State;
use crate::exec::LabProgram;
use crate::store::{Link, Reader, StoreError, running_pid};
use crate::tools::Documents;

pub use candidates::{HandedIn, handed_in, lab_document};

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nobody can say here and now.
    NotPossible,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What kind of check, a stable word.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// What was looked at and what was found.
    pub detail: String,
}

/// What a campaign's log is worth.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Events that hold, from the first.
    pub events: u64,
    /// Hash of the last of them.
    pub head: Option<ContentHash>,
    /// Every check.
    pub checks: Vec<Check>,
}

impl Proof {
    /// Number of checks with an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        let with = self.checks.iter().filter(|check| check.outcome == outcome);
        with.count()
    }
}

/// Checks with what is known while they are made.
#[derive(Debug, Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn add(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.0.push(Check {
            name,
            outcome,
            detail: detail.into(),
        });
    }

    fn passed(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Outcome::Passed, detail);
    }

    fn failed(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Outcome::Failed, detail);
    }

    fn not_possible(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Outcome::NotPossible, detail);
    }

    /// Whether no check of this name has failed.
    fn holds(&self, name: &str) -> bool {
        let failed = |check: &Check| check.name == name && check.outcome == Outcome::Failed;
        !self.0.iter().any(failed)
    }
}

/// A log that holds, and what is beside it.
struct Campaign<'a> {
    reader: &'a Reader,
    layout: &'a Layout,
    links: &'a [Link],
    state: &'a State,
    /// The process that drives it now.
    running: Option<u32>,
}

impl Campaign<'_> {
    fn events(&self) -> impl Iterator<Item = &Logged> {
        self.links.iter().map(|link| &link.logged)
    }
}

impl Documents for Reader {
    fn document(&self, body: &Body) -> Result<serde_json::Value, String> {
        Self::document(self, body).map_err(|error| crate::chain::of(&error))
    }
}

/// What to measure again, and with what.
#[derive(Debug)]
pub struct Remeasure {
    /// How many of the best rows.
    pub rows: usize,
    /// The lab, or why there is none.
    pub lab: Result<LabProgram, String>,
}

/// Verifies the campaign in `dir`. An error means that there is no campaign
/// that this program can read.
pub fn verify(
    dir: &Path,
    remeasure: impl FnOnce(&State) -> Option<Remeasure>,
) -> Result<Proof, StoreError> {
    let mut findings = Findings::default();
    let layout = Layout::of(dir);
    let reader = match Reader::open(dir) {
        Err(StoreError::Corrupt { why, .. }) => {
            findings.failed("structure", why);
            return Ok(without_log(findings));
        }
        other => other?,
    };
    let Some(links) = log::scan(&reader, &mut findings)? else {
        return Ok(without_log(findings));
    };
    log::blobs(&reader, &links, &mut findings);
    let state = log::fold(&links, &mut findings);
    let head = links.last().map(|link| link.hash.clone());
    let events = links.len() as u64;
    let Some(state) = state.filter(|_| findings.holds("chain")) else {
        for name in ["pinned", "adapter", "evaluation", "candidates", "report"] {
            findings.not_possible(name, "there is no whole log to compare with");
        }
        return Ok(Proof {
            events,
            head,
            checks: findings.0,
        });
    };
    let campaign = Campaign {
        reader: &reader,
        layout: &layout,
        links: &links,
        state: &state,
        running: running_pid(dir)?,
    };
    pinned::check(&campaign, &mut findings);
    adapter::check(&campaign, &mut findings);
    frozen::check(&campaign, &mut findings);
    candidates::check(&campaign, &mut findings);
    carried::check(&campaign, &mut findings);
    report::check(&campaign, &mut findings);
    milestones::check(&campaign, &mut findings);
    if let Some(wanted) = remeasure(&state) {
        remeasure::check(&campaign, &wanted, &mut findings);
    }
    Ok(Proof {
        events,
        head,
        checks: findings.0,
    })
}

fn without_log(findings: Findings) -> Proof {
    Proof {
        events: 0,
        head: None,
        checks: findings.0,
    }
}
