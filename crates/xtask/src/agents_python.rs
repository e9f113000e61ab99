//! The agents' Python: a second environment, without torch, in which agents
//! run their scripts. Every package in it, whatever it came with, is pinned by
//! version and by the hash of its wheel.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::checks;
use crate::problem::Problem;
use crate::python::Python;
use crate::ui::Ui;
use crate::venv::{Recipe, Venv};

/// The environment takes 0.75 GB; pip needs room beside it.
const ROOM_GB: u64 = 2;

static AGENTS: Recipe = Recipe {
    what: "the agents' Python packages (pandas, scikit-learn, statsmodels, ...)",
    usually: "about 1 min, 0.75 GB",
    requirements: include_str!("../../../orchestrator/python/requirements.lock"),
    hashed: "",
    options: &["--require-hashes", "--only-binary", ":all:", "--no-deps"],
    modules: "numpy, pandas, scipy, sklearn, statsmodels, matplotlib, pyarrow",
    parts: &[
        "numpy/__init__.py",
        "pandas/__init__.py",
        "scipy/__init__.py",
        "sklearn/__init__.py",
        "statsmodels/__init__.py",
        "matplotlib/__init__.py",
        "pyarrow/__init__.py",
    ],
    variable: "ALPHALAB_AGENT_VENV",
};

/// The agents' environment as it was found, locked against another set-up.
#[derive(Debug)]
pub(crate) struct AgentsPython {
    folder: PathBuf,
    venv: Venv,
    ready: bool,
}

impl AgentsPython {
    /// Looks what is there; changes nothing but the lock.
    pub(crate) fn look(folder: &Path, wanted: Option<&Python>, ui: Ui) -> Result<Self> {
        let venv = Venv::lock(folder, &AGENTS, ui)?;
        Ok(Self {
            folder: folder.to_owned(),
            ready: venv.ready(wanted)?.is_some(),
            venv,
        })
    }

    /// What keeps it from being made.
    pub(crate) fn problem(&self) -> Option<Problem> {
        (!self.ready)
            .then(|| checks::room(&self.folder, ROOM_GB, AGENTS.variable))
            .flatten()
    }

    /// Makes or repairs it, if it is not right already.
    pub(crate) fn complete(&self, python: &Python, log: &Path, ui: Ui) -> Result<()> {
        if self.ready {
            return Ok(());
        }
        self.venv.install(python, log, ui)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venv::TORCH;

    /// A lock's requirements: `name==version` and the number of hashes.
    fn locked(lock: &str) -> Vec<(String, usize)> {
        let mut found: Vec<(String, usize)> = Vec::new();
        for line in lock.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.trim_end_matches('\\').trim();
            if let Some(hash) = line.strip_prefix("--hash=sha256:") {
                assert_eq!(hash.len(), 64, "{line}");
                assert!(hash.chars().all(|c| c.is_ascii_hexdigit()), "{line}");
                found.last_mut().expect("a requirement before its hash").1 += 1;
            } else {
                assert!(line.contains("=="), "{line} is not pinned");
                found.push((line.to_owned(), 0));
            }
        }
        found
    }

    #[test]
    fn every_package_is_pinned_and_hashed() {
        let packages = locked(AGENTS.requirements);
        assert!(packages.len() > 20, "{packages:?}");
        let headers = locked(TORCH.hashed);
        assert_eq!(headers.len(), 2, "{headers:?}");
        for (requirement, hashes) in packages.iter().chain(&headers) {
            assert!(*hashes > 0, "{requirement} has no hash");
        }
    }

    #[test]
    fn numpy_is_the_version_of_the_environment_with_torch() {
        let numpy = |line: &&str| line.starts_with("numpy==");
        let with_torch = TORCH.requirements.lines().find(numpy).expect("numpy");
        assert!(
            locked(AGENTS.requirements)
                .iter()
                .any(|(line, _)| line == with_torch),
            "{with_torch}"
        );
    }

    #[test]
    fn what_must_load_is_what_is_looked_for() {
        let modules: Vec<&str> = AGENTS.modules.split(", ").collect();
        assert_eq!(modules.len(), AGENTS.parts.len());
        for (module, part) in modules.iter().zip(AGENTS.parts) {
            assert_eq!(*part, format!("{module}/__init__.py"));
        }
    }
}
