//! What a template is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::epilogue::{ChannelDim, Epilogue};
use crate::plan::Target;

/// A kernel with parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// What it runs on.
    pub target: Target,
    /// Its name, that of its folder.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// Whether it is only for what no other template covers.
    pub general: bool,
    /// The op graphs it fits, in order of preference.
    pub matches: Vec<Match>,
    /// What can be tuned, in the order written.
    pub params: Vec<ParamSpec>,
    /// Headers that are put before the kernel, in order.
    pub includes: Vec<Include>,
    /// `kernel.cpp` or `kernel.cu`; empty for a template of library nodes only.
    pub kernel_source: String,
    /// `plan.toml` as a minijinja template.
    pub plan_template: String,
}

/// A header from the library's `_include` folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Its file name.
    pub name: String,
    /// Its contents.
    pub text: String,
}

/// An op graph a template fits: a chain in which each node reads the result of the one before, and
/// perhaps an element-wise function of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// For each node, the operators it may be, e.g. `aten.softmax.int`.
    pub ops: Vec<Vec<String>>,
    /// Conditions on arguments.
    pub constraints: Vec<Constraint>,
    /// Arguments whose values the plan uses.
    pub bind: Vec<Bind>,
    /// Whether one or more element-wise nodes follow, of any kind and in any order, and which
    /// dimension of the result before them, or of an input if there are no `ops`, is that of
    /// channels: written `epilogue = 1` or `-1`.
    pub epilogue: Option<ChannelDim>,
}

/// A variable of the plan that takes the value of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The variable.
    pub variable: String,
    /// The argument.
    pub site: Site,
    /// Whether the argument may be absent, and the variable then undefined: written `"0.bias?"`.
    pub is_optional: bool,
}

/// An argument of a node of a chain, e.g. `0.dim`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// Which node, from 0.
    pub node: usize,
    /// The argument's name in the operator's schema.
    pub arg: String,
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.node, self.arg)
    }
}

/// A condition on an argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// The argument.
    pub site: Site,
    /// What it must be.
    pub equals: Literal,
}

/// What an argument must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// This integer, or the float of equal value.
    Int(i64),
    /// This float, or the integer of equal value.
    Float(f64),
    /// This truth value.
    Bool(bool),
    /// This string.
    Text(String),
    /// Some dimensions of the node's first tensor, neighbours in ascending order.
    Dims(Dims),
    /// These integers; of dimensions, counted from the front.
    Ints(Vec<i64>),
    /// Not given, or `None`: written `"absent"`.
    Absent,
    /// An integer above this: written `"above 1"`.
    Above(i64),
    /// An integer or a float, not a tensor: written `"number"`.
    Number,
    /// An integer, a float, or not given: written `"number?"`.
    NumberIfGiven,
    /// A tensor that is a buffer of the plan: written `"tensor"`.
    Tensor,
    /// A tensor of the same shape as another argument: written `"like 0.self"`.
    Like(Site),
    /// A tensor with the shape, after leading ones, of the last dimensions of another argument:
    /// written `"tail of 0.self"`.
    Tail(Site),
    /// A tensor with the shape, after leading ones, of the last dimension of another argument:
    /// written `"row of 0.self"`.
    Row(Site),
    /// The same value as another argument: written `"same as 0.self"`.
    Same(Site),
}

/// Which dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dims {
    /// The last alone: written `"last"`.
    Last,
    /// The last, or some last ones: written `"trailing"`.
    Trailing,
    /// One or some, without the last: written `"inner"`.
    Inner,
    /// Any: written `"adjacent"`.
    Adjacent,
}

/// A parameter that can be tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Its name, also that of the C++ macro.
    pub name: String,
    /// Its values.
    #[serde(flatten)]
    pub kind: ParamKind,
}

/// The values of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParamKind {
    /// One of a list; neighbours in the list are not taken to be alike.
    Choice {
        /// The list.
        values: Vec<i64>,
        /// The value if none is given.
        default: i64,
    },
    /// True or false; 1 or 0 in C++.
    Bool {
        /// The value if none is given.
        default: bool,
    },
    /// `low`, `low + step`, … up to `high`.
    Int {
        /// Smallest.
        low: i64,
        /// Largest.
        high: i64,
        /// Distance between values.
        step: i64,
        /// Whether equal ratios rather than equal differences are alike.
        log: bool,
        /// The value if none is given.
        default: i64,
    },
}

/// What [`matches`](super::matches()) found in an op graph. A plan knows its variables, and `entry`,
/// `ops` and `operands` (those of the epilogue) by these names; an epilogue without a chain before it begins with `head`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Index of the [`Match`] that fits.
    pub entry: usize,
    /// The operators of the graph, in order.
    pub ops: Vec<String>,
    /// The plan's variables.
    pub variables: BTreeMap<String, Variable>,
    /// What follows the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epilogue: Option<Epilogue>,
}

/// The value of a plan's variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// An integer.
    Int(i64),
    /// A float; always rendered with a decimal point or an exponent.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A string.
    Text(String),
    /// Integers.
    Ints(Vec<i64>),
    /// The name of a buffer, e.g. `param.fc.weight`.
    Buffer(String),
}

/// The parameters of a template: its search space.
pub fn space(template: &Template) -> Vec<ParamSpec> {
    template.params.clone()
}
