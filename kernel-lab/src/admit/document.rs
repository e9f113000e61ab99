//! What `kernel-lab admit` says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::manifest::{Entry, Manifest};
use super::{Admitted, Options, RULES};

/// `kernel-lab admit --json`.
#[derive(Debug, Serialize)]
pub struct Document {
    /// Version of this document.
    pub schema: u32,
    /// Version of the rules.
    pub rules: u32,
    /// What parameters and inputs were derived from, in hexadecimal.
    pub seed: String,
    /// Tasks of each quality.
    pub summary: BTreeMap<&'static str, usize>,
    /// One row for each task.
    pub tasks: Vec<Admitted>,
    #[serde(skip)]
    seed_value: u64,
}

impl Document {
    pub(super) fn of(options: &Options, tasks: Vec<Admitted>) -> Self {
        let mut summary = BTreeMap::new();
        for task in &tasks {
            *summary.entry(task.quality.name()).or_default() += 1;
        }
        Self {
            schema: 1,
            rules: RULES,
            seed: format!("{:016x}", options.seed),
            summary,
            tasks,
            seed_value: options.seed,
        }
    }

    /// The manifest to publish: these tasks' entries and, where they were
    /// made alike, those that `before` has of other tasks in `present`.
    pub fn manifest(&self, before: Option<Manifest>, present: &[String]) -> Manifest {
        let mut manifest = Manifest::new(self.seed_value);
        for entry in before
            .filter(|before| before.is_like(&manifest))
            .map(|before| before.tasks)
            .unwrap_or_default()
        {
            if present.contains(&entry.task) {
                manifest.put(entry);
            }
        }
        for task in &self.tasks {
            manifest.put(Entry::from(task));
        }
        manifest
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let widest = self.tasks.iter().map(|task| task.task.len()).max();
        let width = widest.unwrap_or(0).max(4);
        let mut text = format!("{:<width$} {:<12} mutants killed", "task", "quality");
        for task in &self.tasks {
            let killed = task.failed_mutants.len();
            let _ = write!(
                text,
                "\n{:<width$} {:<12} {killed}/{}",
                task.task,
                task.quality.name(),
                killed + task.passed_mutants.len()
            );
            for reason in &task.reasons {
                // The first line of what Python said is enough here.
                let detail = reason.detail.lines().next().unwrap_or_default();
                let _ = write!(text, "\n    {}: {detail}", reason.code);
            }
        }
        let counts: Vec<String> = self
            .summary
            .iter()
            .map(|(quality, count)| format!("{count} {quality}"))
            .collect();
        let _ = write!(text, "\n{} tasks: {}", self.tasks.len(), counts.join(", "));
        text
    }
}
