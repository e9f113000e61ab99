//! Finding task files and hashing them.

use std::path::{Path, PathBuf};

use protocol::ContentHash;

use crate::core::event::{Event, FrozenTask};
use crate::core::settings::TaskSource;
use crate::store::{MAX_PAYLOAD_BYTES, size};

/// Why tasks can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Nothing there, or not readable.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A folder without tasks.
    #[error("there is no `.{extension}` file in `{}`", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// Extension of tasks.
        extension: String,
    },
    /// A task that isn't there.
    #[error("there is no task `{name}` in `{}`: it has {known}", path.display())]
    Unknown {
        /// The task.
        name: String,
        /// The folder.
        path: PathBuf,
        /// Those it has.
        known: String,
    },
    /// More than the log has room for.
    #[error(
        "{count} tasks in `{}` are too many for one campaign: what freezes their evaluation would \
         take {bytes} bytes of the log, and {MAX_PAYLOAD_BYTES} are allowed; choose some with --tasks", path.display()
    )]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// Tasks.
        count: usize,
        /// Bytes of the event.
        bytes: usize,
    },
}

/// The tasks in `data`, a folder or one file, in the order of their names;
/// those in `only`, if it names any.
pub fn find(data: &Path, extension: &str, only: &[String]) -> Result<Vec<TaskSource>, TaskError> {
    let read = |path: &Path| {
        let path = path.to_owned();
        move |source| TaskError::Read { path, source }
    };
    let data = data.canonicalize().map_err(read(data))?;
    let files = if data.is_dir() {
        let mut files = Vec::new();
        for entry in data.read_dir().map_err(read(&data))? {
            let path = entry.map_err(read(&data))?.path();
            if path.extension().is_some_and(|e| e == extension) && path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        files
    } else {
        vec![data.clone()]
    };
    if files.is_empty() {
        return Err(TaskError::Empty {
            path: data,
            extension: extension.to_owned(),
        });
    }
    let all: Vec<TaskSource> = files
        .iter()
        .map(|path| TaskSource {
            name: path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            source: path.to_string_lossy().into_owned(),
        })
        .collect();
    let chosen: Vec<TaskSource> = if only.is_empty() {
        all
    } else {
        choose(&all, only, &data)?
    };
    let bytes = size(&frozen(&chosen));
    if bytes > MAX_PAYLOAD_BYTES {
        return Err(TaskError::TooMany {
            path: data,
            count: chosen.len(),
            bytes,
        });
    }
    Ok(chosen)
}

/// What will freeze the evaluation of these tasks, but for the hashes in it.
fn frozen(tasks: &[TaskSource]) -> Event {
    let hash = ContentHash::of_parts(std::iter::empty());
    let task = |task: &TaskSource| FrozenTask {
        name: task.name.clone(),
        source: hash.clone(),
        inspection: hash.clone(),
    };
    Event::EvaluationFrozen {
        lab: String::new(),
        version: String::new(),
        tasks: tasks.iter().map(task).collect(),
        hash: hash.clone(),
        baseline: None,
    }
}

fn choose(all: &[TaskSource], only: &[String], data: &Path) -> Result<Vec<TaskSource>, TaskError> {
    only.iter()
        .map(|name| {
            all.iter()
                .find(|task| task.name == *name)
                .cloned()
                .ok_or_else(|| TaskError::Unknown {
                    name: name.clone(),
                    path: data.to_owned(),
                    known: all
                        .iter()
                        .map(|task| task.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", "),
                })
        })
        .collect()
}

/// Hash of a task's file and of all files of the same stem beside it.
pub fn hash(source: &Path) -> Result<ContentHash, TaskError> {
    let read = |path: &Path| {
        let path = path.to_owned();
        move |error| TaskError::Read {
            path,
            source: error,
        }
    };
    let mut files = vec![source.to_owned()];
    if let (Some(folder), Some(stem)) = (source.parent(), source.file_stem()) {
        for entry in folder.read_dir().map_err(read(folder))? {
            let path = entry.map_err(read(folder))?.path();
            if path.file_stem() == Some(stem) && path != source && path.is_file() {
                files.push(path);
            }
        }
    }
    files[1..].sort();
    let mut parts = Vec::new();
    for path in &files {
        let name = path.file_name().map(|n| n.as_encoded_bytes().to_vec());
        parts.push(name.unwrap_or_default());
        parts.push(std::fs::read(path).map_err(read(path))?);
    }
    Ok(ContentHash::of_parts(parts.iter().map(Vec::as_slice)))
}

#[cfg(test)]
mod tests {
    use super::{TaskError, find};

    #[test]
    fn more_tasks_than_the_log_has_room_for_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..500 {
            std::fs::write(folder.path().join(format!("task{number}.py")), "").expect("writes");
        }
        let error = find(folder.path(), "py", &[]).expect_err("is too much");
        assert!(matches!(error, TaskError::TooMany { count: 500, .. }));
        let two = ["task7".to_owned(), "task3".to_owned()];
        let found = find(folder.path(), "py", &two).expect("is little");
        assert_eq!(
            found.iter().map(|task| &task.name).collect::<Vec<_>>(),
            [&two[0], &two[1]]
        );
    }
}
