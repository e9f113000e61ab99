//! A plan as Python, and a `ModelNew` that executes it.

use crate::compile::OPTIONS;
use crate::plan::{
    AttrValue, BinaryOp, BoundPlan, Dtype, Expr, Function, LibraryOp, Node, Plan, PlanArg, Role,
    Step, StepKind, entries,
};

/// What is the same for every plan.
const RUNTIME: &str = include_str!("runtime.py");

const IMPORTS: &str = "import ctypes
import functools
import math
import os
import struct
import subprocess
import tempfile

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree
";

/// The file beside `kernel.cpp` that makes one shared object of it: entries
/// that take their arguments as 8-byte slots, and `alphalab_run`, which calls
/// one of them once per part.
pub(super) fn entry_cpp(bound: &BoundPlan) -> String {
    let names: Vec<String> = (0..bound.kernels.len())
        .map(crate::plan::entry_symbol)
        .collect();
    format!(
        "// Calls the kernels of kernel.cpp without knowing their types.\n\
         #include \"kernel.cpp\"\n{}\n\
         extern \"C\" __attribute__((visibility(\"default\"))) void alphalab_run(\n\
         \x20   int kernel, int parts, const unsigned long long *slot) {{\n\
         \x20 using entry = void (*)(int, int, const unsigned long long *);\n\
         \x20 static const entry entries[] = {{{}}};\n\
         #pragma omp parallel for num_threads(parts) schedule(static, 1)\n\
         \x20 for (int part = 0; part < parts; ++part) entries[kernel](part, parts, slot);\n\
         }}\n",
        entries(bound),
        names.join(", ")
    )
}

/// Compiler options of an exported candidate: the lab's, and threads.
pub(super) fn options() -> Vec<&'static str> {
    OPTIONS.iter().copied().chain(["-fopenmp"]).collect()
}

/// The text of `model_new.py`. `task` is the text of the task's file, which it
/// contains as it is; `note` becomes a comment.
pub(super) fn model_new(
    note: &str,
    task: &str,
    kernel: &str,
    plan: &Plan,
    bound: &BoundPlan,
) -> String {
    let mut out = String::new();
    for line in note.lines() {
        put(&mut out, format!("# {line}"));
    }
    put(&mut out, "\n# The task, as it was measured.\n");
    put(&mut out, task.trim_end());
    put(
        &mut out,
        "\n\n# The kernels, and the plan that calls them.\n",
    );
    put(&mut out, IMPORTS);
    put(&mut out, "_ALPHALAB_FILES = {");
    if !bound.kernels.is_empty() {
        let entry = entry_cpp(bound);
        for (name, text) in [("kernel.cpp", kernel), ("entry.cpp", entry.as_str())] {
            put(&mut out, format!("    \"{name}\": {},", block(text)));
        }
    }
    put(&mut out, "}");
    put(&mut out, format!("_ALPHALAB_OPTIONS = {}", list(options())));
    put(&mut out, "_ALPHALAB_DTYPES = {");
    let mut parameters = Vec::new();
    for buffer in &bound.buffers {
        if matches!(buffer.role, Role::Temp(_)) {
            continue;
        }
        let name = literal(&buffer.role.to_string());
        put(&mut out, format!("    {name}: {},", dtype(buffer.dtype)));
        if let Role::Param(key) = &buffer.role {
            parameters.push(key.as_str());
        }
    }
    put(&mut out, "}");
    put(
        &mut out,
        format!("_ALPHALAB_PARAMETERS = {}", list(parameters)),
    );
    put(&mut out, "_ALPHALAB_OPERATORS = {");
    for op in LibraryOp::ALL {
        if bound.uses(op) {
            put(
                &mut out,
                format!("    \"{}\": {},", op.name(), operator(op)),
            );
        }
    }
    put(&mut out, "}\n\n");
    put(&mut out, plan_function(plan, bound));
    out.push_str(RUNTIME);
    out
}

fn put(out: &mut String, line: impl AsRef<str>) {
    out.push_str(line.as_ref());
    out.push('\n');
}

