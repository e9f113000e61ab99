//! What a red team came to: a document for programs, a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::corpus::{Case, Kind};

/// One evaluation of one case.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Seed of the evaluation, in hexadecimal.
    pub seed: String,
    /// `ok`, `rejected`, `crashed`, `timed_out`; `error` where the lab failed.
    pub verdict: String,
    /// Where a rejected candidate was refused.
    pub stage: Option<String>,
    /// Stable word for the reason.
    pub code: Option<String>,
    /// The reason in full.
    pub reason: String,
    /// Length of the evaluation.
    pub seconds: f64,
}

impl Trial {
    /// Whether the verdict is the one that was expected.
    pub fn is_right(&self, kind: Kind) -> bool {
        match kind {
            Kind::Cheat => self.verdict != "ok" && self.verdict != "error",
            Kind::Oddity => self.verdict == "ok",
        }
    }

    /// One line about it.
    pub(super) fn words(&self, kind: Kind) -> String {
        let mark = match (self.is_right(kind), kind) {
            (true, _) => "",
            (false, _) if self.verdict == "error" => "ERROR ",
            (false, Kind::Cheat) => "ESCAPED ",
            (false, Kind::Oddity) => "FALSE ALARM ",
        };
        let code = self.code.as_deref().unwrap_or_default();
        let mut text = format!("{mark}{} {code}", self.verdict);
        if !mark.is_empty() && !self.reason.is_empty() {
            let _ = write!(text, ": {}", self.reason);
        }
        text
    }
}

/// One case with its evaluations.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Half of the corpus.
    pub half: String,
    /// Name of the case.
    pub name: String,
    /// Its task.
    pub task: String,
    /// `cheat` or `oddity`.
    pub kind: &'static str,
    /// Numbers of the catalogue of known cheats.
    pub catalogue: Vec<u8>,
    /// What it does.
    pub what: String,
    /// Whether every verdict is the one that was expected.
    pub right: bool,
    /// One evaluation for each seed.
    pub trials: Vec<Trial>,
    #[serde(skip)]
    sort: Kind,
}

impl Row {
    pub(super) fn new(case: &Case) -> Self {
        Self {
            half: case.half.clone(),
            name: case.name.clone(),
            task: case.task.clone(),
            kind: case.kind.word(),
            catalogue: case.catalogue.clone(),
            what: case.what.clone(),
            right: false,
            trials: Vec::new(),
            sort: case.kind,
        }
    }

    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.half, self.name)
    }

    fn wrong(&self) -> usize {
        let right = self.trials.iter().filter(|trial| trial.is_right(self.sort));
        self.trials.len() - right.count()
    }

    fn failed(&self) -> bool {
        self.trials.iter().any(|trial| trial.verdict == "error")
    }
}

/// One half of the corpus.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Half {
    /// Its name.
    pub half: String,
    /// Cheats there are.
    pub cheats: usize,
    /// Cheats refused under every seed.
    pub caught: usize,
    /// Cheats that passed under some seed.
    pub escaped: Vec<String>,
    /// Oddities there are.
    pub oddities: usize,
    /// Oddities that passed under every seed.
    pub passed: usize,
    /// Oddities that were refused under some seed.
    pub false_alarms: Vec<String>,
    /// Cases on which the lab itself failed under some seed.
    pub errors: Vec<String>,
    /// How often cheats were refused for which reason.
    pub codes: BTreeMap<String, usize>,
}

/// `kernel-lab red-team --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Version of this document.
    pub schema: u32,
    /// Whether every verdict is the one that was expected.
    pub passed: bool,
    /// Folder of the corpus.
    pub corpus: String,
    /// What the seeds were derived from, in hexadecimal.
    pub base_seed: String,
    /// The seeds, one for each round.
    pub seeds: Vec<String>,
    /// The corpus by halves.
    pub halves: Vec<Half>,
    /// Every case.
    pub cases: Vec<Row>,
}

