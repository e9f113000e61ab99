//! What a verification finds, and how it is told.

use std::fmt::Write as _;

use protocol::Interval;
use serde::Serialize;

use super::{Claim, LogHead};

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not: the bundle is refused.
    Failed,
    /// Nobody can say here and now.
    NotPossible,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked, a stable word.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Which file, field and value.
    pub detail: String,
}

impl Finding {
    pub(super) fn new(name: &'static str, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            name,
            outcome,
            detail: detail.into(),
        }
    }

    pub(super) fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Passed, detail)
    }

    pub(super) fn failed(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Failed, detail)
    }
}

/// A candidate that was measured again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The verdict in a word.
    pub verdict: String,
    /// The new figure.
    pub value: Option<f64>,
    /// Its interval.
    pub ci: Option<Interval>,
    /// Pairs of samples.
    pub n: Option<u32>,
    /// Whether processor, threads, compiler and torch are those of the claim.
    pub same_machine: bool,
}

/// What `kernel-lab verify` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// Version of this document.
    pub schema: u32,
    /// The bundle's folder.
    pub bundle: String,
    /// True unless a check has failed.
    pub verified: bool,
    /// The task, where the bundle says which.
    pub task: Option<String>,
    /// What the bundle claims.
    pub claim: Option<Claim>,
    /// The log it comes from.
    pub log: Option<LogHead>,
    /// SHA-256 of its `report.json`, which the campaign's log has too.
    pub report: Option<String>,
    /// What was measured now; absent where nothing was.
    pub rerun: Option<Measured>,
    /// Every check.
    pub checks: Vec<Finding>,
}

impl Verification {
    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for check in &self.checks {
            let outcome = match check.outcome {
                Outcome::Passed => "passed",
                Outcome::Failed => "FAILED",
                Outcome::NotPossible => "not possible",
            };
            // Writing to a String can't fail.
            let _ = writeln!(
                out,
                "{outcome:<12}  {:<8}  {}",
                check.name,
                plain(&check.detail)
            );
        }
        if let Some(claim) = &self.claim {
            let task = plain(self.task.as_deref().unwrap_or("?"));
            let _ = writeln!(
                out,
                "claim: {task}: {} over {}",
                figure(claim.value, Some(claim.ci), Some(claim.n)),
                plain(&claim.baseline)
            );
        }
        if let Some(Measured {
            value: Some(value),
            ci,
            n,
            same_machine,
            ..
        }) = &self.rerun
        {
            let place = if *same_machine {
                ""
            } else {
                ", on another machine"
            };
            let _ = writeln!(out, "now: {}{place}", figure(*value, *ci, *n));
        }
        if let (Some(log), Some(report)) = (&self.log, &self.report) {
            let _ = writeln!(
                out,
                "from a campaign with {} events, the last {}; its log must have the report {report}",
                log.events, log.head
            );
        }
        let failed = self.failed();
        let _ = match failed {
            0 => writeln!(out, "verified"),
            _ => writeln!(
                out,
                "NOT verified: {failed} of {} checks failed",
                self.checks.len()
            ),
        };
        out
    }

    fn failed(&self) -> usize {
        let failed = self.checks.iter();
        failed
            .filter(|check| check.outcome == Outcome::Failed)
            .count()
    }
}

/// A stranger's text for a terminal, on one line.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// `1.23× [1.20, 1.25] n=100`.
pub(crate) fn figure(value: f64, ci: Option<Interval>, n: Option<u32>) -> String {
    let mut text = format!("{value:.3}×");
    if let Some(ci) = ci {
        let _ = write!(text, " [{:.3}, {:.3}]", ci.lo(), ci.hi());
    }
    if let Some(n) = n {
        let _ = write!(text, " n={n}");
    }
    text
}
