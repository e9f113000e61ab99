//! How the raw table is read: a plain CSV, one with tabs or compressed,
//! JSON-lines, Parquet, and several such files of one schema.

use std::path::{Component, Path, PathBuf};

use super::python::Value;
use super::{Brief, Undesignable};
use crate::audit::stored::TableFormat;

const PLAIN: &str = include_str!("python/rows_csv.py");
const FILES: &str = include_str!("python/rows_files.py");
const OPENED: &str = include_str!("python/rows_opened.py");
const DELIMITED: &str = include_str!("python/rows_delimited.py");
const CELL: &str = include_str!("python/rows_cell.py");
const JSON: &str = include_str!("python/rows_json.py");
const PARQUET: &str = include_str!("python/rows_parquet.py");

/// The raw table and what reads it.
pub(super) struct RawTable {
    /// The file or folder, below the data folder.
    path: String,
    format: TableFormat,
    /// Whether it is one CSV that every reader of CSV reads.
    plain: bool,
}

impl RawTable {
    /// The table that was profiled, if it can be read as text cells.
    pub(super) fn of(brief: &Brief<'_>) -> Result<Self, Undesignable> {
        let source = &brief.schema.source;
        let format = match (source.format.as_str(), source.delimiter.as_deref()) {
            ("parquet", _) => TableFormat::Parquet,
            ("json-lines", _) => TableFormat::JsonLines,
            ("csv", Some(",")) if source.header == Some(true) => TableFormat::Csv,
            ("csv", Some("\t")) if source.header == Some(true) => TableFormat::Tsv,
            _ => return Err(unreadable(brief)),
        };
        let path = match source.tables.as_slice() {
            [one] => tidy(&Path::new(brief.data).join(one)),
            _ => brief.data.to_owned(),
        };
        let plain =
            format == TableFormat::Csv && source.compression.is_none() && source.tables.len() < 2;
        Ok(Self {
            path,
            format,
            plain,
        })
    }

    /// Lines of `[data]`.
    pub(super) fn contract(&self) -> Vec<(&'static str, toml::Value)> {
        let text = |value: &str| toml::Value::String(value.to_owned());
        let mut lines = vec![("table", text(&self.path))];
        if !self.plain {
            lines.push(("format", text(self.format.word())));
        }
        lines
    }

    /// Constants of `prepare.py`.
    pub(super) fn constants(&self) -> Vec<(&'static str, Value, &'static str)> {
        let mut constants = vec![(
            "TABLE",
            Value::Text(self.path.clone()),
            "The data: a file, or a folder of files with the same columns.",
        )];
        if self.plain {
            return constants;
        }
        let endings: &[&str] = match self.format {
            TableFormat::Csv | TableFormat::Tsv => &[".csv", ".tsv", ".csv.gz", ".tsv.gz"],
            TableFormat::JsonLines => &[".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"],
            TableFormat::Parquet => &[".parquet", ".pq"],
        };
        constants.push((
            "ENDINGS",
            Value::Texts(endings.iter().map(|&ending| ending.to_owned()).collect()),
            "Endings of the names of its files, where it is a folder.",
        ));
        let delimiter = match self.format {
            TableFormat::Csv => ",",
            TableFormat::Tsv => "\t",
            TableFormat::JsonLines | TableFormat::Parquet => return constants,
        };
        constants.push((
            "DELIMITER",
            Value::Text(delimiter.to_owned()),
            "What is between two cells.",
        ));
        constants
    }

    /// The pieces of `prepare.py` that read it.
    pub(super) fn pieces(&self) -> Vec<&'static str> {
        match self.format {
            TableFormat::Csv if self.plain => vec![PLAIN],
            TableFormat::Csv | TableFormat::Tsv => vec![FILES, OPENED, DELIMITED],
            TableFormat::JsonLines => vec![FILES, OPENED, CELL, JSON],
            TableFormat::Parquet => vec![FILES, CELL, PARQUET],
        }
    }
}

/// A path without what stands for the folder itself.
fn tidy(path: &Path) -> String {
    let parts = path.components();
    let path: PathBuf = parts
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    path.to_string_lossy().into_owned()
}

fn unreadable(brief: &Brief<'_>) -> Undesignable {
    let source = &brief.schema.source;
    let what = match source.format.as_str() {
        "csv" if source.header != Some(true) => "a CSV without names of columns".to_owned(),
        "csv" => format!(
            "a CSV whose delimiter is `{}`",
            source.delimiter.as_deref().unwrap_or("unknown")
        ),
        other => format!("of the format {other}"),
    };
    Undesignable::new(
        format!(
            "`{}` is {what}, and audits read Parquet, JSON-lines, and CSV with commas or tabs and a header",
            source.name
        ),
        "convert it, for example with pandas: `read_….to_csv(\"data.csv\", index=False)`",
    )
}
