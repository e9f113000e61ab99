//! What came of it: a table for people, a document for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `--json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Outcome {
    /// Version of this document.
    pub(crate) schema: u32,
    /// Criterion's report; absent where none was written.
    pub(crate) report: Option<PathBuf>,
    /// The tasks, in the order in which they were run.
    pub(crate) tasks: Vec<Row>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) task: String,
    /// What was to be timed.
    pub(crate) candidate: String,
    /// `ok`; the lab's word on a candidate that is not right; `error` where
    /// there is no verdict.
    pub(crate) verdict: String,
    /// Why, where it is not `ok`.
    pub(crate) reason: Option<String>,
    /// What was timed.
    pub(crate) functions: Vec<Function>,
}

/// One function of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Function {
    /// `candidate`, `eager` or `compile`.
    pub(crate) name: String,
    /// Calls, those of the warm-up too.
    pub(crate) calls: u64,
    /// Those of them that were disturbed by other programs.
    pub(crate) disturbed: u64,
    /// Criterion's estimate; absent where it made none.
    pub(crate) median: Option<Median>,
}

/// A median of times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Median {
    /// In milliseconds.
    pub(crate) ms: f64,
    /// Its interval, in milliseconds, at Criterion's confidence level.
    pub(crate) ci_ms: [f64; 2],
}

/// The part of Criterion's `estimates.json` that we read.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

impl Median {
    /// What Criterion has written about a function in its folder.
    pub(crate) fn read(criterion: &Path, task: &str, function: &str) -> Option<Self> {
        let path = criterion
            .join(task)
            .join(function)
            .join("new/estimates.json");
        let estimates: Estimates = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let interval = estimates.median.confidence_interval;
        Some(Self {
            ms: estimates.median.point_estimate / 1e6,
            ci_ms: [interval.lower_bound / 1e6, interval.upper_bound / 1e6],
        })
    }
}

impl Row {
    fn ms(&self, name: &str) -> Option<f64> {
        let function = self.functions.iter().find(|it| it.name == name)?;
        function.median.map(|median| median.ms)
    }

    /// Time of the faster baseline over the candidate's.
    fn ratio(&self) -> Option<f64> {
        let baselines = [self.ms("eager"), self.ms("compile")];
        let best = baselines.into_iter().flatten().reduce(f64::min)?;
        Some(best / self.ms("candidate")?)
    }

    fn line(&self, width: usize) -> String {
        let task = &self.task;
        if let Some(reason) = &self.reason {
            let first = reason.lines().next().unwrap_or_default();
            return format!("{task:width$}  not timed: {}: {first}", self.verdict);
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let [candidate, eager, compile] = ["candidate", "eager", "compile"]
            .map(|name| or_dash(self.ms(name).map(|ms| format!("{ms:.3}"))));
        let ratio = or_dash(self.ratio().map(|ratio| format!("{ratio:.2}")));
        format!("{task:width$}  {candidate:>12}  {eager:>12}  {compile:>12}  {ratio:>6}")
    }
}

impl Outcome {
    /// Whether all that was asked for was timed.
    pub(crate) fn is_good(&self) -> bool {
        self.tasks.iter().all(|row| row.verdict == "ok")
    }

    /// Medians, for people.
    pub(crate) fn table(&self) -> String {
        let lengths = self.tasks.iter().map(|row| row.task.len());
        let width = lengths.max().unwrap_or(0).max(4);
        let mut out = format!(
            "{:width$}  {:>12}  {:>12}  {:>12}  {:>6}\n",
            "task", "candidate ms", "eager ms", "compile ms", "ratio"
        );
        for row in &self.tasks {
            out += &row.line(width);
            out += "\n";
        }
        out
    }

    /// The result in one line.
    pub(crate) fn line(&self) -> String {
        let timed = self.tasks.iter().filter(|row| row.verdict == "ok").count();
        let failed = self.tasks.iter().filter(|row| row.verdict == "error");
        let failed = failed.count();
        let mut line = format!(
            "bench: {timed} timed, {} not verified, {failed} failed",
            self.tasks.len() - timed - failed
        );
        if let Some(report) = &self.report {
            // Writing to a String can't fail.
            let _ = write!(line, "; {}", report.display());
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, ms: f64) -> Function {
        Function {
            name: name.to_owned(),
            calls: 30,
            disturbed: 0,
            median: Some(Median {
                ms,
                ci_ms: [ms, ms],
            }),
        }
    }

    fn outcome() -> Outcome {
        let row = |task: &str, verdict: &str, reason: Option<&str>, functions| Row {
            task: task.to_owned(),
            candidate: "a template".to_owned(),
            verdict: verdict.to_owned(),
            reason: reason.map(str::to_owned),
            functions,
        };
        Outcome {
            schema: 1,
            report: Some("r/index.html".into()),
            tasks: vec![
                row(
                    "softmax",
                    "ok",
                    None,
                    vec![
                        function("candidate", 2.0),
                        function("eager", 5.0),
                        function("compile", 3.0),
                    ],
                ),
                row("gelu", "ok", None, vec![function("eager", 1.0)]),
                row("tanh", "rejected", Some("wrong\nin output 0"), Vec::new()),
                row("nowhere", "error", Some("no such task"), Vec::new()),
            ],
        }
    }

    #[test]
    fn the_table_has_a_line_per_task() {
        let expected = [
            "task     candidate ms      eager ms    compile ms   ratio",
            "softmax         2.000         5.000         3.000    1.50",
            "gelu                -         1.000             -       -",
            "tanh     not timed: rejected: wrong",
            "nowhere  not timed: error: no such task",
            "",
        ];
        assert_eq!(outcome().table(), expected.join("\n"));
    }

    #[test]
    fn the_last_line_counts() {
        let outcome = outcome();
        assert_eq!(
            outcome.line(),
            "bench: 2 timed, 1 not verified, 1 failed; r/index.html"
        );
        assert!(!outcome.is_good());
    }

    #[test]
    fn criterion_s_estimates_are_read_in_milliseconds() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("softmax/eager/new");
        fs::create_dir_all(&folder).unwrap();
        let text = r#"{"mean": {}, "median": {"confidence_interval": {"confidence_level": 0.95,
            "lower_bound": 1.0e6, "upper_bound": 3.0e6}, "point_estimate": 2.5e6, "standard_error": 1.0}}"#;
        fs::write(folder.join("estimates.json"), text).unwrap();
        let median = Median::read(dir.path(), "softmax", "eager").unwrap();
        assert!((median.ms - 2.5).abs() < 1e-12);
        assert!((median.ci_ms[1] - 3.0).abs() < 1e-12);
        assert_eq!(Median::read(dir.path(), "softmax", "candidate"), None);
    }
}
