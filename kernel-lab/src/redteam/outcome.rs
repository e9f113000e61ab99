//! What a red team came to: a document for programs, a table for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::corpus::{Case, Expect};

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
    pub fn is_right(&self, expect: Expect) -> bool {
        match expect {
            Expect::Refused => self.verdict != "ok" && self.verdict != "error",
            // One that is stopped while it looks for an opening has gained
            // nothing: where it may look depends on the machine.
            Expect::Disarmed => self.verdict != "error" && !self.answered_wrongly(),
            Expect::Passed => self.verdict == "ok",
        }
    }

    /// How a cheat shows that it has found its opening.
    fn answered_wrongly(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        self.verdict == "rejected" && (code.ends_with("wrong") || code.ends_with("not-equal"))
    }

    /// One line about it.
    pub(super) fn words(&self, expect: Expect) -> String {
        let mark = match (self.is_right(expect), expect) {
            (true, _) => "",
            (false, _) if self.verdict == "error" => "ERROR ",
            (false, Expect::Refused) => "ESCAPED ",
            (false, Expect::Disarmed) => "FOUND ITS OPENING ",
            (false, Expect::Passed) => "FALSE ALARM ",
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
    /// `rejected`, `disarmed` or `ok`.
    pub expect: &'static str,
    /// Numbers of the catalogue of known cheats.
    pub catalogue: Vec<u8>,
    /// What it does.
    pub what: String,
    /// Whether every verdict is the one that was expected.
    pub right: bool,
    /// One evaluation for each seed.
    pub trials: Vec<Trial>,
    #[serde(skip)]
    due: Expect,
}

impl Row {
    pub(super) fn new(case: &Case) -> Self {
        Self {
            half: case.half.clone(),
            name: case.name.clone(),
            task: case.task.clone(),
            kind: case.kind.word(),
            expect: case.expect.word(),
            catalogue: case.catalogue.clone(),
            what: case.what.clone(),
            right: false,
            trials: Vec::new(),
            due: case.expect,
        }
    }

    pub(super) fn title(&self) -> String {
        format!("{}/{}", self.half, self.name)
    }

    fn wrong(&self) -> usize {
        let right = self.trials.iter().filter(|trial| trial.is_right(self.due));
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
    /// Cheats that found no opening under any seed, and did honest work.
    pub disarmed: usize,
    /// Cheats that passed, or found their opening, under some seed.
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

/// Cases that can't be run here.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// Names of their halves.
    pub halves: Vec<String>,
    /// How many there are.
    pub cases: usize,
    /// Why, in a line.
    pub why: String,
}

impl Skipped {
    pub(super) fn of(rows: &[Row], why: String) -> Self {
        let halves: BTreeSet<&String> = rows.iter().map(|row| &row.half).collect();
        Self {
            halves: halves.into_iter().cloned().collect(),
            cases: rows.len(),
            why,
        }
    }
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
    /// What was not run, and why.
    pub skipped: Vec<Skipped>,
    /// Every case that was run.
    pub cases: Vec<Row>,
}

impl Outcome {
    pub(super) fn of(
        corpus: &Path,
        base_seed: u64,
        seeds: &[u64],
        mut rows: Vec<Row>,
        skipped: Vec<Skipped>,
    ) -> Self {
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
            skipped,
            cases: rows,
        }
    }

    /// For people; the last line says the result.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<12} {:>6} {:>7} {:>8} {:>9} {:>7}\n",
            "half", "cheats", "caught", "disarmed", "oddities", "passed"
        );
        for half in &self.halves {
            let _ = writeln!(
                text,
                "{:<12} {:>6} {:>7} {:>8} {:>9} {:>7}",
                half.half, half.cheats, half.caught, half.disarmed, half.oddities, half.passed
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
        for skipped in &self.skipped {
            let halves = skipped.halves.join(", ");
            let (cases, why) = (skipped.cases, &skipped.why);
            let _ = writeln!(text, "\n{halves}: skipped, {cases} cases: {why}");
        }
        let rounds = self.seeds.len();
        let sum = |count: fn(&Half) -> usize| self.halves.iter().map(count).sum::<usize>();
        let (cheats, caught) = (sum(|half| half.cheats), sum(|half| half.caught));
        let disarmed = match sum(|half| half.disarmed) {
            0 => String::new(),
            count => format!(", {count} disarmed"),
        };
        let (oddities, passed) = (sum(|half| half.oddities), sum(|half| half.passed));
        let _ = write!(
            text,
            "\nseeds from {}: {}\nred-team: {}: {caught} of {cheats} cheats caught{disarmed}, {passed} of {oddities} \
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
            .find(|trial| !trial.is_right(row.due) && !trial.reason.is_empty())
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
        let (all, right, wrong) = match row.due {
            Expect::Refused => (&mut half.cheats, &mut half.caught, &mut half.escaped),
            Expect::Disarmed => (&mut half.cheats, &mut half.disarmed, &mut half.escaped),
            Expect::Passed => (&mut half.oddities, &mut half.passed, &mut half.false_alarms),
        };
        *all += 1;
        if row.right {
            *right += 1;
        } else if row.failed() {
            half.errors.push(row.name.clone());
        } else {
            wrong.push(row.name.clone());
        }
        if row.due == Expect::Refused {
            for trial in row.trials.iter().filter(|trial| trial.is_right(row.due)) {
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
    use crate::redteam::Kind;

    fn row(half: &str, name: &str, expect: Expect, verdicts: &[&str]) -> Row {
        let kind = match expect {
            Expect::Refused | Expect::Disarmed => Kind::Cheat,
            Expect::Passed => Kind::Oddity,
        };
        let case = Case {
            name: name.to_owned(),
            half: half.to_owned(),
            target: crate::plan::Target::Cpu,
            dir: "x".into(),
            task: "gelu".to_owned(),
            kind,
            expect,
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
            row("b", "caught", Expect::Refused, &["rejected", "crashed"]),
            row("b", "gone", Expect::Refused, &["rejected", "ok"]),
            row("a", "plain", Expect::Passed, &["ok", "ok"]),
            row("a", "alarm", Expect::Passed, &["ok", "timed_out"]),
            row("b", "idle", Expect::Disarmed, &["ok", "ok"]),
            row("b", "stopped", Expect::Disarmed, &["ok", "crashed"]),
            row("b", "armed", Expect::Disarmed, &["ok", "rejected"]),
            row("a", "broken", Expect::Refused, &["error", "rejected"]),
        ];
        let outcome = Outcome::of(Path::new("c"), 7, &[1, 2], rows, Vec::new());
        assert!(!outcome.passed);
        let [a, b] = &outcome.halves[..] else {
            panic!("{:?}", outcome.halves)
        };
        assert_eq!((a.cheats, a.caught, a.oddities, a.passed), (1, 0, 2, 1));
        assert_eq!(
            (&a.errors[..], &a.false_alarms[..]),
            (&["broken".to_owned()][..], &["alarm".to_owned()][..])
        );
        assert_eq!((b.cheats, b.caught, b.disarmed), (5, 1, 2));
        assert_eq!(b.escaped, ["armed", "gone"]);
        assert_eq!(b.codes["wrong"], 2);
        let table = outcome.table();
        let last = table.lines().last().unwrap_or_default();
        assert_eq!(
            last,
            "red-team: FAILED: 1 of 6 cheats caught, 2 disarmed, 1 of 2 oddities passed, 2 rounds"
        );
        assert!(table.contains("escaped: gone (1 of 2 rounds)"), "{table}");
    }

    #[test]
    fn all_right_is_passed() {
        let rows = vec![row("a", "caught", Expect::Refused, &["timed_out"])];
        let why = "there is no NVRTC".to_owned();
        let absent = [row("cuda", "one", Expect::Refused, &[])];
        let skipped = vec![Skipped::of(&absent, why)];
        let outcome = Outcome::of(Path::new("c"), 7, &[1], rows, skipped);
        assert!(outcome.passed);
        let line = "\ncuda: skipped, 1 cases: there is no NVRTC\n";
        assert!(outcome.table().contains(line), "{}", outcome.table());
        assert!(outcome.table().ends_with("0 of 0 oddities passed, 1 round"));
    }
}
