//! What the program prints for people.

use std::fmt::Write as _;

use protocol::{Description, Inspection, Metric, Report};
use serde::Serialize;

use crate::nulltest::{NullRatio, NullTest};
pub use crate::sizes::SizeRow;
use crate::suite::Row;

/// `kernel-lab suite --json`.
#[derive(Debug, Serialize)]
pub struct Suite {
    /// Version of this document.
    pub schema: u32,
    /// One row per task.
    pub tasks: Vec<Row>,
}

impl Suite {
    /// A document of these rows.
    pub fn of(tasks: Vec<Row>) -> Self {
        Self { schema: 1, tasks }
    }
}

/// `kernel-lab sizes --json`.
#[derive(Debug, Serialize)]
pub struct SizeList {
    /// Version of this document.
    pub schema: u32,
    /// One row per task.
    pub tasks: Vec<SizeRow>,
}

impl SizeList {
    /// A document of these rows.
    pub fn of(tasks: Vec<SizeRow>) -> Self {
        Self { schema: 1, tasks }
    }
}

fn number(metric: &Metric) -> String {
    let unit = if metric.unit == "ratio" {
        "×".to_owned()
    } else {
        format!(" {}", metric.unit)
    };
    match metric.ci {
        Some(ci) => format!(
            "{:.3}{unit} [{:.3}, {:.3}] n={}",
            metric.value,
            ci.lo(),
            ci.hi(),
            metric.n
        ),
        None => format!("{:.3}{unit}", metric.value),
    }
}

/// A report.
pub fn report(report: &Report) -> String {
    let mut text = format!("{}: {}", report.task, report.verdict.word());
    if !report.verdict.is_ok() {
        let _ = write!(text, "\n  {}", report.verdict.reason());
    }
    if report.provisional {
        text.push_str("\n  provisional: not for a leaderboard");
    }
    for (name, metric) in &report.metrics {
        let _ = write!(text, "\n  {name:<16} {}", number(metric));
    }
    for check in &report.checks {
        let mark = if check.passed { "ok" } else { "FAILED" };
        let _ = write!(text, "\n  [{mark}] {}: {}", check.name, check.detail);
    }
    for (name, value) in &report.diagnostics {
        if !value.is_null() {
            let _ = write!(text, "\n  {name}: {value}");
        }
    }
    text
}

/// A description.
pub fn description(description: &Description) -> String {
    let mut text = format!("{} {}", description.lab, description.version);
    for device in &description.devices {
        let _ = write!(text, "\n  device {}: {}", device.name, device.detail);
    }
    for metric in &description.metrics {
        let _ = write!(text, "\n  metric {} ({})", metric.name, metric.unit);
    }
    let _ = write!(text, "\n  tasks: {}", description.tasks.join(", "));
    text
}

/// An inspection.
pub fn inspection(inspection: &Inspection) -> String {
    let mut text = inspection.task.clone();
    for (name, value) in &inspection.facts {
        if name != "graph" && !value.is_null() {
            let _ = write!(text, "\n  {name}: {value}");
        }
    }
    for space in &inspection.spaces {
        let _ = write!(text, "\n  template {}: {}", space.template, space.summary);
    }
    text
}

/// A suite.
pub fn suite(suite: &Suite) -> String {
    let mut text = format!(
        "{:<20} {:>10} {:>10}  {:<8} {:<13} {:<11} templates",
        "task", "eager ms", "compile ms", "best", "mode", "quality"
    );
    for row in &suite.tasks {
        if let Some(error) = &row.error {
            let _ = write!(text, "\n{:<20} error: {error}", row.task);
            continue;
        }
        let value = |metric: &Option<Metric>| {
            metric
                .as_ref()
                .map_or_else(|| "-".to_owned(), |metric| format!("{:.3}", metric.value))
        };
        let _ = write!(
            text,
            "\n{:<20} {:>10} {:>10}  {:<8} {:<13} {:<11} {}",
            row.task,
            value(&row.eager_ms),
            value(&row.compile_ms),
            row.best.as_deref().unwrap_or("-"),
            row.compile_mode.as_deref().unwrap_or("-"),
            row.quality.as_deref().unwrap_or("-"),
            row.templates.join(" ")
        );
    }
    text
}

/// Sizes as a table for `--sizes FILE`.
pub fn sizes(list: &SizeList) -> String {
    let entries: Vec<String> = list.tasks.iter().map(SizeRow::toml).collect();
    entries.join("\n")
}

/// A null test.
pub fn null_test(result: &NullTest) -> String {
    let line = |name: &str, ratio: &NullRatio| {
        let fair = ratio.ci[0] >= 0.97 && ratio.ci[1] <= 1.03;
        format!(
            "{name:<24} {:.4} [{:.4}, {:.4}] n={} {}",
            ratio.value,
            ratio.ci[0],
            ratio.ci[1],
            ratio.n,
            if fair { "fair" } else { "NOT within 0.97-1.03" }
        )
    };
    format!(
        "{} ({} threads)\n{}\n{}\nrunner {:.3} ms, host {:.3} ms, {} rounds dropped, {:.1} s",
        result.device,
        result.threads,
        line("host copy / runner copy", &result.copy_ratio),
        line("host copy / itself", &result.aa_ratio),
        result.runner_ms,
        result.host_ms,
        result.dropped,
        result.sampled_s
    )
}
