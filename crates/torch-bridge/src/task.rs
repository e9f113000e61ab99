//! Tasks: KernelBench-format modules with their sizes overridden.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::fault::PyFault;
use crate::handle::{Handle, raised, value_of};
use crate::model::Model;
use crate::tensor::Value;

/// A loaded task.
#[derive(Debug)]
pub struct TaskModule {
    bridge: Rc<Handle>,
    module: Handle,
    path: PathBuf,
    source: String,
    constants: Vec<(String, i64)>,
}

impl TaskModule {
    pub(crate) fn load(
        bridge: &Rc<Handle>,
        path: &Path,
        overrides: &BTreeMap<String, i64>,
    ) -> Result<Self, PyFault> {
        static LOADED: AtomicU64 = AtomicU64::new(0);
        let source = std::fs::read_to_string(path).map_err(|source| PyFault::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let py = bridge.py();
        let file = path.to_string_lossy();
        let doing = || format!("loading the task `{file}`");
        let fault = |error: PyErr| raised(py, &error, doing());

        let changes = PyDict::new(py);
        for (name, value) in overrides {
            changes.set_item(name, value).map_err(fault)?;
        }
        let parsed = bridge.call("parse", (&source, &*file, changes), doing)?;
        let (tree, names, unknown): (Bound<'_, PyAny>, Vec<String>, Vec<String>) =
            parsed.extract().map_err(fault)?;
        if let Some(name) = unknown.into_iter().next() {
            return Err(PyFault::UnknownConstant {
                path: path.to_owned(),
                name,
            });
        }
        let name = format!("alphalab_task_{}", LOADED.fetch_add(1, Ordering::Relaxed));
        let module = bridge.call("execute", (tree, &*file, name), doing)?;
        for name in ["Model", "get_inputs"] {
            if !module.hasattr(name).map_err(fault)? {
                return Err(PyFault::Missing {
                    path: path.to_owned(),
                    name,
                });
            }
        }
        let constants = bridge
            .call("constants", (&module, names), doing)?
            .extract()
            .map_err(fault)?;
        Ok(Self {
            bridge: Rc::clone(bridge),
            module: Handle::new(module),
            path: path.to_owned(),
            source,
            constants,
        })
    }

    /// The task's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the file, as it is on disk: without the overrides.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The module-level integer constants in source order, overrides applied.
    pub fn constants(&self) -> &[(String, i64)] {
        &self.constants
    }

    /// `Model(*get_init_inputs())` for inference, its parameters drawn from
    /// `seed`. `get_init_inputs` may be absent.
    pub fn model(&self, seed: u64) -> Result<Model, PyFault> {
        let doing = || format!("building the model of `{}`", self.path.display());
        let model = self
            .bridge
            .call("build_model", (self.module.get(), seed), doing)?;
        Ok(Model::new(&self.bridge, model))
    }

    /// `get_inputs()` drawn from `seed`, tensors contiguous.
    pub fn inputs(&self, seed: u64) -> Result<Vec<Value>, PyFault> {
        let doing = || format!("making the inputs of `{}`", self.path.display());
        let py = self.bridge.py();
        let values: Vec<Bound<'_, PyAny>> = self
            .bridge
            .call("make_inputs", (self.module.get(), seed), doing)?
            .extract()
            .map_err(|error| raised(py, &error, doing()))?;
        values
            .iter()
            .enumerate()
            .map(|(index, value)| value_of(value, || format!("input {index}")))
            .collect()
    }
}
