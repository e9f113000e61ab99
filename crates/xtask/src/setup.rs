//! `cargo xtask setup`: from a bare machine to one where the labs build.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::agents_python::AgentsPython;
use crate::checks;
use crate::environment::Environment;
use crate::problem::Problems;
use crate::python;
use crate::ui::Ui;
use crate::venv::{self, TORCH, Venv};
use crate::workspace::Workspace;

/// A machine where the labs build.
#[derive(Debug)]
pub(crate) struct Ready {
    /// What builds and labs need to know.
    pub(crate) environment: Environment,
    took: Duration,
}

impl Ready {
    /// The result in one line.
    pub(crate) fn summary(&self) -> String {
        format!(
            "setup: ready in {:.1} s (Python {}, torch {}, {}, agents' Python {})",
            self.took.as_secs_f64(),
            self.environment.python.version(),
            venv::torch_version(),
            self.environment.venv.display(),
            self.environment.agents.display()
        )
    }
}

/// The environment with torch takes 4.7 GB; pip needs room beside it.
const ROOM_GB: u64 = 7;

/// Checks the machine, makes the virtual environments if need be, and writes
/// the Cargo configuration that points at them. Does nothing twice.
///
/// # Errors
///
/// [`Problems`] if the machine lacks something, all of it at once; others if
/// pip or the file system fails.
pub(crate) fn setup(workspace: &Workspace) -> Result<Ready> {
    let started = Instant::now();
    let ui = Ui::new("setup");
    let mut problems: Vec<_> = [checks::platform(), checks::compiler()]
        .into_iter()
        .flatten()
        .collect();

    let wanted = python::wanted()?;
    let venv = Venv::lock(&workspace.venv, &TORCH, ui)?;
    let ready = venv.ready(wanted.as_ref())?;
    let agents = AgentsPython::look(&workspace.agent_venv, wanted.as_ref(), ui)?;
    problems.extend(agents.problem());
    let mut chosen = None;
    if ready.is_none() {
        problems.extend(checks::room(&workspace.venv, ROOM_GB, TORCH.variable));
        match python::choose(&python::candidates()?) {
            Ok(python) => chosen = Some(python),
            Err(lacks) => problems.extend(lacks),
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    if let Some(python) = &chosen {
        ui.say(&checks::sandbox());
        venv.install(python, &workspace.log("setup.log"), ui)?;
    }
    let python = ready.or(chosen).context("no interpreter was chosen")?;
    agents.complete(&python, &workspace.log("setup-agents.log"), ui)?;
    let environment = Environment {
        venv: workspace.venv.clone(),
        python,
        agents: workspace.agent_venv.clone(),
    };
    environment.write_config(&workspace.local_config())?;
    Ok(Ready {
        environment,
        took: started.elapsed(),
    })
}