/// `_alphalab_plan`: from shapes and the number of parts to temporaries, steps
/// of `prepare` and steps.
fn plan_function(plan: &Plan, bound: &BoundPlan) -> String {
    let mut out = String::new();
    put(&mut out, "def _alphalab_plan(shape, parts):");
    put(
        &mut out,
        "    \"\"\"The plan for buffers of these shapes: temporaries, steps of `prepare`, steps.\"\"\"",
    );
    put(&mut out, "    dim = {\"parts\": parts}");
    for dim in &plan.dims {
        let (name, value) = (literal(&dim.name), expression(dim.value.root()));
        put(&mut out, format!("    dim[{name}] = {value}"));
    }
    put(&mut out, "    temporaries = []");
    for temp in &plan.temps {
        let name = literal(&format!("tmp.{}", temp.name));
        let sizes: Vec<String> = temp.shape.iter().map(|e| expression(e.root())).collect();
        put(
            &mut out,
            format!("    shape[{name}] = [{}]", sizes.join(", ")),
        );
        let dtype = dtype(temp.dtype);
        put(
            &mut out,
            format!("    temporaries.append(({name}, shape[{name}], {dtype}))"),
        );
    }
    for (name, steps) in [("prepare", &plan.prepare), ("steps", &plan.steps)] {
        put(&mut out, format!("    {name} = ["));
        for it in steps {
            put(&mut out, format!("        {},", step(it, bound)));
        }
        put(&mut out, "    ]");
    }
    put(&mut out, "    return temporaries, prepare, steps");
    out
}

fn step(step: &Step, bound: &BoundPlan) -> String {
    match &step.kind {
        StepKind::Kernel { symbol, args, .. } => {
            let kernel = bound
                .kernels
                .iter()
                .position(|kernel| kernel.symbol == *symbol)
                .unwrap_or_default();
            let args: Vec<String> = args.iter().map(argument).collect();
            format!("(\"kernel\", {kernel}, [{}], None)", args.join(", "))
        }
        StepKind::Library {
            op,
            inputs,
            outputs,
            attrs,
        } => format!(
            "(\"library\", \"{}\", {}, ({}, {{{}}}))",
            op.name(),
            list(inputs.iter().map(String::as_str)),
            // A plan with another number of outputs is not bound.
            literal(outputs.first().map_or("", String::as_str)),
            attributes(*op, attrs)
        ),
    }
}

fn argument(arg: &PlanArg) -> String {
    match arg {
        PlanArg::Int(value) => value.to_string(),
        PlanArg::Float(value) => format!("{value:?}"),
        PlanArg::Text(expr) => match expr.root() {
            // As in binding: no dimension's name has a dot.
            Node::Dim { name, .. } if name.contains('.') => literal(name),
            node => expression(node),
        },
    }
}

/// Keyword arguments of a library node, defaults included.
fn attributes(op: LibraryOp, attrs: &[(String, AttrValue)]) -> String {
    let find = |name: &str| attrs.iter().find(|(key, _)| key == name);
    let value = |expr: &Expr| expression(expr.root());
    let number = |name: &str| match find(name) {
        Some((_, AttrValue::Float(number))) => format!("{number:?}"),
        Some((_, AttrValue::Int(expr))) => value(expr),
        _ => "1".to_owned(),
    };
    let list = |name: &str, default: &str, count: usize| {
        let all = |value: &str| vec![value; count].join(", ");
        let values = match find(name) {
            Some((_, AttrValue::Int(expr))) => all(&value(expr)),
            Some((_, AttrValue::Ints(exprs))) => match exprs.as_slice() {
                [expr] => all(&value(expr)),
                exprs => exprs.iter().map(value).collect::<Vec<_>>().join(", "),
            },
            _ => all(default),
        };
        format!("[{values}]")
    };
    let pairs = match op.convolution() {
        Some((axes, transposed)) => vec![
            ("stride", list("stride", "1", axes)),
            ("padding", list("padding", "0", axes)),
            ("dilation", list("dilation", "1", axes)),
            (
                "transposed",
                if transposed { "True" } else { "False" }.to_owned(),
            ),
            ("output_padding", list("output_padding", "0", axes)),
            ("groups", format!("{}[0]", list("groups", "1", 1))),
        ],
        None if op == LibraryOp::Addmm => {
            vec![("beta", number("beta")), ("alpha", number("alpha"))]
        }
        None => Vec::new(),
    };
    pairs
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A library node in Python: as the runner calls it, into a given output.
fn operator(op: LibraryOp) -> &'static str {
    match op {
        LibraryOp::Clone => "lambda out, x: out.copy_(x)",
        LibraryOp::Mm => "lambda out, a, b: torch.mm(a, b, out=out)",
        LibraryOp::Bmm => "lambda out, a, b: torch.bmm(a, b, out=out)",
        LibraryOp::Addmm => {
            "lambda out, bias, a, b, beta, alpha: torch.addmm(
        bias, a, b, beta=beta, alpha=alpha, out=out
    )"
        }
        LibraryOp::Linear => {
            "lambda out, x, weight, bias=None: torch.ops.aten.linear.out(
        x, weight, bias, out=out
    )"
        }
        LibraryOp::Conv1d
        | LibraryOp::Conv2d
        | LibraryOp::Conv3d
        | LibraryOp::ConvTranspose1d
        | LibraryOp::ConvTranspose2d
        | LibraryOp::ConvTranspose3d => {
            "lambda out, x, weight, bias=None, **geometry: torch.ops.aten.convolution.out(
        x, weight, bias, **geometry, out=out
    )"
        }
    }
}

