//! What a bundle shows by itself: that its files are those it names, that the
//! report is about them, and that the claim follows from the samples.

use std::path::{Path, PathBuf};

use protocol::{Interval, Metric, Report};

use super::{
    CONSUMED, Finding, MANIFEST, Manifest, Outcome, PLAN, REPORT, SAMPLES, SCHEMA, SOURCE, files,
    sizes_file, task_file,
};
use crate::error::HarnessError;
use crate::evaluate::{Figures, Material, figures, read_raw_lines, resampling, speedup};
use crate::task::{sized_hash, source_hash};

/// Largest relative difference between a figure as written and as computed
/// again: what decimal digits and another order of sums may cost.
const SAME: f64 = 1e-9;

/// Metric that is made of the samples with a read in them.
const SPEEDUP_CONSUMED: &str = "speedup_consumed";

/// A bundle whose files hold together.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its folder.
    pub dir: PathBuf,
    /// `bundle.json`.
    pub manifest: Manifest,
    /// `report.json`.
    pub report: Report,
}

/// Checks a bundle without running anything. The first is absent if a check
/// has failed. An error means that the folder is no bundle.
pub fn check(dir: &Path) -> Result<(Option<Opened>, Vec<Finding>), HarnessError> {
    let (opened, mut findings) = match manifest(dir)? {
        Ok(manifest) => {
            let findings = files::check(dir, &manifest);
            let mut found = Found {
                dir,
                manifest: &manifest,
                findings,
            };
            let report = found.report();
            if let Some(report) = &report {
                found.content(report);
                found.claim(report);
            }
            let findings = found.findings;
            let opened = report.map(|report| Opened {
                dir: dir.to_owned(),
                manifest,
                report,
            });
            (opened, findings)
        }
        Err(problem) => (None, vec![Finding::failed("manifest", problem)]),
    };
    let failed = findings
        .iter()
        .any(|finding| finding.outcome == Outcome::Failed);
    findings.sort_by_key(|finding| finding.outcome != Outcome::Failed);
    Ok((opened.filter(|_| !failed), findings))
}

/// The outer error: no bundle at all. The inner one: a bad one.
fn manifest(dir: &Path) -> Result<Result<Manifest, String>, HarnessError> {
    let problem = |problem: String| HarnessError::Bundle {
        dir: dir.to_owned(),
        problem,
    };
    let text = files::read_text(dir, MANIFEST).map_err(&problem)?;
    let manifest: Manifest = match serde_json::from_str(&text) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(Err(format!("`{MANIFEST}`: {error}"))),
    };
    if manifest.schema != SCHEMA {
        return Err(problem(format!(
            "`{MANIFEST}` has the schema {}, this lab reads {SCHEMA}",
            manifest.schema
        )));
    }
    let name = &manifest.task.name;
    // A task that is given by a path is none of the lab's.
    if name.contains('/') || Path::new(name).extension().is_some_and(|it| it == "py") {
        return Ok(Err(format!(
            "`{MANIFEST}`: `task.name` is `{name}`, no name"
        )));
    }
    Ok(Ok(manifest))
}

