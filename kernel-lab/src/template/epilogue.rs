//! What follows the nodes that a template covers, if it is element-wise: a function that is put
//! into the template's kernel, as C++ or CUDA C++.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use torch_bridge::{Arg, OpGraph, OpNode, TensorMeta};

use super::epilogue_text::{Text, write};
use super::matching::buffer;
use crate::plan::Target;

/// Most tensors that an epilogue reads besides the result before it: with each, a stream of loads.
const MAX_OPERANDS: usize = 12;

/// An element-wise function of the result of some nodes and of further tensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epilogue {
    /// The buffers that it reads, in the order of its arguments, e.g. `param.bias`.
    pub operands: Vec<String>,
    /// On a processor `static void epilogue(part, parts, x, y, runs, channels, length, operands…)`. It calls `fused`
    /// (`fused.h`) with the function and how to read each operand, and takes `STREAM`, `DEGREE` and
    /// `TAIL` from the template's parameters. On a GPU `struct Epilogue`, with `OPERANDS`, its parameters in a
    /// kernel's list, and `EPILOGUE`, one made of them.
    pub source: String,
}

/// Which entry of a vector of channels belongs to an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelDim {
    /// That of dimension 1: one entry for each run of the dimensions after it.
    Second,
    /// That of the last dimension: a run takes all entries in turn.
    Last,
}

impl ChannelDim {
    /// The dimension, counted from the front, of a tensor of this rank.
    fn index(self, rank: usize) -> usize {
        match self {
            Self::Second => 1,
            Self::Last => rank - 1,
        }
    }

    /// How a vector of channels is read.
    pub(super) fn reading(self) -> Reading {
        match self {
            Self::Second => Reading::PerRun,
            Self::Last => Reading::Along,
        }
    }
}

/// How an operand is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// One entry for all elements.
    One,
    /// One for each run of elements.
    PerRun,
    /// One for each element of a run.
    Along,
    /// One for each element.
    Full,
}

/// The function that `nodes` compute of the value `head`, if they are element-wise, the last has its
/// shape, and everything else that they read is a number or a tensor with one entry for all
/// elements, for each channel, or for each element.
pub(super) fn lower(
    graph: &OpGraph,
    head: &str,
    nodes: &[&OpNode],
    channel: ChannelDim,
    target: Target,
) -> Option<Epilogue> {
    let whole = graph.meta(head)?;
    if whole.dtype != "f32" || whole.shape.len() < 2 {
        return None;
    }
    let mut lowering = Lowering {
        graph,
        whole,
        channel,
        target,
        values: BTreeMap::from([(head.to_owned(), "v0".to_owned())]),
        operands: Vec::new(),
        lines: String::new(),
    };
    let kind = match target {
        Target::Cpu => "vf",
        Target::Cuda => "float",
    };
    for (index, node) in nodes.iter().enumerate() {
        let value = format!("v{}", index + 1);
        let expression = lowering.expression(node)?;
        // Writing to a String can't fail.
        let _ = writeln!(
            lowering.lines,
            "        const {kind} {value} = {expression};"
        );
        lowering.values.insert(node.name.clone(), value);
    }
    let last = nodes
        .last()
        .filter(|node| node.outputs == [whole.clone()])?;
    Some(lowering.finish(&lowering.values[&last.name]))
}

/// A tensor that enters, and how it is read.
pub(super) struct Operand {
    buffer: String,
    pub(super) reading: Reading,
}

struct Lowering<'a> {
    graph: &'a OpGraph,
    whole: &'a TensorMeta,
    channel: ChannelDim,
    target: Target,
    /// The C++ name of each value.
    values: BTreeMap<String, String>,
    operands: Vec<Operand>,
    lines: String,
}