impl Outcome {
    pub(super) fn of(corpus: &Path, base_seed: u64, seeds: &[u64], mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| (&a.half, a.kind, &a.name).cmp(&(&b.half, b.kind, &b.name)));
        for row in &mut rows {
            row.right = row.wrong() == 0;
        }
        Self {
            schema: 1,
            passed: rows.iter().all(|row| row.right),
            corpus: corpus.display().to_string(),
            base_seed: format!("{base_seed:016x}"),
            seeds: seeds.iter().map(|seed| format!("{seed:016x}")).collect(),
            halves: rows.chunk_by(|a, b| a.half == b.half).map(half).collect(),
            cases: rows,
        }
    }

    /// For people; the last line says the result.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<12} {:>6} {:>7} {:>9} {:>7}\n",
            "half", "cheats", "caught", "oddities", "passed"
        );
        for half in &self.halves {
            let _ = writeln!(
                text,
                "{:<12} {:>6} {:>7} {:>9} {:>7}",
                half.half, half.cheats, half.caught, half.oddities, half.passed
            );
        }
        for half in &self.halves {
            let codes: Vec<_> = half
                .codes
                .iter()
                .map(|(code, count)| format!("{code} {count}"))
                .collect();
            let _ = writeln!(text, "\n{}: refused for {}", half.half, codes.join(", "));
            for (what, names) in [
                ("escaped", &half.escaped),
                ("false alarm", &half.false_alarms),
                ("error", &half.errors),
            ] {
                for name in names {
                    let _ = writeln!(text, "  {what}: {}", self.describe(&half.half, name));
                }
            }
        }
        let rounds = self.seeds.len();
        let (cheats, caught, oddities, passed) =
            self.halves.iter().fold((0, 0, 0, 0), |sum, half| {
                (
                    sum.0 + half.cheats,
                    sum.1 + half.caught,
                    sum.2 + half.oddities,
                    sum.3 + half.passed,
                )
            });
        let _ = write!(
            text,
            "\nseeds from {}: {}\nred-team: {}: {caught} of {cheats} cheats caught, {passed} of {oddities} \
             oddities passed, {rounds} round{}",
            self.base_seed,
            self.seeds.join(" "),
            if self.passed { "passed" } else { "FAILED" },
            if rounds == 1 { "" } else { "s" }
        );
        text
    }

    fn describe(&self, half: &str, name: &str) -> String {
        let row = self
            .cases
            .iter()
            .find(|row| row.half == half && row.name == name);
        let Some(row) = row else {
            return name.to_owned();
        };
        let reason = row
            .trials
            .iter()
            .find(|trial| !trial.is_right(row.sort) && !trial.reason.is_empty())
            .map_or_else(|| row.what.clone(), |trial| trial.reason.clone());
        format!(
            "{name} ({} of {} rounds): {reason}",
            row.wrong(),
            row.trials.len()
        )
    }
}

fn half(rows: &[Row]) -> Half {
    let mut half = Half {
        half: rows.first().map(|row| row.half.clone()).unwrap_or_default(),
        ..Half::default()
    };
    for row in rows {
        let (all, right, wrong) = match row.sort {
            Kind::Cheat => (&mut half.cheats, &mut half.caught, &mut half.escaped),
            Kind::Oddity => (&mut half.oddities, &mut half.passed, &mut half.false_alarms),
        };
        *all += 1;
        if row.right {
            *right += 1;
        } else if row.failed() {
            half.errors.push(row.name.clone());
        } else {
            wrong.push(row.name.clone());
        }
        if row.sort == Kind::Cheat {
            for trial in row.trials.iter().filter(|trial| trial.is_right(row.sort)) {
                let code = trial.code.as_ref().unwrap_or(&trial.verdict);
                *half.codes.entry(code.clone()).or_default() += 1;
            }
        }
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(half: &str, name: &str, kind: Kind, verdicts: &[&str]) -> Row {
        let case = Case {
            name: name.to_owned(),
            half: half.to_owned(),
            dir: "x".into(),
            task: "gelu".to_owned(),
            kind,
            catalogue: Vec::new(),
            what: "Does something.".to_owned(),
        };
        let mut row = Row::new(&case);
        row.trials = verdicts
            .iter()
            .map(|verdict| Trial {
                seed: "0".to_owned(),
                verdict: (*verdict).to_owned(),
                stage: None,
                code: (*verdict == "rejected").then(|| "wrong".to_owned()),
                reason: String::new(),
                seconds: 1.0,
            })
            .collect();
        row
    }

    #[test]
    fn every_verdict_must_be_the_expected_one() {
        let rows = vec![
            row("b", "caught", Kind::Cheat, &["rejected", "crashed"]),
            row("b", "gone", Kind::Cheat, &["rejected", "ok"]),
            row("a", "plain", Kind::Oddity, &["ok", "ok"]),
            row("a", "alarm", Kind::Oddity, &["ok", "timed_out"]),
            row("a", "broken", Kind::Cheat, &["error", "rejected"]),
        ];
        let outcome = Outcome::of(Path::new("c"), 7, &[1, 2], rows);
        assert!(!outcome.passed);
        let [a, b] = &outcome.halves[..] else {
            panic!("{:?}", outcome.halves)
        };
        assert_eq!((a.cheats, a.caught, a.oddities, a.passed), (1, 0, 2, 1));
        assert_eq!(
            (&a.errors[..], &a.false_alarms[..]),
            (&["broken".to_owned()][..], &["alarm".to_owned()][..])
        );
        assert_eq!((b.cheats, b.caught), (2, 1));
        assert_eq!(b.escaped, ["gone"]);
        assert_eq!(b.codes["wrong"], 2);
        let table = outcome.table();
        let last = table.lines().last().unwrap_or_default();
        assert_eq!(
            last,
            "red-team: FAILED: 1 of 3 cheats caught, 1 of 2 oddities passed, 2 rounds"
        );
        assert!(table.contains("escaped: gone (1 of 2 rounds)"), "{table}");
    }

    #[test]
    fn all_right_is_passed() {
        let rows = vec![row("a", "caught", Kind::Cheat, &["timed_out"])];
        let outcome = Outcome::of(Path::new("c"), 7, &[1], rows);
        assert!(outcome.passed);
        assert!(outcome.table().ends_with("0 of 0 oddities passed, 1 round"));
    }
}
