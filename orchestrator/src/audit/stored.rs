//! Tables that are stored as something else than one plain CSV: Parquet,
//! JSON-lines, compressed, with tabs, in several files.
//!
//! The audit looks at text cells. A script in the sandbox writes such a table
//! as plain CSV, and writes changed CSV back as files of the table's own kind,
//! so that `prepare` meets what it will meet in earnest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::contract::Data;
use super::interpreter::Interpreter;
use super::run::{Batch, RunError};
use super::table::files;

/// The program that reads and writes such tables.
const TABLES: &str = include_str!("tables.py");
/// Time for one run of it, in seconds.
const TIMEOUT_S: u64 = 600;
/// First bytes of what gzip has compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Names that are files of labels, in a folder of texts.
const LABELS: [&str; 2] = ["labels.csv", "labels.tsv"];

/// Why a stored table can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// A file can't be looked at.
    #[error("failed to look at `{}`", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Nobody says how the files of a folder are written.
    #[error("`{}` is a folder, so that `data.format` must say how its files are written", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
    },
    /// No file of a folder is a table.
    #[error("no file in `{}` has the name of a {} table", path.display(), format.word())]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        format: TableFormat,
    },
    /// The script can't be run.
    #[error("failed to run the reader of tables")]
    Run(#[from] RunError),
    /// The script fails.
    #[error("failed to {operation} `{}` as {}: {said}", path.display(), format.word())]
    Refused {
        /// `read` or `write`.
        operation: &'static str,
        /// The table.
        path: PathBuf,
        /// Its format.
        format: TableFormat,
        /// What the script said.
        said: String,
    },
}

/// How the files of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// With commas.
    Csv,
    /// With tabs.
    Tsv,
    /// One JSON object a line; objects in it have dotted names.
    JsonLines,
    /// Parquet; the fields of structures have dotted names.
    Parquet,
}

impl TableFormat {
    /// Its word in a contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonLines => "json-lines",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a file's name says, if it says one.
    pub fn named(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        Some(match plain.rsplit_once('.')?.1 {
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "jsonl" | "ndjson" => Self::JsonLines,
            "parquet" | "pq" => Self::Parquet,
            _ => return None,
        })
    }
}

/// A table that has to be translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The table as the contract names it.
    table: PathBuf,
    format: TableFormat,
    /// Its files in order, relative to the data folder.
    pub files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Plan<'a> {
    format: &'a str,
    files: Vec<PathBuf>,
    csv: Option<&'a Path>,
    made: Vec<Made>,
}

#[derive(Serialize)]
struct Made {
    csv: PathBuf,
    files: Vec<PathBuf>,
}

/// Where a translation happens.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What runs the script.
    pub interpreter: &'a Interpreter,
    /// Folder of the data as it is.
    pub original: &'a Path,
    /// Folder for plans and CSVs, made if need be.
    pub room: &'a Path,
}

impl Stored {
    /// The table of a contract, if it is no plain CSV.
    pub fn of(data: &Data, folder: &Path) -> Result<Option<Self>, StoredError> {
        let Some(table) = &data.table else {
            return Ok(None);
        };
        let path = folder.join(table);
        let fail = |source| StoredError::File {
            path: table.clone(),
            source,
        };
        let named = data.format.or_else(|| TableFormat::named(table));
        if path.is_dir() {
            let Some(format) = named else {
                return Err(StoredError::Format {
                    path: table.clone(),
                });
            };
            let below = files(&path).map_err(fail)?;
            let files: Vec<PathBuf> = below
                .into_keys()
                .filter(|file| is_of(file, format))
                .map(|file| tidy(&table.join(file)))
                .collect();
            if files.is_empty() {
                return Err(StoredError::Nothing {
                    path: table.clone(),
                    format,
                });
            }
            return Ok(Some(Self {
                table: table.clone(),
                format,
                files,
            }));
        }
        let format = named.unwrap_or(TableFormat::Csv);
        if format == TableFormat::Csv && !is_packed(&path).map_err(fail)? {
            return Ok(None);
        }
        Ok(Some(Self {
            table: table.clone(),
            format,
            files: vec![tidy(table)],
        }))
    }

    /// Writes the rows of all files as one plain CSV; gives its path.
    pub fn read(&self, place: Place<'_>) -> Result<PathBuf, StoredError> {
        let csv = place.room.join("plain.csv");
        let plan = Plan {
            format: self.format.word(),
            files: self.below(place.original),
            csv: Some(&csv),
            made: Vec::new(),
        };
        self.run("read", place, &plan, Vec::new())?;
        Ok(csv)
    }

    /// Writes changed CSVs as files of the table's own format, each below a
    /// folder of its own.
    pub fn write(&self, place: Place<'_>, made: &[(PathBuf, PathBuf)]) -> Result<(), StoredError> {
        let plan = Plan {
            format: self.format.word(),
            files: self.below(place.original),
            csv: None,
            made: made
                .iter()
                .map(|(csv, folder)| Made {
                    csv: csv.clone(),
                    files: self.below(folder),
                })
                .collect(),
        };
        // Others' folders are not the script's to write in.
        let mut writable = BTreeSet::new();
        for file in plan.made.iter().flat_map(|made| &made.files) {
            let folder = file.parent().unwrap_or(place.room);
            std::fs::create_dir_all(folder).map_err(RunError::file("create", folder))?;
            writable.insert(folder.to_owned());
        }
        self.run("write", place, &plan, writable.into_iter().collect())
    }