impl Lowering<'_> {
    /// The result of a node, as a C++ expression.
    fn expression(&mut self, node: &OpNode) -> Option<String> {
        let [result] = node.outputs.as_slice() else {
            return None;
        };
        let op = node.op.strip_prefix("aten.")?;
        let tensor = |this: &mut Self, name| this.operand(node.arg(name)?);
        let number = |name| number(node.arg(name)?);
        // Of smaller tensors, too: what is broadcast before a function could as well be after it.
        self.reading(result)?;
        Some(match op {
            "relu.default" => self.target.call("relu", &tensor(self, "self")?),
            "silu.default" => self.target.call("silu", &tensor(self, "self")?),
            "tanh.default" => self.target.call("tanh", &tensor(self, "self")?),
            "sigmoid.default" => self.target.call("logistic", &tensor(self, "self")?),
            "mish.default" => self.target.call("mish", &tensor(self, "self")?),
            "hardswish.default" => self.target.call("hardswish", &tensor(self, "self")?),
            "hardsigmoid.default" => self.target.call("hardsigmoid", &tensor(self, "self")?),
            "exp.default" => self.target.call("exp", &tensor(self, "self")?),
            "abs.default" => self.target.call("abs", &tensor(self, "self")?),
            "neg.default" => format!("-{}", tensor(self, "self")?),
            "sqrt.default" => self.target.call("sqrt", &tensor(self, "self")?),
            "pow.Tensor_Scalar" => {
                let x = tensor(self, "self")?;
                match number("exponent")?.as_str() {
                    "2.0f" | "(float)2.0" => format!("{x} * {x}"),
                    "3.0f" | "(float)3.0" => format!("{x} * {x} * {x}"),
                    _ => return None,
                }
            }
            "clone.default" => tensor(self, "self")?,
            "gelu.default" => {
                let x = tensor(self, "self")?;
                match node.arg("approximate") {
                    Some(Arg::Str(form)) if form == "none" => self.target.call("gelu", &x),
                    Some(Arg::Str(form)) if form == "tanh" => self.target.call("gelu_by_tanh", &x),
                    _ => return None,
                }
            }
            "softplus.default" if is_one(node, "beta") => {
                self.target.call("softplus", &tensor(self, "self")?)
            }
            "elu.default" if is_one(node, "scale") && is_one(node, "input_scale") => {
                format!("elu_({}, {})", tensor(self, "self")?, number("alpha")?)
            }
            "leaky_relu.default" => {
                let (x, slope) = (tensor(self, "self")?, number("negative_slope")?);
                format!("{x} < {} ? {x} * {slope} : {x}", self.target.splat("0.0f"))
            }
            "hardtanh.default" => {
                let (low, high) = (number("min_val")?, number("max_val")?);
                format!("clamp_({}, {low}, {high})", tensor(self, "self")?)
            }
            "clamp.default" => {
                let x = tensor(self, "self")?;
                let bound = |name| match node.arg(name) {
                    None | Some(Arg::None) => Some(None),
                    Some(_) => number(name).map(Some),
                };
                match (bound("min")?, bound("max")?) {
                    (Some(low), Some(high)) => format!("clamp_({x}, {low}, {high})"),
                    (Some(low), None) => format!("max_({}, {x})", self.target.splat(&low)),
                    (None, Some(high)) => format!("min_({}, {x})", self.target.splat(&high)),
                    (None, None) => return None,
                }
            }
            "add.Tensor" | "sub.Tensor" => {
                let (x, other) = (tensor(self, "self")?, tensor(self, "other")?);
                let sign = if op == "add.Tensor" { '+' } else { '-' };
                if is_one(node, "alpha") {
                    format!("{x} {sign} {other}")
                } else {
                    format!("{x} {sign} {} * {other}", number("alpha")?)
                }
            }
            "mul.Tensor" | "multiply.Tensor" => {
                format!("{} * {}", tensor(self, "self")?, tensor(self, "other")?)
            }
            "div.Tensor" => format!("{} / {}", tensor(self, "self")?, tensor(self, "other")?),
            "minimum.default" | "min.other" => {
                let (x, other) = (tensor(self, "self")?, tensor(self, "other")?);
                format!("{x} != {x} ? {x} : min_({x}, {other})")
            }
            "maximum.default" | "max.other" => {
                let (x, other) = (tensor(self, "self")?, tensor(self, "other")?);
                format!("{x} != {x} ? {x} : max_({x}, {other})")
            }
            "batch_norm.default"
                if node.arg("training") == Some(&Arg::Bool(false)) && result == self.whole =>
            {
                let x = tensor(self, "input")?;
                let mut channels = |name| self.channels(node.arg(name)?);
                let (mean, variance) = (channels("running_mean")?, channels("running_var")?);
                let deviation = format!("sqrt_({variance} + {})", number("eps")?);
                let mut result = format!("({x} - {mean}) / {deviation}");
                for (sign, name) in [('*', "weight"), ('+', "bias")] {
                    if !matches!(node.arg(name), None | Some(Arg::None)) {
                        result = format!("{result} {sign} {}", channels(name)?);
                    }
                }
                result
            }
            _ => return None,
        })
    }

    /// An argument as a C++ value: a value of the function, a tensor that enters, or a number.
    fn operand(&mut self, arg: &Arg) -> Option<String> {
        let Arg::Ref(name) = arg else {
            return number(arg).map(|number| self.target.splat(&number));
        };
        if let Some(value) = self.values.get(name) {
            return Some(value.clone());
        }
        let reading = self.reading(self.graph.input(name)?.meta.as_ref()?)?;
        self.entering(name, reading)
    }

    /// An argument with one entry for each channel: a vector, whatever dimension that is.
    fn channels(&mut self, arg: &Arg) -> Option<String> {
        let Arg::Ref(name) = arg else { return None };
        let rank = self.whole.shape.len();
        let fits = *self.graph.input(name)?.meta.as_ref()?
            == TensorMeta {
                shape: vec![self.whole.shape[1]],
                dtype: "f32".to_owned(),
            };
        (fits && self.channel.index(rank) == 1)
            .then(|| self.entering(name, self.channel.reading()))?
    }

    /// A tensor that enters.
    fn entering(&mut self, name: &str, reading: Reading) -> Option<String> {
        let buffer = buffer(self.graph, name)?;
        let is_known = |o: &Operand| o.buffer == buffer && o.reading == reading;
        let known = self.operands.iter().position(is_known);
        let index = known.unwrap_or(self.operands.len());
        if known.is_none() {
            self.operands.push(Operand { buffer, reading });
        }
        (index < MAX_OPERANDS).then(|| format!("o{index}"))
    }

    /// How a tensor is read, if it is broadcast in a way that kernels know.
    fn reading(&self, meta: &TensorMeta) -> Option<Reading> {
        let whole = &self.whole.shape;
        if meta.dtype != "f32" || meta.shape.len() > whole.len() {
            return None;
        }
        if meta.shape.iter().all(|size| *size == 1) {
            return Some(Reading::One);
        }
        if meta.shape == *whole {
            return Some(Reading::Full);
        }
        let rank = whole.len();
        let channel = self.channel.index(rank);
        let missing = rank - meta.shape.len();
        let by_position = meta.shape.iter().enumerate().all(|(axis, size)| {
            let wanted = if axis + missing == channel {
                whole[channel]
            } else {
                1
            };
            *size == wanted
        });
        by_position.then(|| self.channel.reading())
    }

    fn finish(&self, result: &str) -> Epilogue {
        let text = Text {
            operands: &self.operands,
            lines: &self.lines,
            result,
        };
        Epilogue {
            operands: self.operands.iter().map(|o| o.buffer.clone()).collect(),
            source: write(&text, self.channel, self.target),
        }
    }
}

