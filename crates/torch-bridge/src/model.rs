//! Models: parameters, copies in float64, compiled forms, and timed calls.

use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tch::Tensor;

use crate::fault::PyFault;
use crate::graph::OpGraph;
use crate::handle::{
    Handle, argument_tuple, call_object, raised, type_name, unwrap_tensor, wrap_tensor,
};
use crate::tensor::Value;

/// A `torch.nn.Module` in inference mode, without gradients.
#[derive(Debug)]
pub struct Model {
    bridge: Rc<Handle>,
    module: Rc<Handle>,
}

/// How hard `torch.compile` tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompileMode {
    /// The default.
    Default,
    /// `max-autotune`: candidates for each operator are timed.
    MaxAutotune,
}

impl CompileMode {
    /// torch's name of the mode.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::MaxAutotune => "max-autotune",
        }
    }
}

impl Model {
    pub(crate) fn new(bridge: &Rc<Handle>, module: Bound<'_, PyAny>) -> Self {
        Self {
            bridge: Rc::clone(bridge),
            module: Rc::new(Handle::new(module)),
        }
    }

    /// Parameters and persistent buffers in state-dict order. The tensors
    /// share the model's memory: writing one changes the model.
    pub fn params(&self) -> Result<Vec<(String, Tensor)>, PyFault> {
        let doing = || "reading the state dict".to_owned();
        let pairs: Vec<(String, Bound<'_, PyAny>)> = self
            .bridge
            .call("state", (self.module.get(),), doing)?
            .extract()
            .map_err(|error| raised(self.bridge.py(), &error, doing()))?;
        pairs
            .into_iter()
            .map(|(key, value)| {
                let tensor = tensor_of(&value, || format!("state-dict entry `{key}`"))?;
                Ok((key, tensor))
            })
            .collect()
    }

    /// Copies values into the model's own tensors. Every key of the state
    /// dict must be given, and no other.
    pub fn load_params(&self, params: &[(String, Tensor)]) -> Result<(), PyFault> {
        let pairs = params
            .iter()
            .map(|(key, tensor)| Ok((key, wrap_tensor(self.bridge.py(), tensor)?)))
            .collect::<Result<Vec<_>, PyFault>>()?;
        self.bridge
            .call("load_state", (self.module.get(), pairs), || {
                "loading a state dict".to_owned()
            })
            .map(drop)
    }

    /// A deep copy that computes in float64, for the truth. It expects
    /// float64 where the model expects another floating dtype.
    pub fn double(&self) -> Result<Self, PyFault> {
        let copy = self.bridge.call("double", (self.module.get(),), || {
            "copying the model to float64".to_owned()
        })?;
        Ok(Self::new(&self.bridge, copy))
    }

    /// A deep copy in training mode, in which dropout is random and batch
    /// norm uses the batch's own statistics.
    pub fn training(&self) -> Result<Self, PyFault> {
        let copy = self.bridge.call("training", (self.module.get(),), || {
            "copying the model for training".to_owned()
        })?;
        Ok(Self::new(&self.bridge, copy))
    }

    /// The model without one of its operators, once for each operator and
    /// each argument that can stand for its result: floats, and as many of
    /// them. Operators that only copy or arrange are left alone. The variants
    /// share the model's parameters.
    pub fn without_each(&self, inputs: &[Value]) -> Result<Vec<Without>, PyFault> {
        let doing = || "leaving out operators".to_owned();
        let py = self.bridge.py();
        let args = argument_tuple(py, inputs)?;
        let variants: Vec<(String, String, String, Bound<'_, PyAny>)> = self
            .bridge
            .call("without_each", (self.module.get(), args), doing)?
            .extract()
            .map_err(|error| raised(py, &error, doing()))?;
        Ok(variants
            .into_iter()
            .map(|(result, op, kept, function)| Without {
                result,
                op,
                kept,
                callable: Callable {
                    function: Rc::new(Handle::new(function)),
                    what: "the model without one operator",
                },
            })
            .collect())
    }

    /// The model as it is, for eager calls.
    pub fn callable(&self) -> Callable {
        Callable {
            function: Rc::clone(&self.module),
            what: "the eager model",
        }
    }

    /// The model under `torch.compile` for static shapes. Nothing is compiled
    /// before the first call, which takes seconds.
    pub fn compile(&self, mode: CompileMode) -> Result<Callable, PyFault> {
        let compiled = self
            .bridge
            .call("compiled", (self.module.get(), mode.name()), || {
                format!("setting up torch.compile ({})", mode.name())
            })?;
        Ok(Callable {
            function: Rc::new(Handle::new(compiled)),
            what: match mode {
                CompileMode::Default => "the compiled model",
                CompileMode::MaxAutotune => "the autotuned model",
            },
        })
    }

    /// The operators that one call on `inputs` runs.
    pub fn graph(&self, inputs: &[Value]) -> Result<OpGraph, PyFault> {
        let doing = || "finding the op graph".to_owned();
        let py = self.bridge.py();
        let args = argument_tuple(py, inputs)?;
        let document: String = self
            .bridge
            .call("op_graph", (self.module.get(), args), doing)?
            .extract()
            .map_err(|error| raised(py, &error, doing()))?;
        serde_json::from_str(&document).map_err(|source| PyFault::Graph { source })
    }
}

/// A model without one of its operators.
#[derive(Debug, Clone)]
pub struct Without {
    /// Name of the operator's result in the graph.
    pub result: String,
    /// The operator, for example `aten.relu.default`.
    pub op: String,
    /// Name of the value that stands for the result.
    pub kept: String,
    /// What is left of the model.
    pub callable: Callable,
}

/// Something that can be called with a model's arguments.
#[derive(Debug, Clone)]
pub struct Callable {
    function: Rc<Handle>,
    what: &'static str,
}

impl Callable {
    /// Builds the argument tuple, once for any number of calls. Tensors are
    /// shared: values written into `inputs` later are what the calls see.
    pub fn bind(&self, inputs: &[Value]) -> Result<BoundCall, PyFault> {
        let args = argument_tuple(self.function.py(), inputs)?;
        Ok(BoundCall {
            function: Rc::clone(&self.function),
            args: Handle::new(args.into_any()),
            what: self.what,
        })
    }
}

/// A callable with its arguments.
#[derive(Debug)]
pub struct BoundCall {
    function: Rc<Handle>,
    args: Handle,
    what: &'static str,
}

impl BoundCall {
    /// The call and nothing else: this is what is timed. Gradients are off
    /// for the whole thread.
    pub fn call(&self) -> Result<Output, PyFault> {
        let args = self.args.get();
        // SAFETY: `Callable::bind`, the only constructor, put a tuple here.
        let args = unsafe { args.cast_unchecked::<PyTuple>() };
        call_object(self.function.get(), args)
            .map(|value| Output {
                value: Handle::new(value),
            })
            .map_err(|error| raised(self.args.py(), &error, format!("calling {}", self.what)))
    }
}

/// What a call returned. Dropping it frees its tensors at once.
#[derive(Debug)]
pub struct Output {
    value: Handle,
}

impl Output {
    /// The returned tensors in order, nested tuples and lists flattened, made
    /// contiguous; a tensor that is contiguous already shares its memory.
    ///
    /// # Errors
    /// [`PyFault::WrongType`] for anything else that was returned.
    pub fn tensors(&self) -> Result<Vec<Tensor>, PyFault> {
        let mut tensors = Vec::new();
        flatten(self.value.get(), "output", &mut tensors)?;
        Ok(tensors)
    }
}

fn flatten(value: &Bound<'_, PyAny>, what: &str, tensors: &mut Vec<Tensor>) -> Result<(), PyFault> {
    if !value.is_instance_of::<PyTuple>() && !value.is_instance_of::<PyList>() {
        let tensor = tensor_of(value, || what.to_owned())?;
        tensors.push(tensor.f_contiguous().map_err(|source| PyFault::Torch {
            doing: "making an output contiguous",
            source,
        })?);
        return Ok(());
    }
    let items: Vec<Bound<'_, PyAny>> = value
        .extract()
        .map_err(|error| raised(value.py(), &error, format!("reading {what}")))?;
    for (index, item) in items.iter().enumerate() {
        flatten(item, &format!("{what}[{index}]"), tensors)?;
    }
    Ok(())
}

fn tensor_of(object: &Bound<'_, PyAny>, what: impl Fn() -> String) -> Result<Tensor, PyFault> {
    unwrap_tensor(object)?.ok_or_else(|| PyFault::WrongType {
        what: what(),
        expected: "a tensor",
        found: type_name(object),
    })
}
