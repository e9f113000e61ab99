//! What an acceptance came to: a document for programs, a table for people.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::error::HarnessError;

/// How a part or a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it must.
    Passed,
    /// Otherwise.
    Failed,
    /// It was not tried; the detail says why.
    Skipped,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// Its name, unique within its part.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen, or why it was not tried.
    pub detail: String,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was not tried for want of time.
    #[serde(skip)]
    pub(super) out_of_time: bool,
}

impl Case {
    /// One that was tried; the error is what is wrong.
    pub(super) fn of(name: &str, result: Result<String, String>, seconds: f64) -> Self {
        let outcome = if result.is_ok() {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        Self {
            name: name.to_owned(),
            outcome,
            detail: result.unwrap_or_else(|why| why),
            seconds,
            out_of_time: false,
        }
    }

    /// One that was not.
    pub(super) fn skipped(name: &str, why: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            outcome: Outcome::Skipped,
            detail: why.into(),
            seconds: 0.0,
            out_of_time: false,
        }
    }

    /// One line about it.
    pub(super) fn line(&self) -> String {
        let detail = self.detail.lines().next().unwrap_or_default();
        format!("{}: {} {detail}", self.name, self.outcome.word())
    }

    /// One for which no time was left.
    pub(super) fn too_late(name: &str) -> Self {
        Self {
            out_of_time: true,
            ..Self::skipped(name, "no time was left for it")
        }
    }
}

/// Cases that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// `facts`, `driver`, `null_test`, `differential`, `red_team`, `tasks`.
    pub name: &'static str,
    /// Failed if a case is; skipped if no case was tried.
    pub outcome: Outcome,
    /// How many cases ended how, or why none was tried.
    pub detail: String,
    /// How long it took.
    pub seconds: f64,
    /// What was tried.
    pub cases: Vec<Case>,
}

impl Part {
    pub(super) fn of(name: &'static str, cases: Vec<Case>, seconds: f64) -> Self {
        let count = |outcome| cases.iter().filter(|case| case.outcome == outcome).count();
        let failed = count(Outcome::Failed);
        let passed = count(Outcome::Passed);
        let late = cases.iter().filter(|case| case.out_of_time).count();
        let skipped = count(Outcome::Skipped) - late;
        let outcome = match (failed, passed) {
            (0, 0) => Outcome::Skipped,
            (0, _) => Outcome::Passed,
            _ => Outcome::Failed,
        };
        let mut detail = format!("{passed} of {} passed", cases.len());
        for (number, what) in [
            (failed, "failed"),
            (skipped, "skipped"),
            (late, "did not fit into its share of the time"),
        ] {
            if number > 0 {
                let _ = write!(detail, ", {number} {what}");
            }
        }
        Self {
            name,
            outcome,
            detail,
            seconds,
            cases,
        }
    }

    /// One that could not be begun; `why` is an error or a reason.
    pub(super) fn without_cases(
        name: &'static str,
        outcome: Outcome,
        why: impl Into<String>,
        seconds: f64,
    ) -> Self {
        Self {
            name,
            outcome,
            detail: why.into(),
            seconds,
            cases: Vec::new(),
        }
    }
}

/// `kernel-lab acceptance --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// Version of this document.
    pub schema: u32,
    /// Whether nothing failed.
    pub passed: bool,
    /// Whether everything that can be tried here was: nothing was left out for want of time.
    pub complete: bool,
    /// Whether a simulator stood in for a GPU: then nothing here is a time of a GPU's.
    pub simulated: bool,
    /// What the driver calls the device.
    pub device: String,
    /// The CUDA of its driver, `13.0`.
    pub driver: String,
    /// What was compiled for.
    pub arch: String,
    /// The most that it was to take, and what it took.
    pub budget_seconds: f64,
    /// From the start of the lab's work to the end.
    pub seconds: f64,
    /// In the order in which they were tried.
    pub parts: Vec<Part>,
}