struct Found<'a> {
    dir: &'a Path,
    manifest: &'a Manifest,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn fail(&mut self, name: &'static str, detail: impl Into<String>) {
        self.findings.push(Finding::failed(name, detail));
    }

    /// The report, and whether it is one that may claim something.
    fn report(&mut self) -> Option<Report> {
        let read = files::read_text(self.dir, REPORT);
        let parsed = read.and_then(|text| {
            serde_json::from_str::<Report>(&text).map_err(|error| format!("`{REPORT}`: {error}"))
        });
        let report = match parsed {
            Ok(report) => report,
            Err(problem) => {
                self.fail("report", problem);
                return None;
            }
        };
        let before = self.findings.len();
        if !report.verdict.is_ok() {
            let word = report.verdict.word();
            self.fail("report", format!("`{REPORT}`: `verdict` is {word}"));
        }
        if report.provisional || report.simulated || report.split.is_none() {
            self.fail(
                "report",
                format!("`{REPORT}`: `provisional`, `simulated` or without a `split`"),
            );
        }
        for (field, says, expected) in [
            ("lab", report.lab.as_str(), self.manifest.lab.as_str()),
            ("task", &report.task, &self.manifest.task.name),
            ("experiment", &report.experiment, &self.manifest.experiment),
            (
                "environment.seed",
                &report.environment.seed,
                &self.manifest.claim.seed,
            ),
        ] {
            if says != expected {
                let detail =
                    format!("`{REPORT}`: `{field}` is `{says}`, `{MANIFEST}` says `{expected}`");
                self.fail("report", detail);
            }
        }
        if self.findings.len() == before {
            let detail = format!("verified by {} at that time", report.lab);
            self.findings.push(Finding::passed("report", detail));
        }
        Some(report)
    }

    /// Whether the report is about the files beside it.
    fn content(&mut self, report: &Report) {
        let before = self.findings.len();
        for (artifact, name) in [
            ("plan.toml", PLAN),
            ("kernel.cpp", SOURCE),
            (SAMPLES, SAMPLES),
            (CONSUMED, CONSUMED),
        ] {
            if artifact == CONSUMED && !report.metrics.contains_key(SPEEDUP_CONSUMED) {
                continue;
            }
            let said = report
                .artifacts
                .iter()
                .find(|known| known.path == Path::new(artifact));
            let found = files::read(self.dir, name).map(|bytes| files::sha256(&bytes));
            match (said, found) {
                (Some(said), Ok(found)) if said.hash == found => {}
                (Some(said), Ok(found)) => self.fail(
                    "content",
                    format!(
                        "`{name}` has the hash {found}, `{REPORT}` says {}",
                        said.hash
                    ),
                ),
                (None, _) => self.fail("content", format!("`{REPORT}` knows no `{artifact}`")),
                (_, Err(problem)) => self.fail("content", problem),
            }
        }
        match self.measured_hash() {
            Ok(found) if found == report.hash => {}
            Ok(found) => self.fail(
                "content",
                format!(
                    "task, sizes, plan and source have the hash {found}, `{REPORT}` is about {}",
                    report.hash
                ),
            ),
            Err(problem) => self.fail("content", problem),
        }
        if self.findings.len() == before {
            let detail = format!("task, sizes, plan and source are {}", report.hash.short());
            self.findings.push(Finding::passed("content", detail));
        }
    }

    fn measured_hash(&self) -> Result<protocol::ContentHash, String> {
        let task = &self.manifest.task;
        let python = files::read(self.dir, &task_file(&task.name))?;
        let sizes = sizes_file(&task.name);
        let sizes = if self.manifest.files.contains_key(&sizes) {
            files::read_text(self.dir, &sizes)?
        } else {
            String::new()
        };
        let material = Material {
            plan: files::read_text(self.dir, PLAN)?,
            source: files::read_text(self.dir, SOURCE)?,
        };
        let source = source_hash(&python, &sizes);
        Ok(material.hash(&sized_hash(&source, &task.size, &task.constants)))
    }

    /// Whether the figures follow from the samples.
    fn claim(&mut self, report: &Report) {
        let computed = match self.figures() {
            Ok(computed) => computed,
            Err(problem) => {
                self.fail("claim", problem);
                return;
            }
        };
        let before = self.findings.len();
        let claim = &self.manifest.claim;
        let how = resampling(0);
        if claim.metric != "speedup"
            || claim.resamples as usize != how.resamples
            || (claim.confidence - how.confidence).abs() > SAME
        {
            let detail = format!(
                "`{MANIFEST}`: `claim` is no `speedup` at {} with {} resamples",
                how.confidence, how.resamples
            );
            self.findings.push(Finding::failed("claim", detail));
        }
        let claimed = Metric {
            value: claim.value,
            unit: "ratio".to_owned(),
            ci: Some(claim.ci),
            n: claim.n,
        };
        let speedup = [(MANIFEST, "claim", &claimed, "speedup")];
        let said = report
            .metrics
            .iter()
            .filter(|(name, _)| computed.metrics.contains_key(*name))
            .map(|(name, metric)| (REPORT, name.as_str(), metric, name.as_str()));
        for (file, field, says, name) in speedup.into_iter().chain(said) {
            let from = if name == SPEEDUP_CONSUMED {
                CONSUMED
            } else {
                SAMPLES
            };
            if let Some(detail) = differs(says, &computed.metrics[name], from) {
                let detail = format!("`{file}`: `{field}` {detail}");
                self.findings.push(Finding::failed("claim", detail));
            }
        }
        for name in computed.metrics.keys() {
            if !report.metrics.contains_key(name) {
                let detail = format!("`{REPORT}` has no `{name}`, `{SAMPLES}` does");
                self.findings.push(Finding::failed("claim", detail));
            }
        }
        if computed.baseline() != claim.baseline {
            let detail = format!(
                "`{MANIFEST}`: `claim.baseline` is `{}`, the faster one in `{SAMPLES}` is `{}`",
                claim.baseline,
                computed.baseline()
            );
            self.findings.push(Finding::failed("claim", detail));
        }
        if self.findings.len() == before {
            let detail = format!(
                "{} follows from {} samples",
                super::finding::figure(claim.value, Some(claim.ci), None),
                claim.n
            );
            self.findings.push(Finding::passed("claim", detail));
        }
    }

    fn figures(&self) -> Result<Figures, String> {
        let seed = &self.manifest.claim.seed;
        let seed = u64::from_str_radix(seed, 16)
            .map_err(|_| format!("`{MANIFEST}`: `claim.seed` is `{seed}`, no number"))?;
        let text = files::read_text(self.dir, SAMPLES)?;
        let samples = read_raw_lines(&text).map_err(|error| format!("`{SAMPLES}`: {error}"))?;
        let none = |name: &str| format!("`{name}` has no samples of candidate and baseline");
        let mut figures = figures(&samples, seed).ok_or_else(|| none(SAMPLES))?;
        if self.manifest.files.contains_key(CONSUMED) {
            let text = files::read_text(self.dir, CONSUMED)?;
            let samples =
                read_raw_lines(&text).map_err(|error| format!("`{CONSUMED}`: {error}"))?;
            let consumed = speedup(&samples, figures.winner, seed);
            let consumed = consumed.ok_or_else(|| none(CONSUMED))?;
            let metrics = &mut figures.metrics;
            metrics.insert(SPEEDUP_CONSUMED.to_owned(), consumed);
        }
        Ok(figures)
    }
}

/// What of a metric the samples don't give, or `None`.
fn differs(says: &Metric, computed: &Metric, samples: &str) -> Option<String> {
    let near = |a: f64, b: f64| (a - b).abs() <= SAME * a.abs().max(b.abs());
    let near_interval = |a: Option<Interval>, b: Option<Interval>| match (a, b) {
        (Some(a), Some(b)) => near(a.lo(), b.lo()) && near(a.hi(), b.hi()),
        (None, None) => true,
        _ => false,
    };
    let text = |ci: Option<Interval>| {
        ci.map_or("none".to_owned(), |ci| {
            format!("[{}, {}]", ci.lo(), ci.hi())
        })
    };
    if !near(says.value, computed.value) {
        return Some(format!(
            "`value` is {}, `{samples}` gives {}",
            says.value, computed.value
        ));
    }
    if !near_interval(says.ci, computed.ci) {
        return Some(format!(
            "`ci` is {}, `{samples}` gives {}",
            text(says.ci),
            text(computed.ci)
        ));
    }
    (says.n != computed.n).then(|| format!("`n` is {}, `{samples}` gives {}", says.n, computed.n))
}
