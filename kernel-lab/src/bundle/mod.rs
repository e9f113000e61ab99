//! Proof bundles: what is needed to check one result without the campaign it
//! comes from.
//!
//! A bundle is a folder. `bundle.json` names every other file with its
//! SHA-256, and the claim; the report binds the claim to what was measured;
//! the raw samples give the claim again; and what was measured can be measured
//! again. The format is described in `docs/proof.md`.

mod check;
mod files;
mod finding;
mod rerun;
mod verify;
mod write;

use std::collections::BTreeMap;

use protocol::{ContentHash, Interval};
use serde::{Deserialize, Serialize};

pub use check::{Opened, check};
pub(crate) use finding::figure;
pub use finding::{Finding, Measured, Outcome, Verification};
pub use rerun::Trust;
pub use verify::{look, refused, verify};
pub use write::write;
pub(crate) use write::{assemble, put, refuse_bad};

/// Version of the format.
pub const SCHEMA: u32 = 1;
/// The file that names all others.
pub const MANIFEST: &str = "bundle.json";
/// What the lab said.
const REPORT: &str = "report.json";
/// Times of every call, as JSON lines.
const SAMPLES: &str = "samples.jsonl";
/// The same with a read of the output in each time; not every attempt has it.
const CONSUMED: &str = "samples-consumed.jsonl";
/// The experiment as it was proposed.
const EXPERIMENT: &str = "candidate/experiment.json";
/// The plan as it was measured.
const PLAN: &str = "candidate/plan.toml";
/// The source as it was measured.
const SOURCE: &str = "candidate/kernel.cpp";

/// `bundle.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Name of the lab that wrote it, `kernel-lab`.
    pub lab: String,
    /// Version of that lab.
    pub lab_version: String,
    /// Identifier of the experiment.
    pub experiment: String,
    /// What it was measured on.
    pub task: SizedTask,
    /// What is claimed.
    pub claim: Claim,
    /// The log of the campaign that the result comes from.
    pub log: Option<LogHead>,
    /// Every other file of the bundle with its SHA-256.
    pub files: BTreeMap<String, ContentHash>,
}

impl Manifest {
    /// For people.
    pub fn line(&self) -> String {
        let claim = &self.claim;
        format!(
            "{}: {} over {}, {} files",
            self.task.name,
            figure(claim.value, Some(claim.ci), Some(claim.n)),
            claim.baseline,
            self.files.len() + 1
        )
    }
}

/// A task at one of its sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizedTask {
    /// Its name; `task/NAME.py` is its file.
    pub name: String,
    /// Which of its sizes: `cpu`, or `module` for the file's own.
    pub size: String,
    /// The module's integer constants at that size, in their order.
    pub constants: Vec<(String, i64)>,
}

/// A figure and how it follows from the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Name of the metric, `speedup`.
    pub metric: String,
    /// Median of the baseline over median of the candidate.
    pub value: f64,
    /// Bootstrap interval of the value.
    pub ci: Interval,
    /// Pairs of samples.
    pub n: u32,
    /// The faster baseline: `eager` or `compile`.
    pub baseline: String,
    /// Coverage of the interval.
    pub confidence: f64,
    /// Resamples behind the interval.
    pub resamples: u32,
    /// Seed of the resampling and of the evaluation, hexadecimal.
    pub seed: String,
}

/// The end of a campaign's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Number of the last event.
    pub events: u64,
    /// Its hash.
    pub head: ContentHash,
}

/// Reads `EVENTS:HASH`.
impl std::str::FromStr for LogHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("`{text}` is not EVENTS:HASH");
        let (events, head) = text.split_once(':').ok_or_else(problem)?;
        Ok(Self {
            events: events.parse().map_err(|_| problem())?,
            head: head.parse().map_err(|_| problem())?,
        })
    }
}

/// The file of a task in a bundle.
fn task_file(name: &str) -> String {
    format!("task/{name}.py")
}

/// The file of a task's sizes in a bundle.
fn sizes_file(name: &str) -> String {
    format!("task/{name}.toml")
}

/// Constants as a report's `sizes` gives them, e.g. `ROWS=512 COLS=1024`.
fn read_constants(text: &str) -> Option<Vec<(String, i64)>> {
    text.split_whitespace()
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_log_is_a_number_and_a_hash() {
        let hash = "ab".repeat(32);
        let head: LogHead = format!("17:{hash}").parse().unwrap();
        assert_eq!((head.events, head.head.as_str()), (17, hash.as_str()));
        for bad in ["", "17", "x:ab", "17:ab"] {
            assert!(bad.parse::<LogHead>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_back() {
        let expected = vec![("ROWS".to_owned(), 512), ("COLS".to_owned(), 7)];
        assert_eq!(read_constants("ROWS=512 COLS=7"), Some(expected));
        assert_eq!(read_constants(""), Some(Vec::new()));
        assert_eq!(read_constants("ROWS"), None);
    }
}