impl Document {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), HarnessError> {
        let written = serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::other)
            .and_then(|text| std::fs::write(path, text));
        written.map_err(|source| HarnessError::File {
            doing: "write",
            path: path.to_owned(),
            source,
        })
    }

    /// For people; the last line says the result.
    pub fn table(&self) -> String {
        let simulated = if self.simulated { ", simulated" } else { "" };
        let mut text = format!(
            "{} (CUDA {}{simulated}), code for {}\n\n{:<13} {:<8} {:>7}  \n",
            self.device, self.driver, self.arch, "part", "outcome", "seconds"
        );
        for part in &self.parts {
            let _ = writeln!(
                text,
                "{:<13} {:<8} {:>7.1}  {}",
                part.name,
                part.outcome.word(),
                part.seconds,
                part.detail
            );
            let told = |case: &&Case| case.outcome != Outcome::Passed && !case.out_of_time;
            for case in part.cases.iter().filter(told) {
                let _ = writeln!(
                    text,
                    "  {} {}: {}",
                    case.outcome.word(),
                    case.name,
                    case.detail
                );
            }
            let late: Vec<&str> = part
                .cases
                .iter()
                .filter(|case| case.out_of_time)
                .map(|case| case.name.as_str())
                .collect();
            if !late.is_empty() {
                let _ = writeln!(text, "  not tried: {}", late.join(", "));
            }
        }
        let result = match (self.passed, self.complete) {
            (true, true) => "passed",
            (true, false) => "passed as far as there was time",
            (false, _) => "FAILED",
        };
        let _ = write!(
            text,
            "\nacceptance: {result} in {:.0} of {:.0} s",
            self.seconds, self.budget_seconds
        );
        if self.simulated {
            text.push_str("; on a simulator: it says nothing of a GPU");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(parts: Vec<Part>) -> Document {
        let any = |outcome| parts.iter().any(|part: &Part| part.outcome == outcome);
        let late = parts
            .iter()
            .flat_map(|part| &part.cases)
            .any(|case| case.out_of_time);
        Document {
            schema: 1,
            passed: !any(Outcome::Failed),
            complete: !late,
            simulated: true,
            device: "A100".to_owned(),
            driver: "13.0".to_owned(),
            arch: "sm_80".to_owned(),
            budget_seconds: 480.0,
            seconds: 1.0,
            parts,
        }
    }

    #[test]
    fn a_part_fails_with_one_case_and_is_skipped_with_none() {
        let good = || Case::of("good", Ok("as it must".to_owned()), 1.0);
        let bad = Case::of("bad", Err("not so".to_owned()), 1.0);
        let failed = Part::of("driver", vec![good(), bad], 2.0);
        assert_eq!(failed.outcome, Outcome::Failed);
        assert_eq!(failed.detail, "1 of 2 passed, 1 failed");
        let late = Part::of("driver", vec![good(), Case::too_late("late")], 1.0);
        assert_eq!(late.outcome, Outcome::Passed);
        assert_eq!(
            late.detail,
            "1 of 2 passed, 1 did not fit into its share of the time"
        );
        let none = Part::of("driver", vec![Case::skipped("other", "no GPU")], 0.0);
        assert_eq!(none.outcome, Outcome::Skipped);

        let table = document(vec![failed, late]).table();
        assert!(table.contains("\n  FAILED bad: not so\n"), "{table}");
        assert!(table.contains("\n  not tried: late\n"), "{table}");
        assert!(table.contains("\nacceptance: FAILED in 1 of 480 s; on a simulator"));
    }

    #[test]
    fn what_passed_only_in_part_says_so() {
        let cases = vec![
            Case::of("good", Ok(String::new()), 1.0),
            Case::too_late("late"),
        ];
        let table = document(vec![Part::of("driver", cases, 1.0)]).table();
        assert!(table.contains("acceptance: passed as far as there was time in 1 of 480 s"));
        let json = serde_json::to_value(document(Vec::new())).expect("JSON");
        assert_eq!(json["complete"], true);
    }
}
