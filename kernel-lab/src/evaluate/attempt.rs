//! A candidate on its way through an evaluation, and its report so far.

use std::path::PathBuf;
use std::time::Instant;

use protocol::{Artifact, ContentHash, Experiment, Report, Verdict};
use serde_json::json;

use super::report::check;
use super::{Depth, verdict};
use crate::cache::Cache;
use crate::device::Ended;
use crate::error::HarnessError;

/// Diagnostic with a stable word for why a candidate was refused.
pub(super) const REASON_CODE: &str = "reason_code";

/// A candidate on its way through an evaluation.
pub(super) struct Attempt<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) depth: Depth,
    pub(super) report: Report,
    /// Where raw samples and sources go, for a full evaluation.
    pub(super) folder: Option<PathBuf>,
    pub(super) started: Instant,
}

impl Attempt<'_> {
    pub(super) fn passed(&mut self, name: &str, detail: impl Into<String>) {
        self.report.checks.push(check(name, true, detail));
    }

    pub(super) fn lap(&mut self, phase: &str, since: Instant) {
        let elapsed_ms = since.elapsed().as_secs_f64() * 1e3;
        *self
            .report
            .durations_ms
            .entry(phase.to_owned())
            .or_default() += elapsed_ms;
    }

    pub(super) fn end(mut self, verdict: Verdict) -> Result<Report, HarnessError> {
        if !verdict.is_ok() {
            self.report
                .diagnostics
                .entry(REASON_CODE.to_owned())
                .or_insert_with(|| json!(stage_of(&verdict)));
            self.report
                .checks
                .push(check(stage_of(&verdict), false, verdict.reason()));
        }
        self.report.verdict = verdict;
        self.lap("total", self.started);
        if let Some(folder) = &self.folder {
            let text = serde_json::to_vec_pretty(&self.report).map_err(|error| {
                HarnessError::Experiment {
                    dir: folder.clone(),
                    problem: format!("failed to write the report: {error}"),
                }
            })?;
            Cache::store(&folder.join("report.json"), &text)?;
        }
        Ok(self.report)
    }

    /// The end of a candidate whose process came to an end, or that did
    /// something wrong.
    pub(super) fn end_with(mut self, ended: &Ended) -> Result<Report, HarnessError> {
        let code = json!(verdict::code(ended));
        self.report.diagnostics.insert(REASON_CODE.to_owned(), code);
        self.end(verdict::on_end(ended))
    }

    pub(super) fn keep(&mut self, name: &str, bytes: &[u8]) -> Result<(), HarnessError> {
        if let Some(folder) = &self.folder {
            Cache::store(&folder.join(name), bytes)?;
            let hash = ContentHash::of_stream(bytes).map_err(|error| HarnessError::Experiment {
                dir: folder.clone(),
                problem: format!("failed to hash `{name}`: {error}"),
            })?;
            self.report.artifacts.push(Artifact {
                path: name.into(),
                hash,
            });
        }
        Ok(())
    }
}

fn stage_of(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Ok => "done",
        Verdict::Rejected { stage, .. } => stage,
        Verdict::Crashed { .. } | Verdict::TimedOut { .. } => "run",
    }
}

pub(super) fn rejected(stage: &str, reason: String) -> Verdict {
    Verdict::Rejected {
        stage: stage.to_owned(),
        reason,
    }
}
