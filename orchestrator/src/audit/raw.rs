//! The raw data that an evaluation is made from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::contract::Contract;
use super::run::{RunError, write_below};
use super::table::{Table, TableError, bytes, files, time_key};

/// Column of a folder's labels that names the file.
const FILE: &str = "file";

/// Why the raw data does not fit the contract.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// A file can't be read.
    #[error("failed to read the raw data")]
    Table(#[from] TableError),
    /// The folder can't be listed.
    #[error("failed to list `{}`", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A column is not there.
    #[error("field `{field}` names the column `{column}`, which `{table}` does not have")]
    Column {
        /// The field of the contract.
        field: &'static str,
        /// The column.
        column: String,
        /// The table.
        table: String,
    },
}

/// The texts of a folder, one for each row of the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts {
    folder: PathBuf,
    file_column: usize,
    contents: Vec<String>,
}

/// Raw data: a table, with a text for each row if it is a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The table, or the labels of the folder.
    pub table: Table,
    /// Place of the target.
    pub target: usize,
    /// Place of the time.
    pub time: Option<usize>,
    /// Place of the group.
    pub group: Option<usize>,
    /// Places of the identifiers.
    pub identifiers: Vec<usize>,
    /// The table's file, relative to the data folder.
    file: PathBuf,
    texts: Option<Texts>,
}

impl Raw {
    /// Reads the data in `folder`.
    pub fn load(contract: &Contract, folder: &Path) -> Result<Self, RawError> {
        let data = &contract.data;
        let file = data.table.as_ref().or(data.labels.as_ref());
        let file = file.cloned().unwrap_or_default();
        let name = file.display().to_string();
        let table = Table::read(&folder.join(&file), &name)?;
        let place = |field: &'static str, column: &str| {
            table.column(column).ok_or_else(|| RawError::Column {
                field,
                column: column.to_owned(),
                table: name.clone(),
            })
        };
        let task = &contract.task;
        let optional =
            |field, column: &Option<String>| column.as_ref().map(|c| place(field, c)).transpose();
        let target = place("task.target", &task.target)?;
        let time = optional("task.time", &task.time)?;
        let group = optional("task.group", &task.group)?;
        let identifiers: Result<Vec<usize>, RawError> = task
            .identifiers
            .iter()
            .map(|column| place("task.identifiers", column))
            .collect();
        let texts = match &data.folder {
            None => None,
            Some(below) => {
                let file_column = place("data.labels", FILE)?;
                let contents: Result<Vec<String>, TableError> = table
                    .cells(file_column)
                    .map(|file| {
                        let content = bytes(&folder.join(below).join(file), file)?;
                        Ok(String::from_utf8_lossy(&content).into_owned())
                    })
                    .collect();
                Some(Texts {
                    folder: below.clone(),
                    file_column,
                    contents: contents?,
                })
            }
        };
        Ok(Self {
            target,
            time,
            group,
            identifiers: identifiers?,
            file,
            texts,
            table,
        })
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of raw rows.
    pub fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// Row numbers by what `rows.csv` calls them.
    pub fn names(&self) -> HashMap<String, usize> {
        match &self.texts {
            None => (0..self.len()).map(|n| (n.to_string(), n)).collect(),
            Some(texts) => self
                .table
                .cells(texts.file_column)
                .enumerate()
                .map(|(n, file)| (file.trim_start_matches("./").to_owned(), n))
                .collect(),
        }
    }

    /// The target of a row.
    pub fn target_of(&self, row: usize) -> &str {
        &self.table.rows[row][self.target]
    }

    /// Replaces the target of a row.
    pub fn set_target(&mut self, row: usize, value: String) {
        let column = self.target;
        self.table.rows[row][column] = value;
    }

    /// The text of a row, if the data is a folder.
    pub fn text_of(&self, row: usize) -> Option<&str> {
        self.texts.as_ref().map(|t| t.contents[row].as_str())
    }

    /// Replaces the text of a row.
    pub fn set_text(&mut self, row: usize, text: String) {
        if let Some(texts) = &mut self.texts {
            texts.contents[row] = text;
        }
    }

    /// Places of the columns that can carry information: neither target, nor
    /// time, nor group, nor names.
    pub fn features(&self) -> Vec<usize> {
        (0..self.table.header.len())
            .filter(|column| {
                *column != self.target
                    && Some(*column) != self.time
                    && Some(*column) != self.group
                    && !self.identifiers.contains(column)
                    && self.texts.as_ref().is_none_or(|t| t.file_column != *column)
            })
            .collect()
    }

    /// The times of all rows as ranks, equal times with equal rank; `None`
    /// without a time column, or the first cell that is no time.
    pub fn times(&self) -> Option<Result<Vec<usize>, String>> {
        let column = self.time?;
        Some(ranks(self.table.cells(column)))
    }

    /// Writes the data as a new folder; what did not change is linked from
    /// `original`.
    pub fn write(&self, original: &Path, to: &Path) -> Result<(), RunError> {
        let list = files(original).map_err(RunError::file("list", original))?;
        let texts: HashMap<PathBuf, &str> = self
            .texts
            .iter()
            .flat_map(|t| {
                let names = self.table.cells(t.file_column);
                names
                    .map(|file| t.folder.join(file.trim_start_matches("./")))
                    .zip(t.contents.iter().map(String::as_str))
            })
            .collect();
        for (relative, path) in list {
            let target = to.join(&relative);
            if relative == self.file {
                write_below(to, &relative, &self.table.to_csv())?;
            } else if let Some(text) = texts.get(&relative) {
                write_below(to, &relative, text.as_bytes())?;
            } else {
                if let Some(parent) = target.parent() {
                    std::fs::create_dir_all(parent).map_err(RunError::file("create", parent))?;
                }
                std::fs::hard_link(&path, &target).map_err(RunError::file("link", &target))?;
            }
        }
        Ok(())
    }
}

/// Times as ranks; the first cell that is no time otherwise.
pub fn ranks<'a>(cells: impl Iterator<Item = &'a str>) -> Result<Vec<usize>, String> {
    let keys: Result<Vec<Vec<f64>>, String> = cells
        .map(|cell| time_key(cell).ok_or_else(|| cell.to_owned()))
        .collect();
    let keys = keys?;
    let mut sorted: Vec<&Vec<f64>> = keys.iter().collect();
    let order = |a: &Vec<f64>, b: &Vec<f64>| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
    sorted.sort_by(|a, b| order(a, b));
    sorted.dedup();
    Ok(keys
        .iter()
        .map(|key| sorted.partition_point(|s| order(s, key).is_lt()))
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn equal_times_share_a_rank() {
        let cells = ["2020-01-02", "2020-01-01", "2020-01-02"];
        assert_eq!(super::ranks(cells.into_iter()), Ok(vec![1, 0, 1]));
        assert_eq!(super::ranks(["x"].into_iter()), Err("x".to_owned()));
    }
}
