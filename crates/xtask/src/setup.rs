//! `cargo xtask setup`: from a bare machine to one where the labs build.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::checks;
use crate::environment::Environment;
use crate::problem::Problems;
use crate::python;
use crate::ui::Ui;
use crate::venv::{self, Venv};
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
            "setup: ready in {:.1} s (Python {}, torch {}, {})",
            self.took.as_secs_f64(),
            self.environment.python.version(),
            venv::torch_version(),
            self.environment.venv.display()
        )
    }
}

/// Checks the machine, makes the virtual environment if need be, and writes
/// the Cargo configuration that points at it. Does nothing twice.
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
    let venv = Venv::lock(&workspace.venv, ui)?;
    let ready = venv.ready(wanted.as_ref())?;
    let mut chosen = None;
    if ready.is_none() {
        problems.extend(checks::room(&workspace.venv));
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
    let environment = Environment {
        venv: workspace.venv.clone(),
        python,
    };
    environment.write_config(&workspace.local_config())?;
    Ok(Ready {
        environment,
        took: started.elapsed(),
    })
}
