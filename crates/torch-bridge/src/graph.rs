//! The op graph of a model: which operators one call runs, on what.

use serde::{Deserialize, Serialize};

/// The operators of one call in execution order, with no-ops (`detach`,
/// `contiguous`, dropout outside training …) folded away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpGraph {
    /// How the graph was found.
    pub source: GraphSource,
    /// Everything that enters: inputs, parameters, constants.
    pub inputs: Vec<GraphValue>,
    /// The operators.
    pub nodes: Vec<OpNode>,
    /// The names of the returned values, in order, nested tuples flattened.
    pub outputs: Vec<String>,
}

/// How an op graph was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphSource {
    /// `torch.export`: operators are ATen's, arguments have schema names.
    Export,
    /// `torch.fx` symbolic tracing, of a model that does not export:
    /// operators are Python functions (`torch._C._nn.gelu`), methods
    /// (`Tensor.relu`) and layers (`nn.Linear`); positional arguments are
    /// named `0`, `1` ….
    Fx,
}

/// A value that enters the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphValue {
    /// The name that nodes refer to it by.
    pub name: String,
    /// Where it comes from.
    pub kind: ValueKind,
    /// Its shape and dtype; absent for numbers, whose value is in the graph.
    pub meta: Option<TensorMeta>,
}

/// Where a graph value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// The model's argument with this index.
    Input(usize),
    /// The state dict's entry with this key.
    Param(String),
    /// A tensor that is in the code only, or in no state dict.
    Constant,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpNode {
    /// Unique name. Readers refer to the result of an operator that returns
    /// one tensor by it, and to result `k` of one that returns several as
    /// `name.k`.
    pub name: String,
    /// The operator, for example `aten.softmax.int`.
    pub op: String,
    /// Every schema argument in order, with defaults filled in.
    pub args: Vec<(String, Arg)>,
    /// Shape and dtype of each tensor it returns.
    pub outputs: Vec<TensorMeta>,
}

/// One argument of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arg {
    /// A value of the graph, by name.
    Ref(String),
    /// Several values of the graph.
    RefList(Vec<String>),
    /// An integer.
    Int(i64),
    /// A finite float.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A string, dtype or device.
    Str(String),
    /// Integers; also the empty list.
    IntList(Vec<i64>),
    /// Python's `None`.
    None,
    /// Anything else, as Python prints it; `inf`, `-inf`, `nan` too.
    Other(String),
}

/// Shape and dtype of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorMeta {
    /// Sizes in elements.
    pub shape: Vec<i64>,
    /// Short name, see [`dtype_name`](crate::dtype_name).
    pub dtype: String,
}

impl OpGraph {
    /// The graph input of that name.
    pub fn input(&self, name: &str) -> Option<&GraphValue> {
        self.inputs.iter().find(|value| value.name == name)
    }

    /// The node that makes the value `name`, and which of its outputs that is.
    pub fn producer(&self, name: &str) -> Option<(&OpNode, usize)> {
        let (node, output) = match name.rsplit_once('.') {
            Some((node, output)) => (node, output.parse().ok()?),
            None => (name, 0),
        };
        let node = self.nodes.iter().find(|candidate| candidate.name == node)?;
        (output < node.outputs.len()).then_some((node, output))
    }

    /// Shape and dtype of the value `name`, an input's or a node's.
    pub fn meta(&self, name: &str) -> Option<&TensorMeta> {
        if let Some(value) = self.input(name) {
            return value.meta.as_ref();
        }
        self.producer(name)
            .map(|(node, output)| &node.outputs[output])
    }
}

impl OpNode {
    /// The argument of that schema name.
    pub fn arg(&self, name: &str) -> Option<&Arg> {
        self.args
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, arg)| arg)
    }

    /// The names of the graph values that the node reads, in argument order.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        self.args
            .iter()
            .flat_map(|(_, arg)| match arg {
                Arg::Ref(name) => std::slice::from_ref(name),
                Arg::RefList(names) => names.as_slice(),
                Arg::Int(_)
                | Arg::Float(_)
                | Arg::Bool(_)
                | Arg::Str(_)
                | Arg::IntList(_)
                | Arg::None
                | Arg::Other(_) => &[],
            })
            .map(String::as_str)
    }
}
