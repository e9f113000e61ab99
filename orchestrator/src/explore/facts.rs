//! What a profile says about data, in the words that adapters are chosen by
//! and prompts are filled with.

use std::path::{Path, PathBuf};

use super::documents::{Column, Role, Severity};
use super::profile::Profile;
use crate::adapter::{ColumnFacts, ColumnKind, DataFacts, FileFacts, TimeFacts};

/// Most files that facts name: the largest ones.
const MAX_FILES: usize = 40;
/// Most columns that facts name.
const MAX_COLUMNS: usize = 200;
/// Most files that are looked at in a folder.
const MAX_LISTED: usize = 100_000;
/// Longest Python file that is searched for what it defines, in bytes.
const MAX_PYTHON: u64 = 256 << 10;
/// Most notes.
const MAX_NOTES: usize = 20;

/// What is known about `data` from its profile.
pub fn facts(profile: &Profile, data: &Path) -> DataFacts {
    let guess = &profile.findings.guess;
    let time = profile.statistics.time.as_ref().map(|time| TimeFacts {
        column: time.column.clone(),
        step_s: Some(time.step_s).filter(|step| step.is_finite() && *step > 0.0),
        first: Some(time.first.clone()),
        last: Some(time.last.clone()),
    });
    let columns = profile.schema.columns.iter().take(MAX_COLUMNS);
    let mut notes: Vec<String> = guess.reasons.clone();
    notes.extend(
        profile
            .findings
            .findings
            .iter()
            .filter(|finding| finding.severity != Severity::Info)
            .map(|finding| format!("{}: {}; {}", finding.subject, finding.saw, finding.advice)),
    );
    notes.truncate(MAX_NOTES);
    DataFacts {
        name: data
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        files: files(data),
        rows: Some(profile.schema.rows).filter(|rows| *rows > 0),
        columns: columns
            .map(|column| column_facts(column, profile))
            .collect(),
        time,
        target: guess
            .target
            .clone()
            .or_else(|| (!guess.targets.is_empty()).then(|| guess.targets.join(", "))),
        notes,
    }
}

/// What can be said about `data` without opening its tables.
pub fn outside(data: &Path) -> DataFacts {
    DataFacts {
        name: data
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        files: files(data),
        ..DataFacts::default()
    }
}

fn column_facts(column: &Column, profile: &Profile) -> ColumnFacts {
    let kind = match (column.role, column.kind.as_str()) {
        (Role::Identifier, _) => ColumnKind::Identifier,
        (Role::Time, _) | (_, "datetime") => ColumnKind::Time,
        (_, "number" | "integer") => ColumnKind::Number,
        (_, "category" | "boolean") => ColumnKind::Category,
        _ => ColumnKind::Text,
    };
    let statistics = profile.statistics.columns.get(&column.name);
    ColumnFacts {
        name: column.name.clone(),
        kind,
        missing: statistics.map(|statistics| statistics.missing),
        distinct: column.distinct_exact.then_some(column.distinct),
    }
}

/// The largest files of a folder, or the one file.
fn files(data: &Path) -> Vec<FileFacts> {
    let single = data.is_file().then(|| {
        let name = PathBuf::from(data.file_name().unwrap_or_default());
        (name, data.to_owned())
    });
    let mut found: Vec<(u64, PathBuf, PathBuf)> = single
        .into_iter()
        .chain(listed(data))
        .filter_map(|(relative, path)| Some((path.metadata().ok()?.len(), relative, path)))
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.truncate(MAX_FILES);
    found
        .into_iter()
        .map(|(bytes, relative, path)| FileFacts {
            path: relative.to_string_lossy().into_owned(),
            bytes,
            defines: if bytes <= MAX_PYTHON {
                defined(&path)
            } else {
                Vec::new()
            },
        })
        .collect()
}

fn listed(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let entries = folder.join(&below).read_dir();
        for entry in entries.into_iter().flatten().flatten() {
            let relative = below.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(relative),
                Ok(_) => found.push((relative, entry.path())),
                Err(_) => {}
            }
            if found.len() >= MAX_LISTED {
                return found;
            }
        }
    }
    found
}

/// Names that a Python file defines at its top level.
fn defined(path: &Path) -> Vec<String> {
    if path.extension().is_none_or(|extension| extension != "py") {
        return Vec::new();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let name = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let rest = ["class ", "def ", "async def "]
                .iter()
                .find_map(|word| line.strip_prefix(word));
            match rest {
                Some(rest) => Some(name(rest)),
                None => line
                    .split_once(" = ")
                    .map(|(left, _)| left)
                    .filter(|left| *left == name(left))
                    .map(str::to_owned),
            }
        })
        .filter(|name| !name.is_empty())
        .collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_level_names_of_python() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("task.py");
        let text = "import torch\nN = 3\nclass Model(nn.Module):\n    def forward(self):\n        x = 1\ndef get_inputs():\n    return []\n";
        std::fs::write(&path, text).expect("writes");
        assert_eq!(defined(&path), ["N", "Model", "get_inputs"]);
        let facts = files(folder.path());
        assert_eq!(facts.len(), 1);
        assert_eq!(
            (facts[0].path.as_str(), facts[0].bytes),
            ("task.py", text.len() as u64)
        );
        assert_eq!(files(&path), facts);
    }
}
