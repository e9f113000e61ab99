//! The lab of domains that have none: candidates are programs that predict,
//! and what they predict is scored by the campaign's own frozen evaluation.
//!
//! `alphalab evaluation-lab` speaks the contract of every lab, so that the
//! engine knows no difference.
//!
//! ```text
//! bench      frozen evaluation, raw data ─ prepare ─ public, private
//! candidate  files or a filled template ─ what is run
//! program    the run, sandboxed: sees public alone ─ predictions
//! score      the scorer, sandboxed ─ value and interval
//! report     both as the lab's report
//! ```

mod bench;
mod candidate;
mod facts;
mod fault;
mod holdout;
mod interval;
mod order;
mod program;
mod report;
mod score;
mod serve;
mod shape;
mod templates;

use std::path::PathBuf;

pub use serve::serve;

/// Name of the lab.
pub const NAME: &str = "evaluation-lab";
/// Version of how it measures.
pub const VERSION: &str = "1";

/// What the lab measures with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the frozen evaluation.
    pub evaluation: PathBuf,
    /// Folder of the raw data.
    pub data: PathBuf,
    /// Folder of the adapter, which says what a candidate consists of.
    pub adapter: PathBuf,
    /// Folder to work in. Workers of one campaign share it, and with it what
    /// was prepared.
    pub room: PathBuf,
    /// Packages beside those of the environment.
    pub extras: Option<PathBuf>,
}
