//! Experiment directories, made up where there are only a candidate's files.

use std::path::{Path, PathBuf};

use protocol::{Candidate, Experiment, PROTOCOL_VERSION};

use crate::error::HarnessError;

/// An experiment directory; one that was made up is removed when it is
/// dropped.
#[derive(Debug)]
pub enum Folder {
    /// The caller's own.
    Own(PathBuf),
    /// One that was made up.
    Made(tempfile::TempDir),
}

impl Folder {
    /// `dir` itself, or a copy of its `plan.toml` and `kernel.cpp` or `kernel.cu`, or
    /// of `model_new.py`, as an experiment on `task` where that is given.
    pub fn open(dir: &Path, task: Option<&str>) -> Result<Self, HarnessError> {
        let problem = |problem: String| HarnessError::Experiment {
            dir: dir.to_owned(),
            problem,
        };
        let Some(task) = task else {
            return Ok(Self::Own(dir.to_owned()));
        };
        let made = tempfile::tempdir().map_err(|error| problem(error.to_string()))?;
        let mut files = Vec::new();
        for name in ["plan.toml", "kernel.cpp", "kernel.cu", "model_new.py"] {
            match std::fs::copy(dir.join(name), made.path().join(name)) {
                Ok(_) => files.push(PathBuf::from(name)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(problem(format!("failed to read `{name}`: {error}"))),
            }
        }
        let alone = ["plan.toml", "model_new.py"].map(Path::new);
        if !files.iter().any(|name| alone.contains(&name.as_path())) {
            return Err(problem(
                "there is no `plan.toml`, and no `model_new.py` either".to_owned(),
            ));
        }
        let id = dir.file_name().unwrap_or_default().to_string_lossy();
        write(made.path(), &id, task, Candidate::Files { files })?;
        Ok(Self::Made(made))
    }

    /// An experiment on `task` with a point of a template's space.
    pub fn of_template(task: &str, candidate: Candidate) -> Result<Self, HarnessError> {
        let made = tempfile::tempdir().map_err(|source| HarnessError::System {
            doing: "create a folder for an experiment".to_owned(),
            source,
        })?;
        write(made.path(), "template", task, candidate)?;
        Ok(Self::Made(made))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Own(path) => path,
            Self::Made(dir) => dir.path(),
        }
    }
}

fn write(dir: &Path, id: &str, task: &str, candidate: Candidate) -> Result<(), HarnessError> {
    let problem = |problem: String| HarnessError::Experiment {
        dir: dir.to_owned(),
        problem,
    };
    let experiment = Experiment {
        schema: PROTOCOL_VERSION,
        id: id.to_owned(),
        task: task.to_owned(),
        candidate,
    };
    let text =
        serde_json::to_vec_pretty(&experiment).map_err(|error| problem(error.to_string()))?;
    std::fs::write(dir.join("experiment.json"), text).map_err(|error| problem(error.to_string()))
}
