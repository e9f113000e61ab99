//! Finding a task by name or path, and its sizes per device.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::ContentHash;

use super::sizes::{SizeOrigin, Sizes, read_beside};
use crate::error::HarnessError;

/// A task on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSource {
    /// File name without its extension.
    pub name: String,
    /// The Python file.
    pub path: PathBuf,
    /// Overrides of the module's constants, by device (`cpu`, `cuda`, `sim`).
    pub sizes: BTreeMap<String, Sizes>,
    /// Where those for the device that is measured come from.
    pub origin: SizeOrigin,
    /// Hash of the Python file and its sizes.
    pub hash: ContentHash,
}

/// A folder of tasks.
#[derive(Clone, Debug)]
pub struct TaskLibrary {
    dir: PathBuf,
}

impl TaskLibrary {
    /// Tasks in `dir`; nothing is read yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Names of the tasks, sorted.
    pub fn names(&self) -> Result<Vec<String>, HarnessError> {
        let entries = fs::read_dir(&self.dir).map_err(|source| HarnessError::File {
            doing: "list the tasks in",
            path: self.dir.clone(),
            source,
        })?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_task = path.extension().is_some_and(|extension| extension == "py")
                    && !path.file_name()?.to_str()?.starts_with('_');
                is_task.then(|| path.file_stem()?.to_str().map(str::to_owned))?
            })
            .collect();
        names.sort();
        Ok(names)
    }

    /// Finds a task by its name in this folder, or by the path of its file.
    pub fn find(&self, task: &str) -> Result<TaskSource, HarnessError> {
        let problem = |problem: String| HarnessError::Task {
            task: task.to_owned(),
            problem,
        };
        let path = if Path::new(task).extension().is_some_and(|e| e == "py") {
            PathBuf::from(task)
        } else {
            self.dir.join(format!("{task}.py"))
        };
        let source = fs::read(&path).map_err(|error| {
            let known = self.names().unwrap_or_default().join(", ");
            problem(format!(
                "failed to read `{}`: {error}; known tasks: {known}",
                path.display()
            ))
        })?;
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .ok_or_else(|| problem("its file name is not valid text".to_owned()))?
            .to_owned();
        let sizes_path = path.with_extension("toml");
        let (sizes, sizes_text) = match fs::read_to_string(&sizes_path) {
            Ok(text) => (
                read_beside(&text)
                    .map_err(|error| problem(format!("`{}`: {error}", sizes_path.display())))?,
                text,
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (BTreeMap::new(), String::new())
            }
            Err(error) => {
                return Err(problem(format!(
                    "failed to read `{}`: {error}",
                    sizes_path.display()
                )));
            }
        };
        let origin = if sizes.is_empty() {
            SizeOrigin::Module
        } else {
            SizeOrigin::Beside
        };
        Ok(TaskSource {
            name,
            path,
            origin,
            sizes,
            hash: source_hash(&source, &sizes_text),
        })
    }
}

/// Hash of a task's Python file and of the file of its sizes, which is empty
/// where there is none.
pub fn source_hash(python: &[u8], sizes: &str) -> ContentHash {
    ContentHash::of_parts([python, sizes.as_bytes()])
}

/// Hash of a task at one of its sizes, with the constants as they then are.
pub fn sized_hash(source: &ContentHash, size: &str, constants: &[(String, i64)]) -> ContentHash {
    ContentHash::of_parts([
        source.as_str().as_bytes(),
        size.as_bytes(),
        format!("{constants:?}").as_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_task_lists_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b.py"), "").unwrap();
        fs::write(dir.path().join("a.py"), "").unwrap();
        let library = TaskLibrary::new(dir.path().to_owned());
        let error = library.find("c").unwrap_err().to_string();
        assert!(error.contains("a, b"), "{error}");
        assert_eq!(library.find("a").unwrap().name, "a");
    }
}
