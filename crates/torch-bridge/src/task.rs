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

/// An integer that a task's file writes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// What it is called; more than one name for `A = B = 5`.
    pub names: Vec<String>,
    /// Its value.
    pub value: i64,
}

/// What one call of a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of inputs and parameters.
    pub given_bytes: u64,
    /// Bytes of the outputs.
    pub returned_bytes: u64,
    /// Floating-point operations of its matrix products and convolutions.
    pub flops: u64,
    /// Bytes of inputs and parameters if every input had one row: if its first
    /// dimension were 1.
    pub row_bytes: u64,
}

/// The integers written out in the file at `path`.
pub(crate) fn literals(bridge: &Handle, path: &Path) -> Result<Vec<Literal>, PyFault> {
    let source = read(path)?;
    let file = path.to_string_lossy();
    let doing = || format!("reading the constants of `{file}`");
    let pairs: Vec<(Vec<String>, i64)> = bridge
        .call("literals", (&source, &*file), doing)?
        .extract()
        .map_err(|error| raised(bridge.py(), &error, doing()))?;
    let literal = |(names, value)| Literal { names, value };
    Ok(pairs.into_iter().map(literal).collect())
}

fn read(path: &Path) -> Result<String, PyFault> {
    std::fs::read_to_string(path).map_err(|source| PyFault::Unreadable {
        path: path.to_owned(),
        source,
    })
}

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
        let source = read(path)?;
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

    /// What one call takes at these sizes, found without allocating anything.
    ///
    /// # Errors
    /// [`PyFault::Raised`] for sizes that don't go together, and for models and
    /// inputs that can't be made without values.
    pub fn footprint(&self) -> Result<Footprint, PyFault> {
        let doing = || format!("estimating what `{}` takes", self.path.display());
        let (given_bytes, returned_bytes, flops, row_bytes) = self
            .bridge
            .call("footprint", (self.module.get(),), doing)?
            .extract()
            .map_err(|error| raised(self.bridge.py(), &error, doing()))?;
        Ok(Footprint {
            given_bytes,
            returned_bytes,
            flops,
            row_bytes,
        })
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

    /// `get_init_inputs()` as a Python list of literals; `None` if it has more
    /// than numbers, texts, lists and tuples of them.
    pub fn init_literal(&self) -> Result<Option<String>, PyFault> {
        let doing = || {
            let path = self.path.display();
            format!("reading the constructor's arguments of `{path}`")
        };
        self.bridge
            .call("init_literal", (self.module.get(),), doing)?
            .extract()
            .map_err(|error| raised(self.bridge.py(), &error, doing()))
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
