//! Which candidate stands for which task.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kernel_lab::evaluate::{Folder, Lab, read_experiment};
use protocol::Candidate;
use serde::Deserialize;

use crate::BenchError;

/// A candidate's folder, and whether it is an experiment or files alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    dir: PathBuf,
    is_experiment: bool,
}

/// The candidates in a folder, by task.
pub(crate) fn in_folder(folder: &Path) -> Result<BTreeMap<String, Found>, BenchError> {
    let problem = |text: String| BenchError::Input(format!("`{}`: {text}", folder.display()));
    let entries = fs::read_dir(folder)
        .map_err(|error| problem(format!("failed to list the candidates: {error}")))?;
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for entry in entries {
        let dir = entry
            .map_err(|error| problem(format!("failed to list the candidates: {error}")))?
            .path();
        let is_experiment = dir.join("experiment.json").is_file();
        let task = if is_experiment {
            read_experiment(&dir)?.task
        } else if dir.join("plan.toml").is_file() {
            dir.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        } else {
            continue;
        };
        let this = Found { dir, is_experiment };
        if let Some(other) = found.get(&task) {
            return Err(problem(format!(
                "`{}` and `{}` are both candidates for task `{task}`",
                other.dir.display(),
                this.dir.display()
            )));
        }
        found.insert(task, this);
    }
    if found.is_empty() {
        return Err(problem(
            "no folder in it has an `experiment.json` or a `plan.toml`".to_owned(),
        ));
    }
    Ok(found)
}

/// A candidate that is ready to be judged.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its experiment.
    pub(crate) folder: Folder,
    /// What it is, for people.
    pub(crate) what: String,
}

impl Entry {
    /// The candidate of `task`: the one that was found, or the first template
    /// that fits.
    pub(crate) fn of(lab: &mut Lab, task: &str, found: Option<&Found>) -> Result<Self, BenchError> {
        if let Some(found) = found {
            let for_files = (!found.is_experiment).then_some(task);
            return Ok(Self {
                folder: Folder::open(&found.dir, for_files)?,
                what: found.dir.display().to_string(),
            });
        }
        let spaces = lab.inspect(task)?.spaces;
        let Some(space) = spaces.into_iter().next() else {
            return Err(BenchError::Input(format!(
                "task `{task}`: no template fits it; give a candidate with --candidates"
            )));
        };
        let what = format!("template {} at its defaults", space.template);
        let candidate = Candidate::template(space.template, BTreeMap::new());
        Ok(Self {
            folder: Folder::of_template(task, candidate)?,
            what,
        })
    }
}

/// The tasks of a campaign that names none.
pub(crate) fn default_tasks(home: &Path) -> Result<Vec<String>, BenchError> {
    #[derive(Deserialize)]
    struct Manifest {
        default_tasks: Vec<String>,
    }
    let path = home.join("adapters/cuda-kernels/manifest.toml");
    let problem = |error: &dyn std::fmt::Display| {
        BenchError::Input(format!(
            "failed to read the default tasks in `{}`: {error}; name some with --tasks",
            path.display()
        ))
    };
    let text = fs::read_to_string(&path).map_err(|error| problem(&error))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| problem(&error))?;
    Ok(manifest.default_tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn exports_and_experiments_are_candidates() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "softmax/plan.toml", "");
        write(dir.path(), "notes.txt", "");
        write(dir.path(), "empty/readme", "");
        let experiment = r#"{"schema": 1, "id": "e1", "task": "gelu",
            "candidate": {"kind": "template", "template": "map"}}"#;
        write(dir.path(), "e0001/experiment.json", experiment);
        let found = in_folder(dir.path()).unwrap();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["gelu", "softmax"]);
        assert!(found["gelu"].is_experiment && !found["softmax"].is_experiment);

        write(dir.path(), "gelu/plan.toml", "");
        let error = in_folder(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("both") && error.contains("`gelu`"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_candidates_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for folder in [dir.path().to_owned(), dir.path().join("nowhere")] {
            let error = in_folder(&folder).unwrap_err();
            assert!(error.is_input());
            assert!(
                error.to_string().contains(&folder.display().to_string()),
                "{error}"
            );
        }
    }

    #[test]
    fn the_default_tasks_are_those_of_the_adapter() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tasks = default_tasks(&home).unwrap();
        assert!(tasks.contains(&"softmax".to_owned()), "{tasks:?}");
    }
}