impl Target {
    /// A function of one value, of its headers.
    fn call(self, function: &str, x: &str) -> String {
        // On a processor those with an exponential leave the degree of its polynomial open.
        match (self, function) {
            (Self::Cpu, "silu" | "tanh" | "logistic" | "mish" | "exp" | "softplus") => {
                format!("{function}_<DEGREE>({x})")
            }
            (Self::Cpu, "gelu") => format!("gelu_<TAIL, false>({x})"),
            (Self::Cpu, "gelu_by_tanh") => format!("gelu_by_tanh<DEGREE>({x})"),
            _ => format!("{function}_({x})"),
        }
    }

    /// A number as a value: on a processor a vector of it.
    fn splat(self, number: &str) -> String {
        match self {
            Self::Cpu => format!("splat({number})"),
            Self::Cuda => format!("({number})"),
        }
    }
}

/// A number as a C++ literal of type float.
fn number(arg: &Arg) -> Option<String> {
    match arg {
        // Debug keeps a float a float, and all of its digits.
        Arg::Float(value) => Some(format!("(float){value:?}")),
        Arg::Int(value) => Some(format!("{value}.0f")),
        _ => None,
    }
}

/// Whether an argument is 1, or not given.
fn is_one(node: &OpNode, name: &str) -> bool {
    match node.arg(name) {
        None | Some(Arg::Int(1)) => true,
        Some(Arg::Float(value)) => value.to_bits() == 1f64.to_bits(),
        Some(_) => false,
    }
}
