//! The raw data that an evaluation is made from.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::AuditError;
use super::contract::Contract;
use super::places::{self, Places};
use super::run::{RunError, write_below};
use super::stored::{Place, Stored};
use super::table::{Table, TableError, bytes, files, time_key};
use super::wide::Wide;

/// Column of a folder's labels that names the file.
const FILE: &str = "file";
/// Most cells of targets that are looked at.
const MOST_CELLS: usize = 2_000_000;

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
    /// Several targets in many rows.
    #[error(
        "`{table}` has {cells} cells of targets, more than the {MOST_CELLS} that are audited; audit a sample"
    )]
    TooMany {
        /// The table.
        table: String,
        /// Rows times targets.
        cells: usize,
    },
    /// Very long texts.
    #[error(
        "the texts have more than the {} characters that are audited; audit a sample",
        places::MOST
    )]
    TooLong,
}

/// The texts of a folder, one for each row of the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts {
    folder: PathBuf,
    file_column: usize,
    /// Whether the class is the name of the sub-folder.
    by_folder: bool,
    contents: Vec<String>,
}

impl Texts {
    /// Where a row's file lies. Of another class than at first, it lies in
    /// another sub-folder.
    fn file_of(&self, row: &[String], target: usize) -> String {
        let file = row[self.file_column].trim_start_matches("./");
        let class = &row[target];
        match file.split_once('/') {
            Some((before, rest)) if self.by_folder && before != class => {
                format!("{class}/from-{before}-{rest}")
            }
            _ => file.to_owned(),
        }
    }
}

/// Raw data: a table, with a text for each row if it is a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The table, or the labels of the folder. With several targets there is
    /// a row for each cell of theirs.
    pub table: Table,
    /// Place of the target.
    pub target: usize,
    /// Place of the time.
    pub time: Option<usize>,
    /// Place of the group.
    pub group: Option<usize>,
    /// Places of the identifiers.
    pub identifiers: Vec<usize>,
    /// Place of the target's name, where there are several.
    pub series: Option<usize>,
    wide: Option<Wide>,
    /// The table's files, where it is no plain CSV.
    stored: Option<HashSet<PathBuf>>,
    /// The table's file, relative to the data folder.
    file: PathBuf,
    texts: Option<Texts>,
    places: Option<Places>,
}

impl Raw {
    /// The data of `place`, with its table translated if it is no plain CSV.
    pub fn open(
        contract: &Contract,
        stored: Option<&Stored>,
        place: Place<'_>,
    ) -> Result<Self, AuditError> {
        let Some(stored) = stored else {
            return Ok(Self::load(contract, place.original)?);
        };
        let csv = stored.read(place)?;
        Ok(Self::translated(
            contract,
            place.original,
            Some((stored, &csv)),
        )?)
    }

    /// Reads the data in `folder`, with its table as plain CSV.
    pub fn load(contract: &Contract, folder: &Path) -> Result<Self, RawError> {
        Self::translated(contract, folder, None)
    }

