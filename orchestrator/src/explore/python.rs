//! The agents' Python: where it is, and what a sandbox must let it see.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ExploreError;

/// Folder of the environment in a checkout, where no other is named.
const USUAL: &str = ".venv-agents";

/// What `cargo xtask setup` installs into the agents' environment.
const LOCK: &str = include_str!("../../python/requirements.lock");

/// Names of the packages in the agents' environment.
pub fn packages() -> Vec<String> {
    LOCK.lines()
        .filter(|line| !line.starts_with(['#', ' ']))
        .filter_map(|line| line.split_once("=="))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The same with their versions, as `name==version`.
pub fn pins() -> Vec<String> {
    LOCK.lines()
        .filter(|line| !line.starts_with(['#', ' ']) && line.contains("=="))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The environment that `cargo xtask setup` makes for agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentsPython {
    venv: PathBuf,
    base: PathBuf,
}

impl AgentsPython {
    /// The environment in the folder that `ALPHALAB_AGENT_VENV` names (its
    /// value is `asked`), else the usual one below `home`.
    pub fn find(asked: Option<OsString>, home: &Path) -> Result<Self, ExploreError> {
        match asked {
            Some(folder) if !folder.is_empty() => Self::at(&home.join(folder)),
            _ => Self::at(&home.join(USUAL)),
        }
    }

    /// The environment in this folder.
    pub fn at(folder: &Path) -> Result<Self, ExploreError> {
        let lacks = |lacks| ExploreError::Python {
            folder: folder.to_owned(),
            lacks,
        };
        let venv = folder
            .canonicalize()
            .map_err(|_| lacks("there is no such folder"))?;
        let real = venv
            .join("bin/python")
            .canonicalize()
            .map_err(|_| lacks("it has no `bin/python`"))?;
        if !venv.join("pyvenv.cfg").is_file() {
            return Err(lacks("it has no `pyvenv.cfg`"));
        }
        if venv.join(".alphalab-installing").exists() {
            return Err(lacks("its installation was interrupted"));
        }
        let base = real
            .parent()
            .and_then(Path::parent)
            .ok_or_else(|| lacks("its interpreter has no folder"))?;
        Ok(Self {
            base: base.to_owned(),
            venv,
        })
    }

    /// The interpreter to start.
    pub fn interpreter(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    /// The folder of the environment.
    pub fn folder(&self) -> &Path {
        &self.venv
    }

    /// What it reads: the environment, and the installation underneath unless
    /// that is the system's, which a sandbox shows anyway.
    pub fn read_only(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.venv.clone()];
        if !self.base.starts_with("/usr") && self.base != Path::new("/") {
            paths.push(self.base.clone());
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_those_of_the_lock() {
        let packages = packages();
        assert!(packages.contains(&"pandas".to_owned()), "{packages:?}");
        assert!(packages.iter().all(|name| !name.contains(['=', ' '])));
    }

    fn lacks(folder: &Path) -> &'static str {
        match AgentsPython::at(folder) {
            Err(ExploreError::Python { lacks, .. }) => lacks,
            other => panic!("expected a lack, got {other:?}"),
        }
    }

    #[test]
    fn each_lack_is_told_apart() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let venv = folder.path().join("venv");
        assert_eq!(lacks(&venv), "there is no such folder");
        std::fs::create_dir_all(venv.join("bin")).expect("creates");
        assert_eq!(lacks(&venv), "it has no `bin/python`");
        let base = folder.path().join("base/bin");
        std::fs::create_dir_all(&base).expect("creates");
        std::fs::write(base.join("python3"), "").expect("writes");
        std::os::unix::fs::symlink(base.join("python3"), venv.join("bin/python")).expect("links");
        assert_eq!(lacks(&venv), "it has no `pyvenv.cfg`");
        std::fs::write(venv.join("pyvenv.cfg"), "").expect("writes");
        let found = AgentsPython::at(&venv).expect("is there");
        let real = |path: PathBuf| path.canonicalize().expect("exists");
        assert_eq!(
            found.read_only(),
            [real(venv.clone()), real(folder.path().join("base"))]
        );
        std::fs::write(venv.join(".alphalab-installing"), "").expect("writes");
        assert_eq!(lacks(&venv), "its installation was interrupted");
    }

    #[test]
    fn the_message_names_the_folder_and_the_remedy() {
        let error = AgentsPython::find(Some("elsewhere".into()), Path::new("/nowhere"))
            .expect_err("is not there");
        let text = error.to_string();
        assert!(text.contains("/nowhere/elsewhere"), "{text}");
        assert!(text.contains("cargo xtask setup"), "{text}");
        let error = AgentsPython::find(None, Path::new("/nowhere")).expect_err("is not there");
        assert!(error.to_string().contains("/nowhere/.venv-agents"));
    }
}
