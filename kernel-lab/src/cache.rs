//! What the lab keeps between processes: compiled candidates, compiled
//! baselines, and which baseline won. Times are never kept.

use std::path::{Path, PathBuf};

use crate::error::HarnessError;

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Uses `root`, which is created on demand.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Objects of compiled candidates.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// What `torch.compile` made, in its own format.
    pub fn inductor(&self) -> PathBuf {
        self.root.join("inductor")
    }

    /// Sizes of tasks that bring none, one table per task and machine.
    pub fn sizes(&self) -> PathBuf {
        self.root.join("sizes")
    }

    /// Which baseline won, one small file per key.
    pub fn baselines(&self) -> PathBuf {
        self.root.join("baselines")
    }

    /// Writes a small file of the cache, whole or not at all.
    pub(crate) fn store(path: &Path, bytes: &[u8]) -> Result<(), HarnessError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| HarnessError::File {
                doing: "create",
                path: parent.to_owned(),
                source,
            })?;
        }
        sandbox::fs::write_atomic(path, bytes)
            .map_err(HarnessError::process(format!("write `{}`", path.display())))
    }
}