    /// Reads the data in `folder`; `stored` is its table where that is no
    /// plain CSV, with the CSV that it was translated to.
    pub fn translated(
        contract: &Contract,
        folder: &Path,
        stored: Option<(&Stored, &Path)>,
    ) -> Result<Self, RawError> {
        let data = &contract.data;
        let task = &contract.task;
        if let Some(below) = data.folder.as_ref().filter(|_| data.characters) {
            return Ok(Self::of_places(Places::load(folder, below)?));
        }
        let file = data.table.as_ref().or(data.labels.as_ref());
        let file = file.cloned().unwrap_or_default();
        let by_folder = data.table.is_none() && data.labels.is_none();
        let name = if by_folder {
            "files".to_owned()
        } else {
            file.display().to_string()
        };
        let mut table = if by_folder {
            let below = data.folder.clone().unwrap_or_default();
            classes_of(&folder.join(below), &task.target)?
        } else {
            let path = stored.map_or_else(|| folder.join(&file), |(_, csv)| csv.to_owned());
            Table::read(&path, &name)?
        };
        let place = |field: &'static str, table: &Table, column: &str| {
            table.column(column).ok_or_else(|| RawError::Column {
                field,
                column: column.to_owned(),
                table: name.clone(),
            })
        };
        let mut wide = None;
        if !task.targets.is_empty() {
            let places = task.targets.iter();
            let places = places.map(|c| place("task.targets", &table, c));
            let places = places.collect::<Result<Vec<usize>, RawError>>()?;
            let cells = places.len() * table.rows.len();
            if cells > MOST_CELLS {
                return Err(RawError::TooMany { table: name, cells });
            }
            wide = Some(Wide::new(table.clone(), places));
        }
        // Of a column that is no target: its place in what is looked at.
        let other = |field, column: &String| {
            let at = place(field, &table, column)?;
            Ok(wide
                .as_ref()
                .map_or(Some(at), |w| w.place(at))
                .unwrap_or(at))
        };
        let optional =
            |field, column: &Option<String>| column.as_ref().map(|c| other(field, c)).transpose();
        let time = optional("task.time", &task.time)?;
        let group = optional("task.group", &task.group)?;
        let identifiers: Result<Vec<usize>, RawError> = task
            .identifiers
            .iter()
            .map(|column| other("task.identifiers", column))
            .collect();
        let identifiers = identifiers?;
        let texts = match &data.folder {
            None => None,
            Some(below) => {
                let file_column = place("data.labels", &table, FILE)?;
                let contents: Result<Vec<String>, TableError> = table
                    .cells(file_column)
                    .map(|file| {
                        let content = bytes(&folder.join(below).join(file), file)?;
                        Ok(String::from_utf8_lossy(&content).into_owned())
                    })
                    .collect();
                Some(Texts {
                    folder: below
                        .components()
                        .filter(|c| matches!(c, Component::Normal(_)))
                        .collect(),
                    file_column,
                    by_folder,
                    contents: contents?,
                })
            }
        };
        if let Some(wide) = &wide {
            table = wide.long();
        }
        Ok(Self {
            target: place("task.target", &table, &task.target)?,
            time,
            group,
            identifiers,
            series: wide.as_ref().map(Wide::name_place),
            wide,
            stored: stored.map(|(stored, _)| stored.files.iter().cloned().collect()),
            file,
            texts,
            places: None,
            table,
        })
    }

    /// Places in texts have no columns: the table is empty.
    fn of_places(places: Places) -> Self {
        let (header, rows) = (Vec::new(), Vec::new());
        Self {
            table: Table { header, rows },
            target: 0,
            time: None,
            group: None,
            identifiers: Vec::new(),
            series: None,
            wide: None,
            stored: None,
            file: PathBuf::new(),
            texts: None,
            places: Some(places),
        }
    }

    /// The texts, if their places are the rows.
    pub fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }

    /// A copy with other texts, where their places are the rows.
    #[must_use]
    pub fn with_places(&self, places: Places) -> Self {
        Self {
            places: Some(places),
            ..self.clone()
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of raw rows.
    pub fn len(&self) -> usize {
        let places = self.places.as_ref();
        places.map_or(self.table.rows.len(), Places::len)
    }

    /// Finds rows by what `rows.csv` calls them: the raw row, and after a blank
    /// the target's column where there are several.
    pub fn finder(&self) -> impl Fn(&str) -> Option<usize> {
        let names = self.names();
        move |name| match &self.places {
            Some(places) => places.named(name),
            None => names.get(name).copied(),
        }
    }

    fn names(&self) -> HashMap<String, usize> {
        if self.places.is_some() {
            return HashMap::new();
        }
        let called = |row: usize| match (&self.texts, self.series) {
            (Some(texts), _) => texts.file_of(&self.table.rows[row], self.target),
            (None, Some(series)) => {
                format!("{} {}", self.stored(row), self.table.rows[row][series])
            }
            (None, None) => row.to_string(),
        };
        (0..self.len()).map(|row| (called(row), row)).collect()
    }

    /// The line of the table that a row is a cell of; without several targets
    /// the row itself.
    pub fn stored(&self, row: usize) -> usize {
        self.wide.as_ref().map_or(row, |wide| wide.stored(row))
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
                    && Some(*column) != self.series
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

    /// The table as CSV, with a row for each of the raw ones.
    pub fn to_csv(&self) -> Vec<u8> {
        match &self.wide {
            Some(wide) => wide.with(&self.table).to_csv(),
            None => self.table.to_csv(),
        }
    }

    /// Writes the data as a new folder; what did not change is linked from
    /// `original`. Files of a table that is no plain CSV are left out.
    pub fn write(&self, original: &Path, to: &Path) -> Result<(), RunError> {
        let list = files(original).map_err(RunError::file("list", original))?;
        let mut replaced = self.stored.clone().unwrap_or_default();
        if let Some(places) = &self.places {
            replaced.extend(places.write(to)?);
        }
        for (row, text) in self
            .texts
            .iter()
            .flat_map(|t| t.contents.iter().enumerate())
        {
            let Some(texts) = &self.texts else { continue };
            let row = &self.table.rows[row];
            let file = row[texts.file_column].trim_start_matches("./");
            replaced.insert(texts.folder.join(file));
            let now = texts.folder.join(texts.file_of(row, self.target));
            write_below(to, &now, text.as_bytes())?;
        }
        for (relative, path) in list {
            let target = to.join(&relative);
            if replaced.contains(&relative) {
                continue;
            }
            if relative == self.file {
                write_below(to, &relative, &self.to_csv())?;
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

/// The files in the sub-folders of a folder, each with its sub-folder's name.
fn classes_of(folder: &Path, target: &str) -> Result<Table, RawError> {
    let list = files(folder).map_err(|source| RawError::List {
        path: folder.to_owned(),
        source,
    })?;
    let rows = list.keys().filter_map(|relative| {
        let hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        if relative.components().any(hidden) {
            return None;
        }
        let file = relative.to_str()?;
        let (class, _) = file.split_once('/')?;
        Some(vec![file.to_owned(), class.to_owned()])
    });
    Ok(Table {
        header: vec![FILE.to_owned(), target.to_owned()],
        rows: rows.collect(),
    })
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
