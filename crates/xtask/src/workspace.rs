//! Where things are: the checkout, Cargo's target directory, the virtual
//! environment, and which packages the workspace has.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::spawn;

/// The checkout that this command works on.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// The virtual environment, which may not exist yet.
    pub(crate) venv: PathBuf,
    /// The virtual environment of the agents, which may not exist yet.
    pub(crate) agent_venv: PathBuf,
    /// The names of the workspace's packages.
    pub(crate) packages: Vec<String>,
    /// What is built, and where it lies.
    pub(crate) profile: Profile,
}

/// Cargo's profiles that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What users run, and what is measured.
    Release,
    /// What the tests of the workspace run: quicker to build.
    Suite,
}

impl Profile {
    /// Its name, which is that of its folder too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Suite => "suite",
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Workspace {
    /// Asks Cargo about the workspace of the current directory, and the
    /// environment about `ALPHALAB_VENV` and `ALPHALAB_AGENT_VENV`.
    pub(crate) fn locate(profile: Profile) -> Result<Self> {
        let mut command = spawn::command(cargo());
        command.args(["metadata", "--no-deps", "--format-version=1", "--quiet"]);
        let output = command.output().context("failed to start cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .context("failed to read the output of cargo metadata")?;
        Ok(Self {
            venv: folder(
                &metadata.workspace_root,
                env::var_os("ALPHALAB_VENV"),
                ".venv",
            ),
            agent_venv: folder(
                &metadata.workspace_root,
                env::var_os("ALPHALAB_AGENT_VENV"),
                ".venv-agents",
            ),
            root: metadata.workspace_root,
            target: metadata.target_directory,
            packages: metadata.packages.into_iter().map(|p| p.name).collect(),
            profile,
        })
    }

    /// The untracked Cargo configuration that `setup` writes.
    pub(crate) fn local_config(&self) -> PathBuf {
        self.root.join(".cargo/local.toml")
    }

    /// Where the built binaries lie.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join(self.profile.name())
    }

    /// Where the output of long steps is kept.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }
}

/// The Cargo that runs this command, or the one on `PATH`.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn folder(root: &Path, asked: Option<OsString>, usual: &str) -> PathBuf {
    match asked {
        Some(path) if !path.is_empty() => root.join(path),
        _ => root.join(usual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_lives_in_the_checkout_unless_asked_elsewhere() {
        let root = Path::new("/checkout");
        let venv = |root, asked| folder(root, asked, ".venv");
        assert_eq!(venv(root, None), Path::new("/checkout/.venv"));
        assert_eq!(venv(root, Some("".into())), Path::new("/checkout/.venv"));
        assert_eq!(venv(root, Some("env".into())), Path::new("/checkout/env"));
        assert_eq!(venv(root, Some("/else".into())), Path::new("/else"));
    }
}
