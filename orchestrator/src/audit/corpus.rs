//! A folder of evaluations of which it is known whether they are sound.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Audit, Finding, Interpreter, Kills, Subject, Verdict};

/// Name of a case's own file.
pub const CASE: &str = "case.toml";
/// Version of `case.toml`.
const SCHEMA: u32 = 1;
/// Cases that are audited at the same time.
const AT_ONCE: usize = 2;
/// Share of the flawed that must be caught, and of the sound that must pass.
const ENOUGH: f64 = 0.95;

/// What is known of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// It must pass.
    Sound,
    /// It must not.
    Flawed,
}

/// A case's `case.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Version of this document.
    pub schema: u32,
    /// Name, for people.
    pub name: String,
    /// What is known of it.
    pub expect: Expect,
    /// A word for what is wrong with a flawed one.
    pub flaw: Option<String>,
    /// Who wrote it: `list` or `auditor`.
    pub origin: String,
    /// What is wrong, or why it is sound.
    pub note: String,
}

/// Why a corpus or a case can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A folder or file can't be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A case's file is wrong.
    #[error("`{}` is no case", path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// Which field is wrong, and how.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A case's file has a value that makes no sense.
    #[error("field `{field}` in `{}` must be {must}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is allowed.
        must: &'static str,
    },
    /// There is nothing to audit.
    #[error("there is no case below `{}`: a case is a folder with a `{CASE}`", path.display())]
    Empty {
        /// The corpus.
        path: PathBuf,
    },
}

impl Case {
    /// Loads the case in a folder.
    pub fn load(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join(CASE);
        let text = std::fs::read_to_string(&path).map_err(|source| CorpusError::Read {
            path: path.clone(),
            source,
        })?;
        let case: Self = toml::from_str(&text).map_err(|source| CorpusError::Case {
            path: path.clone(),
            source: Box::new(source),
        })?;
        let field = |field, must| {
            Err(CorpusError::Field {
                path: path.clone(),
                field,
                must,
            })
        };
        if case.schema != SCHEMA {
            return field("schema", "1");
        }
        if (case.expect == Expect::Flawed) != case.flaw.is_some() {
            return field("flaw", "given for flawed cases and only for them");
        }
        Ok(case)
    }
}

/// One audited case.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Name of its folder.
    pub case: String,
    /// What is known of it; absent if its `case.toml` can't be read.
    pub expect: Option<Expect>,
    /// What is wrong with it.
    pub flaw: Option<String>,
    /// Who wrote it.
    pub origin: String,
    /// What the audit came to.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What became of mutants of its scorer.
    pub mutants: Option<Kills>,
    /// Whether the verdict is as it should be.
    pub right: bool,
    /// How long it took.
    pub took_ms: u64,
}

/// Counts over cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Flawed cases.
    pub flawed: usize,
    /// Flawed cases that did not pass.
    pub caught: usize,
    /// Sound cases.
    pub sound: usize,
    /// Sound cases that passed.
    pub passed: usize,
}

impl Counts {
    fn add(&mut self, row: &Row) {
        match row.expect {
            Some(Expect::Flawed) => {
                self.flawed += 1;
                self.caught += usize::from(row.right);
            }
            Some(Expect::Sound) => {
                self.sound += 1;
                self.passed += usize::from(row.right);
            }
            None => {}
        }
    }

    /// Whether enough of either kind are right.
    pub fn enough(&self) -> bool {
        let share = |part: usize, whole: usize| part as f64 >= ENOUGH * whole as f64;
        share(self.caught, self.flawed) && share(self.passed, self.sound)
    }
}

/// Counts over a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Flawed cases.
    pub flawed: usize,
    /// Flawed cases that did not pass.
    pub caught: usize,
    /// Sound cases.
    pub sound: usize,
    /// Sound cases that passed.
    pub passed: usize,
    /// Mutants of sound scorers that score differently.
    pub mutants: usize,
    /// Of those, the ones that the checks reject.
    pub mutants_killed: usize,
    /// The same by who wrote the cases.
    pub by_origin: BTreeMap<String, Counts>,
}

impl Summary {
    /// Of these rows.
    pub fn of(rows: &[Row]) -> Self {
        let mut all = Counts::default();
        let mut summary = Self::default();
        for row in rows {
            all.add(row);
            summary
                .by_origin
                .entry(row.origin.clone())
                .or_default()
                .add(row);
            if let Some(kills) = &row.mutants {
                summary.mutants += kills.changed;
                summary.mutants_killed += kills.killed;
            }
        }
        Self {
            flawed: all.flawed,
            caught: all.caught,
            sound: all.sound,
            passed: all.passed,
            ..summary
        }
    }

    /// Whether enough of either kind are right.
    pub fn enough(&self) -> bool {
        Counts {
            flawed: self.flawed,
            caught: self.caught,
            sound: self.sound,
            passed: self.passed,
        }
        .enough()
    }
}

/// Folders of the cases in a corpus, by name.
pub fn cases(corpus: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let fail = |source| CorpusError::Read {
        path: corpus.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(corpus).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.join(CASE).is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(CorpusError::Empty {
            path: corpus.to_owned(),
        });
    }
    Ok(found)
}

/// Audits cases, two at a time; `watch` sees each when it is done.
pub fn audit(
    folders: &[PathBuf],
    interpreter: &Interpreter,
    mutants: bool,
    watch: &(dyn Fn(&Row) + Sync),
) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(folder) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    folders.get(place).map(|folder| (place, folder))
                } {
                    let row = one(folder.1, interpreter, mutants);
                    watch(&row);
                    let mut rows = rows
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    rows.push((folder.0, row));
                }
            });
        }
    });
    let mut rows = rows
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Audits one case; one that is broken is unusable.
fn one(folder: &Path, interpreter: &Interpreter, mutants: bool) -> Row {
    let started = Instant::now();
    let case = Case::load(folder);
    let audit = match &case {
        Ok(_) => super::audit(&Subject::at(folder, None), interpreter, mutants),
        Err(error) => Audit {
            verdict: Verdict::Unusable,
            findings: vec![Finding {
                check: "unusable",
                detail: crate::chain::of(error),
            }],
            mutants: None,
            baseline: None,
        },
    };
    let case = case.ok();
    let expect = case.as_ref().map(|c| c.expect);
    Row {
        case: folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default(),
        right: match expect {
            Some(Expect::Sound) => audit.verdict == Verdict::Passed,
            Some(Expect::Flawed) => audit.verdict != Verdict::Passed,
            None => false,
        },
        expect,
        flaw: case.as_ref().and_then(|c| c.flaw.clone()),
        origin: case.map_or_else(|| "unknown".to_owned(), |c| c.origin),
        verdict: audit.verdict,
        findings: audit.findings,
        mutants: audit.mutants,
        took_ms: started.elapsed().as_millis() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(expect: Expect, right: bool) -> Row {
        Row {
            case: String::new(),
            expect: Some(expect),
            flaw: None,
            origin: "list".to_owned(),
            verdict: Verdict::Passed,
            findings: Vec::new(),
            mutants: None,
            right,
            took_ms: 0,
        }
    }

    #[test]
    fn nineteen_of_twenty_are_enough() {
        let mut rows: Vec<Row> = (0..20).map(|n| row(Expect::Flawed, n > 0)).collect();
        assert!(Summary::of(&rows).enough());
        rows[1].right = false;
        assert!(!Summary::of(&rows).enough());
        let sound = vec![row(Expect::Sound, false)];
        assert!(!Summary::of(&sound).enough());
    }
}