/// An expression in Python, where integers have no limit. `//` and `%` round
/// down there, as ours do for the positive divisors that are allowed.
fn expression(node: &Node) -> String {
    match node {
        Node::Int(value) => value.to_string(),
        Node::Dim { name, .. } => format!("dim[{}]", literal(name)),
        Node::Shape { buffer, index, .. } => {
            format!("shape[{}][{}]", literal(buffer), expression(index))
        }
        Node::Numel { buffer, .. } => format!("math.prod(shape[{}])", literal(buffer)),
        Node::Rank { buffer, .. } => format!("len(shape[{}])", literal(buffer)),
        Node::Prod { buffer, lo, hi, .. } => format!(
            "math.prod(shape[{}][{}:{}])",
            literal(buffer),
            expression(lo),
            expression(hi)
        ),
        Node::Neg { operand, .. } => format!("(-{})", expression(operand)),
        Node::Binary {
            op, left, right, ..
        } => {
            let op = match op {
                BinaryOp::Add => "+",
                BinaryOp::Sub => "-",
                BinaryOp::Mul => "*",
                BinaryOp::Div => "//",
                BinaryOp::Rem => "%",
            };
            format!("({} {op} {})", expression(left), expression(right))
        }
        Node::Call {
            function,
            left,
            right,
            ..
        } => {
            let function = match function {
                Function::Min => "min",
                Function::Max => "max",
                Function::CeilDiv => "_alphalab_ceil_div",
                Function::RoundUp => "_alphalab_round_up",
            };
            format!("{function}({}, {})", expression(left), expression(right))
        }
    }
}

fn dtype(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "torch.float32",
        Dtype::F64 => "torch.float64",
        Dtype::I64 => "torch.int64",
        Dtype::I32 => "torch.int32",
        Dtype::U8 => "torch.uint8",
        Dtype::Bool => "torch.bool",
    }
}

fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(literal).collect();
    format!("[{}]", items.join(", "))
}

/// A text as a Python literal on one line: the escapes of JSON are Python's.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A longer text as a literal that people can read, where nothing in it could
/// end the literal: the text is a stranger's.
fn block(text: &str) -> String {
    let readable = !text.contains("'''")
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || !c.is_control());
    if readable {
        format!("r'''\n{}\n'''", text.trim_end())
    } else {
        literal(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_keep_their_meaning() {
        for (ours, python) in [
            ("in.0.shape[-1]", "shape[\"in.0\"][-1]"),
            ("rows / 2 % 3", "((dim[\"rows\"] // 2) % 3)"),
            (
                "ceil_div(in.0.numel, parts)",
                "_alphalab_ceil_div(math.prod(shape[\"in.0\"]), dim[\"parts\"])",
            ),
            (
                "prod(param.w, 0, -1) - in.0.rank",
                "(math.prod(shape[\"param.w\"][0:-1]) - len(shape[\"in.0\"]))",
            ),
        ] {
            let expr = Expr::parse(ours).unwrap();
            assert_eq!(expression(expr.root()), python);
        }
    }

    #[test]
    fn a_source_can_not_end_the_literal_it_stands_in() {
        let plain = "int f() { return 'a'; } // \\";
        assert_eq!(block(plain), format!("r'''\n{plain}\n'''"));
        for hostile in ["/* ''' */\nimport os", "a\rb", "\u{1b}[2J"] {
            let text = block(hostile);
            assert!(text.starts_with('"') && text.lines().count() == 1, "{text}");
            let back: String = serde_json::from_str(&text).unwrap();
            assert_eq!(back, hostile);
        }
    }
}
