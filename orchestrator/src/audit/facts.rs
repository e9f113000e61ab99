//! Everything that checks of the data look at.

use super::contract::{Contract, Kind};
use super::prepared::{Part, Prepared, ROW_ID, Split};
use super::raw::Raw;
use super::table::{Table, number};

/// A contract, its raw data and what was prepared from it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The raw data.
    pub raw: &'a Raw,
    /// What was prepared.
    pub prepared: &'a Prepared,
}

impl<'a> Facts<'a> {
    /// Whether classes are predicted.
    pub fn classes(&self) -> bool {
        self.contract.task.kind == Kind::Classification
    }

    /// The times of all raw rows as ranks, if there is a time column and all
    /// its cells are times.
    pub fn times(&self) -> Option<Vec<usize>> {
        self.raw.times().and_then(Result::ok)
    }

    /// Cells of the target's column in a table of the evaluation.
    pub fn targets(&self, table: &'a Table) -> Vec<&'a str> {
        table
            .column(&self.contract.task.target)
            .map(|column| table.cells(column).collect())
            .unwrap_or_default()
    }

    /// Names of the columns that candidates see in inputs, but for the row's.
    pub fn features(&self) -> Vec<&'a str> {
        self.prepared
            .splits
            .first()
            .map(|s| {
                s.inputs
                    .header
                    .iter()
                    .map(String::as_str)
                    .filter(|h| *h != ROW_ID)
                    .collect()
            })
            .unwrap_or_default()
    }

    /// The inputs of a split with the answer to each row.
    pub fn answered(&self, split: &'a Split) -> Vec<(&'a [String], &'a str)> {
        let (Some(id), Some(answer_id), Some(answer)) = (
            split.inputs.column(ROW_ID),
            split.answers.column(ROW_ID),
            split.answers.column(&self.contract.task.target),
        ) else {
            return Vec::new();
        };
        let answers = split.answers.index(answer_id);
        split
            .inputs
            .rows
            .iter()
            .filter_map(|row| {
                let found = answers.get(row[id].as_str())?;
                Some((row.as_slice(), split.answers.rows[*found][answer].as_str()))
            })
            .collect()
    }

    /// All hidden rows with their answers.
    pub fn hidden(&self) -> Vec<(&'a [String], &'a str)> {
        self.prepared
            .splits
            .iter()
            .flat_map(|s| self.answered(s))
            .collect()
    }

    /// Raw rows of a part, in order.
    pub fn rows_of(&self, part: Part) -> Vec<usize> {
        self.prepared
            .parts()
            .into_iter()
            .filter(|(_, p)| *p == part)
            .map(|(row, _)| row)
            .collect()
    }
}

/// Cells as numbers, if all of them are.
pub fn numbers<'a>(cells: impl IntoIterator<Item = &'a str>) -> Option<Vec<f64>> {
    cells.into_iter().map(number).collect()
}
