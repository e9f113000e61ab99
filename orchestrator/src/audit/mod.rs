//! The mechanical auditor of evaluations.
//!
//! An evaluation is two commands, `prepare` and `score`, and a contract
//! (`evaluation.toml`, see `docs/evaluation.md`). The auditor reads none of
//! their code: it runs them in the sandbox on data that it has changed, and on
//! predictions whose score it knows, and looks at what comes out.
//!
//! ```text
//! contract, raw data ─ prepare ─ structure, split, predictors   (checks/)
//!                    └ perturbed data ─ prepare ─ canaries
//! prepared ─ probes ─ score ─ reference, direction, refusals …
//!                           └ mutants of the scorer ─ kill rate
//! ```

pub mod baseline;
pub mod checks;
pub mod contract;
pub mod corpus;
pub mod facts;
pub mod finding;
pub mod interpreter;
pub mod metrics;
pub mod mutants;
pub mod perturb;
pub mod places;
pub mod prepared;
pub mod probes;
pub mod raw;
pub mod run;
pub mod skill;
pub mod stored;
pub mod table;
pub mod wide;
mod workshop;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::core::measurement::Baseline;
pub use finding::Finding;
pub use interpreter::{Interpreter, NoInterpreter};
use workshop::Seen;

/// What an audit comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing was found.
    Passed,
    /// Something was found.
    Failed,
    /// It can't be run, or does not have the contract's shape.
    Unusable,
}

impl Verdict {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unusable => "unusable",
        }
    }
}

/// Mutants of the scorer and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kills {
    /// Mutants that were made.
    pub made: usize,
    /// Mutants that score at least one probe in another way.
    pub changed: usize,
    /// Changed mutants that the checks reject.
    pub killed: usize,
    /// What survived: the mutation and its line.
    pub survivors: Vec<String>,
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    /// What it comes to.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Mutants, if they were asked for and nothing was found.
    pub mutants: Option<Kills>,
    /// The best trivial prediction on `search`.
    pub baseline: Option<Baseline>,
}

/// Why an evaluation can't be audited.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The contract.
    #[error("failed to load the contract")]
    Contract(#[from] contract::ContractError),
    /// The raw data.
    #[error("failed to load the data")]
    Raw(#[from] raw::RawError),
    /// The raw data, stored as something else than CSV.
    #[error("failed to translate the data")]
    Stored(#[from] stored::StoredError),
    /// Its commands can't be run.
    #[error("failed to run the evaluation")]
    Run(#[from] run::RunError),
    /// `prepare` fails.
    #[error("prepare failed on the data as it is: {0}")]
    Prepare(String),
    /// What `prepare` wrote.
    #[error("failed to load what prepare wrote")]
    Prepared(#[from] prepared::PreparedError),
    /// There is no room to work in.
    #[error("failed to make a folder to work in")]
    Room(#[source] std::io::Error),
}

/// Where an evaluation and its raw data are.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Folder of the evaluation.
    pub evaluation: PathBuf,
    /// Folder of the raw data.
    pub data: PathBuf,
}

impl Subject {
    /// A folder that holds `evaluation/` and `data/`, or an evaluation's own
    /// folder with the data elsewhere.
    pub fn at(folder: &Path, data: Option<&Path>) -> Self {
        let evaluation = if folder.join(contract::CONTRACT).is_file() {
            folder.to_owned()
        } else {
            folder.join("evaluation")
        };
        Self {
            data: data.map_or_else(|| folder.join("data"), Path::to_owned),
            evaluation,
        }
    }
}

/// Audits an evaluation; `mutants` also tries mutants of a scorer in which
/// nothing was found.
pub fn audit(subject: &Subject, interpreter: &Interpreter, mutants: bool) -> Audit {
    match workshop::work(subject, interpreter, mutants) {
        Ok(Seen {
            findings,
            mutants,
            baseline,
        }) => Audit {
            verdict: if findings.is_empty() {
                Verdict::Passed
            } else {
                Verdict::Failed
            },
            findings,
            mutants,
            baseline,
        },
        Err(error) => Audit {
            verdict: Verdict::Unusable,
            findings: vec![Finding {
                check: "unusable",
                detail: crate::chain::of(&error),
            }],
            mutants: None,
            baseline: None,
        },
    }
}
