//! The published quality of a folder's tasks: `admission.json` beside them.

use std::path::{Path, PathBuf};

use protocol::ContentHash;
use serde::{Deserialize, Serialize};

use super::rules::Quality;
use super::{Admitted, RULES};
use crate::cache::Cache;
use crate::error::HarnessError;
use crate::task::TaskSource;

/// Name of the file in the tasks' folder.
pub const FILE: &str = "admission.json";

/// A published manifest. The same tasks, lab and seed give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document.
    pub schema: u32,
    /// Version of the rules that were applied.
    pub rules: u32,
    /// Version of the lab that applied them.
    pub lab: String,
    /// What the parameters and inputs were derived from, in hexadecimal.
    pub seed: String,
    /// One entry for each task, by name.
    pub tasks: Vec<Entry>,
}

/// What is published of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name.
    pub task: String,
    /// Verdict.
    pub quality: Quality,
    /// Why, where it is not `ok`: a code, and what showed it.
    pub reasons: Vec<String>,
    /// Mutants that pass.
    pub passed_mutants: Vec<String>,
    /// Number of mutants that fail.
    pub failed_mutants: usize,
    /// The sizes that this holds for: `cpu`, `sim`, …
    pub size: String,
    /// Hash of the task's file and its sizes.
    pub hash: ContentHash,
}

/// What a manifest says about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It was admitted as it is now.
    Entry(Box<Entry>),
    /// Its files, the rules or the lab have changed since.
    Stale,
    /// It is in no manifest.
    Missing,
}

impl Published {
    /// The verdict, where it holds.
    pub fn quality(&self) -> Option<Quality> {
        match self {
            Self::Entry(entry) => Some(entry.quality),
            Self::Stale | Self::Missing => None,
        }
    }

    /// Why the verdict is not `ok`.
    pub fn reasons(&self) -> &[String] {
        match self {
            Self::Entry(entry) => &entry.reasons,
            Self::Stale | Self::Missing => &[],
        }
    }

    /// What `inspect`, `suite` and reports say: the verdict, `stale`, or
    /// nothing.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Entry(entry) => Some(entry.quality.name()),
            Self::Stale => Some("stale"),
            Self::Missing => None,
        }
    }
}

impl Manifest {
    /// An empty manifest of this lab.
    pub fn new(seed: u64) -> Self {
        Self {
            schema: 1,
            rules: RULES,
            lab: env!("CARGO_PKG_VERSION").to_owned(),
            seed: format!("{seed:016x}"),
            tasks: Vec::new(),
        }
    }

    /// Reads a manifest; `None` where there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>, HarnessError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(HarnessError::File {
                    doing: "read",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let manifest = serde_json::from_str(&text).map_err(|error| HarnessError::Manifest {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Some(manifest))
    }

    /// Puts an entry in the place of the task's last one.
    pub fn put(&mut self, entry: Entry) {
        match self
            .tasks
            .binary_search_by(|other| other.task.cmp(&entry.task))
        {
            Ok(index) => self.tasks[index] = entry,
            Err(index) => self.tasks.insert(index, entry),
        }
    }

    /// Whether entries of `other` may stand beside this one's.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.schema, self.rules, &self.lab, &self.seed)
            == (other.schema, other.rules, &other.lab, &other.seed)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, HarnessError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| HarnessError::System {
            doing: "write a manifest".to_owned(),
            source: std::io::Error::other(error),
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), HarnessError> {
        Cache::store(path, &self.to_bytes()?)
    }

    /// What it says about a task.
    pub fn of(&self, task: &TaskSource) -> Published {
        let own = Self::new(0);
        let current = (self.schema, self.rules, &self.lab) == (own.schema, own.rules, &own.lab);
        match self.tasks.iter().find(|entry| entry.task == task.name) {
            None => Published::Missing,
            Some(entry) if current && entry.hash == task.hash => {
                Published::Entry(Box::new(entry.clone()))
            }
            Some(_) => Published::Stale,
        }
    }
}

/// What the manifest beside a task says about it.
pub fn published(task: &TaskSource) -> Result<Published, HarnessError> {
    let folder = task.path.parent().map(Path::to_owned).unwrap_or_default();
    let path: PathBuf = folder.join(FILE);
    Ok(match Manifest::read(&path)? {
        Some(manifest) => manifest.of(task),
        None => Published::Missing,
    })
}

impl From<&Admitted> for Entry {
    fn from(admitted: &Admitted) -> Self {
        Self {
            task: admitted.task.clone(),
            quality: admitted.quality,
            reasons: admitted
                .reasons
                .iter()
                .map(|reason| format!("{}: {}", reason.code, reason.of))
                .collect(),
            passed_mutants: admitted.passed_mutants.clone(),
            failed_mutants: admitted.failed_mutants.len(),
            size: admitted.size.clone(),
            hash: admitted.hash.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::TaskLibrary;

    /// A task of that text.
    fn source(name: &str, text: &str) -> TaskSource {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(format!("{name}.py")), text).unwrap();
        let library = TaskLibrary::new(dir.path().to_owned());
        library.find(name).unwrap()
    }

    fn entry(task: &TaskSource) -> Entry {
        Entry {
            task: task.name.clone(),
            quality: Quality::Ok,
            reasons: Vec::new(),
            passed_mutants: Vec::new(),
            failed_mutants: 7,
            size: "cpu".to_owned(),
            hash: task.hash.clone(),
        }
    }

    #[test]
    fn an_entry_holds_for_the_files_and_the_lab_it_was_made_with() {
        let task = source("a", "one");
        let mut manifest = Manifest::new(1);
        assert_eq!(manifest.of(&task), Published::Missing);
        manifest.put(entry(&task));
        assert_eq!(manifest.of(&task), Published::Entry(Box::new(entry(&task))));
        assert_eq!(manifest.of(&source("a", "two")), Published::Stale);
        for older in [
            Manifest {
                lab: "0.0.0".to_owned(),
                ..manifest.clone()
            },
            Manifest {
                rules: RULES - 1,
                ..manifest.clone()
            },
        ] {
            assert_eq!(older.of(&task), Published::Stale);
            assert!(!older.is_like(&manifest));
        }
    }

    #[test]
    fn entries_are_sorted_and_replaced_and_bytes_are_stable() {
        let mut manifest = Manifest::new(1);
        for name in ["b", "c", "a", "b"] {
            manifest.put(entry(&source(name, name)));
        }
        let names: Vec<&str> = manifest.tasks.iter().map(|entry| &*entry.task).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(Manifest::read(&path).unwrap(), None);
        manifest.write(&path).unwrap();
        let again = Manifest::read(&path).unwrap().unwrap();
        assert_eq!(again, manifest);
        assert_eq!(again.to_bytes().unwrap(), std::fs::read(&path).unwrap());
    }

    #[test]
    fn a_broken_manifest_names_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, r#"{"schema": 1, "task": []}"#).unwrap();
        let error = Manifest::read(&path).unwrap_err();
        assert!(error.is_input());
        let text = error.to_string();
        assert!(text.contains(FILE) && text.contains("`task`"), "{text}");
    }
}