    fn below(&self, folder: &Path) -> Vec<PathBuf> {
        self.files.iter().map(|file| folder.join(file)).collect()
    }

    fn run(
        &self,
        operation: &'static str,
        place: Place<'_>,
        plan: &Plan<'_>,
        mut writable: Vec<PathBuf>,
    ) -> Result<(), StoredError> {
        let tool = place.room.join(operation);
        std::fs::create_dir_all(&tool).map_err(RunError::file("create", &tool))?;
        let script = tool.join("tables.py");
        std::fs::write(&script, TABLES).map_err(RunError::file("write", &script))?;
        let list = tool.join("tables.json");
        let text = serde_json::to_vec(plan)
            .map_err(std::io::Error::other)
            .map_err(RunError::file("write", &list))?;
        std::fs::write(&list, text).map_err(RunError::file("write", &list))?;
        writable.push(place.room.to_owned());
        let batch = Batch {
            jobs: vec![vec![
                "python".to_owned(),
                script.display().to_string(),
                list.display().to_string(),
            ]],
            cwd: tool.clone(),
            readable: vec![place.original.to_owned()],
            writable,
            timeout_s: TIMEOUT_S,
            ..Batch::default()
        };
        let done = batch.run(
            place.interpreter,
            &place.room.join("batches").join(operation),
        )?;
        if done[0].code == 0 {
            return Ok(());
        }
        Err(StoredError::Refused {
            operation,
            path: self.table.clone(),
            format: self.format,
            said: done[0].complaint(),
        })
    }
}

/// Whether a file in a folder of tables is one of them.
fn is_of(file: &Path, format: TableFormat) -> bool {
    let hidden = |part: std::path::Component<'_>| {
        let name = part.as_os_str().as_encoded_bytes();
        name.starts_with(b".")
    };
    let name = file.file_name().and_then(|name| name.to_str());
    let labels = name.is_some_and(|name| LABELS.contains(&name.to_ascii_lowercase().as_str()));
    // A CSV with tabs may be called one.
    let delimited = [TableFormat::Csv, TableFormat::Tsv];
    let fits = TableFormat::named(file).is_some_and(|named| {
        named == format || (delimited.contains(&named) && delimited.contains(&format))
    });
    fits && !labels && !file.components().any(hidden)
}

/// A path without what stands for the folder itself.
fn tidy(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, std::path::Component::Normal(_)))
        .collect()
}

fn is_packed(path: &Path) -> std::io::Result<bool> {
    use std::io::Read as _;

    let mut first = Vec::new();
    std::fs::File::open(path)?.take(2).read_to_end(&mut first)?;
    Ok(first == GZIP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_stand_for_formats() {
        let named = |name: &str| TableFormat::named(Path::new(name));
        assert_eq!(named("a/B.CSV.gz"), Some(TableFormat::Csv));
        assert_eq!(named("x.tsv"), Some(TableFormat::Tsv));
        assert_eq!(named("x.jsonl.gz"), Some(TableFormat::JsonLines));
        assert_eq!(named("x.pq"), Some(TableFormat::Parquet));
        assert_eq!((named("x.txt"), named(".")), (None, None));
    }

    #[test]
    fn files_of_a_folder_are_told_by_their_names() {
        let of = |name: &str, format| is_of(Path::new(name), format);
        assert!(of("b/2.csv.gz", TableFormat::Csv) && of("1.tsv", TableFormat::Csv));
        assert!(!of("labels.csv", TableFormat::Csv) && !of(".1.csv", TableFormat::Csv));
        assert!(!of("1.csv", TableFormat::Parquet) && !of("readme.md", TableFormat::Csv));
    }

    #[test]
    fn a_plain_csv_is_read_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).expect("writes");
        };
        write("a.csv", b"x\n1\n");
        write("b.csv", &[GZIP.as_slice(), b"?"].concat());
        let of = |table: &str, format| {
            let data = Data {
                table: Some(table.into()),
                format,
                folder: None,
                labels: None,
                characters: false,
            };
            Stored::of(&data, folder.path())
        };
        assert_eq!(of("a.csv", None).expect("a table"), None);
        let packed = of("b.csv", None).expect("a table").expect("compressed");
        assert_eq!((packed.format, packed.files.len()), (TableFormat::Csv, 1));
        let both = of(".", Some(TableFormat::Csv))
            .expect("tables")
            .expect("two");
        assert_eq!(both.files, [PathBuf::from("a.csv"), PathBuf::from("b.csv")]);
        assert!(of(".", None).is_err() && of(".", Some(TableFormat::Parquet)).is_err());
        assert!(of("c.csv", None).is_err());
    }
}
