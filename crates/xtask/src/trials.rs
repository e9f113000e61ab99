//! The trials of the campaign engine: each builds `alphalab` and runs one of
//! its examples to the end. They need neither torch nor any Python, so that
//! nothing is set up.

use anyhow::{Context, Result, bail};

use crate::problem::Problems;
use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{checks, compile, spawn};

/// Which trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// `kill -9` at random instants.
    Kills,
    /// A campaign of ten thousand experiments.
    Scale,
    /// Candidates that cheat.
    Cheats,
    /// Known optima.
    Recovery,
}

impl Trial {
    /// The example, and its arguments before those of the user.
    fn command(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Kills => ("trials", &["kills"]),
            Self::Scale => ("scale", &[]),
            Self::Cheats => ("trials", &["cheats"]),
            Self::Recovery => ("trials", &["recovery"]),
        }
    }
}

/// Builds, and runs a trial with `args`; `true` if it passed.
pub(crate) fn run(workspace: &Workspace, trial: Trial, args: &[String]) -> Result<bool> {
    let problems: Vec<_> = [checks::platform(), checks::compiler()]
        .into_iter()
        .flatten()
        .collect();
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    if !compile::orchestrator(workspace, Ui::new("trials"))? {
        bail!("the build failed");
    }
    let (name, first) = trial.command();
    let program = workspace.binaries().join("examples").join(name);
    let mut command = spawn::command(&program);
    let status = command
        .args(first)
        .args(args)
        .status()
        .with_context(|| format!("failed to start {}", program.display()))?;
    Ok(status.success())
}
