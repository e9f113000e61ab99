//! Arguments of the tools that work in an agent's folders, and of the ends of
//! the phases before the experiments.

use schemars::JsonSchema;
use serde::Deserialize;

use super::args::Names;
use crate::core::rounds::Fault;
use crate::core::words::{DOCUMENT, NAME, NAMES, PARAGRAPH, SENTENCE};

/// Most faults of one review.
const FAULTS: usize = 50;
/// Longest item of a plan by which it is found.
const ITEM: usize = SENTENCE;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Shell {
    /// What `sh -c` runs, in your working folder.
    pub command: String,
    /// Most seconds it may take; the harness has a limit of its own.
    #[serde(default)]
    pub timeout_s: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadFile {
    /// The file: from your working folder, or an absolute path in a folder you
    /// may read.
    pub path: String,
    /// Number of the first line to read, from 1.
    #[serde(default)]
    pub first_line: Option<u32>,
    /// Most lines to read.
    #[serde(default)]
    pub lines: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteFile {
    /// The file, in your working folder.
    pub path: String,
    /// Its whole new content.
    pub content: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditFile {
    /// The file, in your working folder.
    pub path: String,
    /// Text that is there exactly once.
    pub old: String,
    /// Text to put in its place.
    pub new: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchFiles {
    /// Extended regular expression, matched against lines.
    pub pattern: String,
    /// File or folder to search; your working folder, if absent.
    #[serde(default)]
    pub path: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ViewImage {
    /// A PNG or JPEG file.
    pub path: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpawnAgent {
    /// What is to be done and what the answer has to say. The assistant knows
    /// nothing else of your conversation.
    pub task: String,
    /// Percent of what is left that it may spend, 1 to 50.
    #[serde(default)]
    pub share_percent: Option<u8>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdatePlan {
    /// A new plan in Markdown, with its steps as `- [ ] step`; absent to keep
    /// the one there is.
    #[serde(default)]
    #[schemars(length(max = DOCUMENT))]
    pub text: Option<String>,
    /// Items to check, each by its text or by the number of its line.
    #[serde(default)]
    #[schemars(length(max = NAMES), inner(length(max = ITEM)))]
    pub check: Names,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PatchAdapter {
    /// Name of one of the adapter's files.
    #[schemars(length(max = NAME))]
    pub file: String,
    /// Its whole new text.
    #[schemars(length(max = DOCUMENT))]
    pub text: String,
    /// Why.
    #[schemars(length(max = SENTENCE))]
    pub why: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBack {
    /// Number of the change that is taken back.
    pub change: u32,
    /// Why.
    #[schemars(length(max = SENTENCE))]
    pub why: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishWork {
    /// What was done, in a sentence or two.
    #[schemars(length(max = DOCUMENT))]
    pub summary: String,
    /// Why it can't be done, if it can't.
    #[serde(default)]
    #[schemars(length(max = SENTENCE))]
    pub cannot: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishExploration {
    /// What was found, in a sentence or two.
    #[schemars(length(max = PARAGRAPH))]
    pub summary: String,
    /// Why items of the plan stay open, if some do.
    #[serde(default)]
    #[schemars(length(max = SENTENCE))]
    pub open_because: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishReview {
    /// What was looked at and how, in a sentence or two.
    #[schemars(length(max = PARAGRAPH))]
    pub summary: String,
    /// What was found; nothing, if nothing was.
    #[schemars(length(max = FAULTS))]
    pub faults: Vec<Fault>,
}
