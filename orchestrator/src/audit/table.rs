//! CSV tables of text, small enough to hold.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Why a table can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file can't be read.
    #[error("failed to read `{name}`")]
    Read {
        /// The file, as the user knows it.
        name: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not a plain file, or too large.
    #[error("`{name}` is {what}")]
    Unfit {
        /// The file.
        name: String,
        /// What it is.
        what: String,
    },
    /// It is no CSV.
    #[error("`{name}` is no CSV with a header and equally long rows")]
    Csv {
        /// The file.
        name: String,
        /// Where and why.
        #[source]
        source: csv::Error,
    },
    /// Two columns have the same name.
    #[error("`{name}` has two columns `{column}`")]
    Twice {
        /// The file.
        name: String,
        /// The column.
        column: String,
    },
}

/// A table of text cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a table; messages call the file `name`.
    pub fn read(path: &Path, name: &str) -> Result<Self, TableError> {
        Self::parse(&bytes(path, name)?, name)
    }

    /// Parses a table.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, TableError> {
        let fail = |source| TableError::Csv {
            name: name.to_owned(),
            source,
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::Reader::from_reader(bytes);
        let header: Vec<String> = reader
            .headers()
            .map_err(fail)?
            .iter()
            .map(str::to_owned)
            .collect();
        for (place, column) in header.iter().enumerate() {
            if header[..place].contains(column) {
                return Err(TableError::Twice {
                    name: name.to_owned(),
                    column: column.clone(),
                });
            }
        }
        let rows: Result<Vec<Vec<String>>, csv::Error> = reader
            .records()
            .map(|row| row.map(|row| row.iter().map(str::to_owned).collect()))
            .collect();
        Ok(Self {
            header,
            rows: rows.map_err(fail)?,
        })
    }

    /// The table as CSV.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            // Writing equally long rows to a vector can't fail.
            let _ = writer.write_record(row);
        }
        writer.into_inner().unwrap_or_default()
    }

    /// Place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|h| h == name)
    }

    /// The cells of the column at a place.
    pub fn cells(&self, column: usize) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.rows.iter().map(move |row| row[column].as_str())
    }

    /// Row numbers by the content of a column.
    pub fn index(&self, column: usize) -> HashMap<&str, usize> {
        self.cells(column)
            .enumerate()
            .map(|(n, c)| (c, n))
            .collect()
    }
}

/// Reads a plain file of bounded size: what an evaluation wrote may be a link
/// to anywhere, or anything.
pub fn bytes(path: &Path, name: &str) -> Result<Vec<u8>, TableError> {
    let fail = |source| TableError::Read {
        name: name.to_owned(),
        source,
    };
    let unfit = |what: String| TableError::Unfit {
        name: name.to_owned(),
        what,
    };
    let data = std::fs::symlink_metadata(path).map_err(fail)?;
    if !data.is_file() {
        return Err(unfit("not a plain file".to_owned()));
    }
    if data.len() > LARGEST {
        return Err(unfit(format!(
            "{} MiB large, more than the {} MiB that are audited; audit a sample",
            data.len() >> 20,
            LARGEST >> 20
        )));
    }
    std::fs::read(path).map_err(fail)
}

/// Every plain file below a folder, by its path relative to it.
pub fn files(folder: &Path) -> std::io::Result<BTreeMap<PathBuf, PathBuf>> {
    fn walk(
        folder: &Path,
        below: &Path,
        into: &mut BTreeMap<PathBuf, PathBuf>,
    ) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let relative = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), &relative, into)?;
            } else {
                into.insert(relative, entry.path());
            }
        }
        Ok(())
    }
    let mut found = BTreeMap::new();
    walk(folder, Path::new(""), &mut found)?;
    Ok(found)
}

/// The number that a cell holds, if it is a finite one.
pub fn number(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

/// Whether a cell says that there is no value.
pub fn is_missing(cell: &str) -> bool {
    matches!(
        cell.trim().to_ascii_lowercase().as_str(),
        "" | "na" | "n/a" | "nan" | "null" | "none" | "?"
    )
}

/// A sortable key for a cell of a time column: a number, or the parts of a
/// date with the year first.
pub fn time_key(cell: &str) -> Option<Vec<f64>> {
    if let Some(n) = number(cell) {
        return Some(vec![n]);
    }
    let parts: Option<Vec<f64>> = cell
        .trim()
        .trim_end_matches(['Z', 'z'])
        .split(['-', '/', ':', ' ', 'T', '.', '+'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.trim_start_matches(['W', 'Q'])
                .parse::<u32>()
                .ok()
                .map(f64::from)
        })
        .collect();
    let mut parts = parts?;
    // Day or month first: which one is only settled when both are seen, so
    // the more common order month, day, year is assumed below 13.
    if parts.len() >= 3 && parts[2] > 31.0 && parts[0] <= 31.0 {
        let (a, b, year) = (parts[0], parts[1], parts[2]);
        let (month, day) = if a > 12.0 { (b, a) } else { (a, b) };
        parts.splice(0..3, [year, month, day]);
    }
    (parts.len() >= 2 && parts[0] > 31.0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_survive_a_round_trip() {
        let text = b"a,b\n1,\"x, y\"\n2,\"line\nbreak\"\n";
        let table = Table::parse(text, "t").expect("a table");
        assert_eq!(table.rows[0][1], "x, y");
        assert_eq!(table.to_csv(), text);
        assert!(Table::parse(b"a,b\n1\n", "t").is_err());
        assert!(Table::parse(b"a,a\n1,2\n", "t").is_err());
    }

    #[test]
    fn times_sort() {
        let ordered = ["2011-01-31 23:00:00", "2011-02-01 00:00:00", "2011-10-01"];
        let keys: Vec<_> = ordered.iter().map(|t| time_key(t)).collect();
        assert!(keys.windows(2).all(|w| w[0].is_some() && w[0] < w[1]));
        assert!(time_key("12/31/2010 05:00") < time_key("01/01/2011 04:00"));
        assert_eq!(time_key("7"), Some(vec![7.0]));
        assert_eq!(time_key("hello"), None);
        assert_eq!(time_key(""), None);
    }
}
