//! A candidate as text and as a bound plan, without running it.

use std::path::Path;

use protocol::Experiment;

use super::candidate::{self, Found, Material};
use super::lab::Lab;
use crate::error::HarnessError;
use crate::plan::{BoundPlan, Plan, Target, parse};
use crate::task::{TaskLibrary, TaskSource};

/// Why there is nothing to write about a module in Python.
const PYTHON: &str = "it is a Python submission, which is in KernelBench's format as it is: only \
                      candidates with a plan are exported";

/// A candidate that fits its task.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// Its files.
    pub(crate) material: Material,
    /// Its plan.
    pub(crate) plan: Plan,
    /// The plan, bound to the task at its timed size.
    pub(crate) bound: BoundPlan,
    /// The task.
    pub(crate) task: TaskSource,
}

impl Lab {
    /// The tasks it knows.
    pub(crate) fn tasks(&self) -> &TaskLibrary {
        &self.tasks
    }

    /// Reads a candidate from `dir` and binds it to the task.
    pub(crate) fn written(
        &mut self,
        dir: &Path,
        experiment: &Experiment,
    ) -> Result<Written, HarnessError> {
        let unusable = |problem: String| HarnessError::Experiment {
            dir: dir.to_owned(),
            problem,
        };
        self.bench(&experiment.task, false)?;
        let bench = self
            .bench
            .as_ref()
            .ok_or_else(|| unusable("its task could not be loaded".to_owned()))?;
        let material = match candidate::material(
            dir,
            experiment,
            &bench.task,
            &self.templates,
            Target::Cpu,
        )? {
            Found::Material(material) => material,
            Found::Module(_) => return Err(unusable(PYTHON.to_owned())),
            Found::Unusable(_, reason) => return Err(unusable(reason)),
        };
        let plan =
            parse(&material.plan, Target::Cpu).map_err(|error| unusable(error.to_string()))?;
        let bound = self.bind(&material, &bench.task).map_err(unusable)?;
        Ok(Written {
            material,
            plan,
            bound,
            task: bench.task.source.clone(),
        })
    }
}
