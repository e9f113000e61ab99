//! What `prepare` wrote.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::raw::Raw;
use super::table::{Table, TableError, bytes, files};
use super::wide::COLUMN;

/// Column that names a row.
pub const ROW_ID: &str = "row_id";

/// Part of the data that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Seen with its target.
    Train,
    /// Scores that steer the campaign.
    Search,
    /// The few best.
    Select,
    /// Opened once.
    Sealed,
}

impl Part {
    /// The parts whose targets are hidden.
    pub const HIDDEN: [Self; 3] = [Self::Search, Self::Select, Self::Sealed];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Search => "search",
            Self::Select => "select",
            Self::Sealed => "sealed",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Train, Self::Search, Self::Select, Self::Sealed]
            .into_iter()
            .find(|part| part.name() == name)
    }
}

/// A hidden split.
#[derive(Clone, Debug)]
pub struct Split {
    /// Which one.
    pub part: Part,
    /// What candidates see.
    pub inputs: Table,
    /// What they don't: the row's name and the target.
    pub answers: Table,
}

/// Where a row of any part comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The row's name.
    pub row_id: String,
    /// The raw row that its target comes from.
    pub raw: usize,
    /// Its part.
    pub part: Part,
}

/// Why what `prepare` wrote can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PreparedError {
    /// A file can't be read.
    #[error("prepare did not write what it must")]
    Table(#[from] TableError),
    /// `public/` can't be listed.
    #[error("failed to list `public/`")]
    List(#[source] std::io::Error),
    /// A file lacks a column.
    #[error("`{file}` has no column `{column}`")]
    Column {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A row of `rows.csv` says what can't be.
    #[error("`private/rows.csv` row {row}: {what}")]
    Origin {
        /// 0-based number of the row.
        row: usize,
        /// What is wrong.
        what: String,
    },
}

/// Everything that `prepare` wrote.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What candidates learn from.
    pub train: Table,
    /// The hidden splits.
    pub splits: Vec<Split>,
    /// Where the rows come from, as listed.
    pub origins: Vec<Origin>,
    /// Every byte that candidates see.
    pub public: BTreeMap<PathBuf, Vec<u8>>,
}

impl Prepared {
    /// Reads an output folder.
    pub fn load(out: &Path, raw: &Raw, target: &str) -> Result<Self, PreparedError> {
        let read = |name: String, columns: &[&str]| -> Result<Table, PreparedError> {
            let table = Table::read(&out.join(&name), &name)?;
            for column in columns {
                if table.column(column).is_none() {
                    return Err(PreparedError::Column {
                        file: name,
                        column: (*column).to_owned(),
                    });
                }
            }
            Ok(table)
        };
        let train = read("public/train.csv".to_owned(), &[ROW_ID, target])?;
        let mut splits = Vec::new();
        for part in Part::HIDDEN {
            let name = part.name();
            splits.push(Split {
                part,
                inputs: read(format!("public/{name}/inputs.csv"), &[ROW_ID])?,
                answers: read(format!("private/{name}/answers.csv"), &[ROW_ID, target])?,
            });
        }
        let mut columns = vec![ROW_ID, "raw_row", "part"];
        columns.extend(raw.series.map(|_| COLUMN));
        let rows = read("private/rows.csv".to_owned(), &columns)?;
        let origins = origins(&rows, raw)?;
        let mut public = BTreeMap::new();
        let folder = out.join("public");
        for (relative, path) in files(&folder).map_err(PreparedError::List)? {
            let name = format!("public/{}", relative.display());
            public.insert(relative, bytes(&path, &name)?);
        }
        Ok(Self {
            train,
            splits,
            origins,
            public,
        })
    }

    /// Where rows come from, by name.
    pub fn by_id(&self) -> HashMap<&str, &Origin> {
        self.origins
            .iter()
            .map(|o| (o.row_id.as_str(), o))
            .collect()
    }

    /// The part of each raw row that has one.
    pub fn parts(&self) -> BTreeMap<usize, Part> {
        self.origins.iter().map(|o| (o.raw, o.part)).collect()
    }

    /// Raw rows of the hidden parts, each once, in order.
    pub fn hidden(&self) -> Vec<usize> {
        self.parts()
            .into_iter()
            .filter(|(_, part)| *part != Part::Train)
            .map(|(raw, _)| raw)
            .collect()
    }

    /// Everything that candidates see of each row, by where its target comes
    /// from; rows that are named nowhere are left out.
    pub fn visible(&self) -> Vec<(Origin, &[String])> {
        let origins = self.by_id();
        let tables = std::iter::once(&self.train).chain(self.splits.iter().map(|s| &s.inputs));
        let mut found = Vec::new();
        for table in tables {
            let Some(id) = table.column(ROW_ID) else {
                continue;
            };
            for row in &table.rows {
                if let Some(origin) = origins.get(row[id].as_str()) {
                    found.push(((*origin).clone(), row.as_slice()));
                }
            }
        }
        found
    }
}

fn origins(rows: &Table, from: &Raw) -> Result<Vec<Origin>, PreparedError> {
    let find = from.finder();
    let place = |name| rows.column(name).unwrap_or_default();
    let (id, raw, part) = (place(ROW_ID), place("raw_row"), place("part"));
    let column = from.series.map(|_| place(COLUMN));
    rows.rows
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let wrong = |what: String| PreparedError::Origin { row: number, what };
            let name = match column {
                None => row[raw].trim_start_matches("./").to_owned(),
                Some(column) => format!("{} {}", row[raw], row[column]),
            };
            let raw = find(&name).ok_or_else(|| wrong(format!("there is no raw row `{name}`")))?;
            let part = Part::named(&row[part])
                .ok_or_else(|| wrong(format!("there is no part `{}`", row[part])))?;
            Ok(Origin {
                row_id: row[id].clone(),
                raw,
                part,
            })
        })
        .collect()
}
