//! What is known about a data set without running anything on it.

use serde::{Deserialize, Serialize};

/// A data set as it looks from outside: what an adapter is chosen by and what
/// prompts are filled with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFacts {
    /// Name of the file or folder, without its path.
    pub name: String,
    /// Its files; the largest ones, where there are many.
    pub files: Vec<FileFacts>,
    /// Rows of the main table, where it is one.
    pub rows: Option<u64>,
    /// Columns of the main table.
    pub columns: Vec<ColumnFacts>,
    /// What is known about time, where a column orders the rows.
    pub time: Option<TimeFacts>,
    /// The column to be predicted, where it is known.
    pub target: Option<String>,
    /// What else was found, in sentences.
    pub notes: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Path below the data folder.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Names that a Python file defines at its top level; empty for others.
    #[serde(default)]
    pub defines: Vec<String>,
}

impl FileFacts {
    /// Its extension in lower case, without the dot.
    pub fn extension(&self) -> String {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.')
            .map(|(_, extension)| extension.to_lowercase())
            .unwrap_or_default()
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Points in time.
    Time,
    /// Few distinct values.
    Category,
    /// Free text.
    #[default]
    Text,
    /// A name of the row.
    Identifier,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnFacts {
    /// Name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Rows without a value.
    pub missing: Option<u64>,
    /// Distinct values, where they were counted.
    pub distinct: Option<u64>,
}

/// What is known about time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeFacts {
    /// The column.
    pub column: String,
    /// Seconds from one row to the next, where they are evenly spaced.
    pub step_s: Option<f64>,
    /// First moment.
    pub first: Option<String>,
    /// Last moment.
    pub last: Option<String>,
}
