//! `plan.toml` to [`Plan`]: strict, and with places in every message.

use toml::de::DeTable;

use super::dtype::Dtype;
use super::error::{PlanError, Problem};
use super::expr::Expr;
use super::launch;
use super::library::LibraryOp;
use super::spec::{AttrValue, Dim, Plan, PlanArg, Step, StepKind, Temp};
use super::toml_view::{Source, TableView, ValueView};

/// Longest plan, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Most dimensions, temporaries, steps (prepare and step each) and arguments per step.
const MAX_DIMS: usize = 256;
const MAX_TEMPS: usize = 256;
const MAX_STEPS: usize = 256;
const MAX_ARGS: usize = 64;
/// Most dimensions of a temporary.
const MAX_RANK: usize = 16;

/// The kind of device that a plan is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Kernels in C++ that are called once per part.
    Cpu,
    /// Kernels in CUDA C++ that are launched with a grid of blocks.
    Cuda,
}

impl Target {
    /// What it is called in messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Cpu => "a CPU",
            Self::Cuda => "CUDA",
        }
    }

    /// File of a candidate that has its kernels.
    pub fn kernel_file(self) -> &'static str {
        match self {
            Self::Cpu => "kernel.cpp",
            Self::Cuda => "kernel.cu",
        }
    }

    /// Keys that mean something to plans of another target only.
    fn others_keys(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &launch::KEYS,
            Self::Cuda => &[],
        }
    }

    /// Keys of a step that is a kernel.
    fn kernel_keys(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["kernel", "args"],
            Self::Cuda => &[
                "kernel",
                "args",
                "grid",
                "block",
                "shared",
                "cooperative",
                "cluster",
            ],
        }
    }
}

/// Parses a plan.
pub fn parse(text: &str, target: Target) -> Result<Plan, PlanError> {
    let limited = |what, count, limit, line| limit_count(what, count, limit, line, "plan");
    limited("bytes", text.len(), MAX_BYTES, None)?;
    let line_ends: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset).collect();
    let source = Source(&line_ends);
    let document = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| source.line(span.start));
        PlanError::new(
            line,
            "plan",
            Problem::Syntax(error.message().replace('\n', " ")),
        )
    })?;
    let root = TableView::new(source, "top level".to_owned(), 1, document.get_ref());
    root.deny_unknown(
        &["schema", "dims", "temps", "prepare", "step"],
        target.others_keys(),
    )?;

    let schema_value = root.require("schema")?;
    let schema = schema_value
        .as_int()?
        .ok_or_else(|| schema_value.wrong_type("an integer"))?;
    if schema != 1 {
        return Err(schema_value.error(Problem::UnsupportedSchema(schema)));
    }

    let dims = match root.table("dims", "`[dims]`")? {
        Some(table) => {
            limited("dims", table.entries().len(), MAX_DIMS, Some(table.line))?;
            table
                .entries()
                .iter()
                .map(|entry| dim(&entry.key, &entry.value))
                .collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let temps = match root.table("temps", "`[temps]`")? {
        Some(table) => {
            limited("temps", table.entries().len(), MAX_TEMPS, Some(table.line))?;
            table
                .entries()
                .iter()
                .map(|entry| temp(&entry.key, &entry.value, target))
                .collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let steps_of = |key| {
        let tables = root.tables(key)?;
        limited("steps", tables.len(), MAX_STEPS, None)?;
        let steps = tables.iter().map(|table| step(table, target));
        steps.collect::<Result<Vec<_>, _>>()
    };
    let (prepare, steps) = (steps_of("prepare")?, steps_of("step")?);
    if steps.is_empty() {
        return Err(PlanError::new(None, "top level", Problem::NoSteps));
    }
    Ok(Plan {
        schema,
        dims,
        temps,
        prepare,
        steps,
    })
}

pub(super) fn limit_count(
    what: &'static str,
    count: usize,
    limit: usize,
    line: Option<usize>,
    place: &str,
) -> Result<(), PlanError> {
    if count > limit {
        return Err(PlanError::new(
            line,
            place,
            Problem::TooMany { what, count, limit },
        ));
    }
    Ok(())
}

fn dim(name: &str, value: &ValueView<'_>) -> Result<Dim, PlanError> {
    check_identifier(name, "dimension name", value)?;
    Ok(Dim {
        name: name.to_owned(),
        value: expression(value)?,
        line: value.line,
    })
}

fn temp(name: &str, value: &ValueView<'_>, target: Target) -> Result<Temp, PlanError> {
    check_identifier(name, "temporary's name", value)?;
    let table = value.table(format!("`[temps.{name}]`"))?;
    table.deny_unknown(&["dtype", "shape"], target.others_keys())?;
    let dtype_value = table.require("dtype")?;
    let dtype_name = dtype_value.str("a dtype name")?;
    let dtype = Dtype::from_name(dtype_name)
        .filter(|dtype| *dtype != Dtype::Bool)
        .ok_or_else(|| dtype_value.error(Problem::UnknownDtype(dtype_name.to_owned())))?;
    let shape_value = table.require("shape")?;
    let sizes = shape_value.items("an array of expressions")?;
    limit_count(
        "dimensions",
        sizes.len(),
        MAX_RANK,
        Some(shape_value.line),
        &table.place,
    )?;
    let shape = sizes.iter().map(expression).collect::<Result<_, _>>()?;
    Ok(Temp {
        name: name.to_owned(),
        dtype,
        shape,
        line: table.line,
    })
}

fn step(table: &TableView<'_>, target: Target) -> Result<Step, PlanError> {
    let kind = match (table.get("kernel"), table.get("library")) {
        (Some(symbol), None) => {
            table.deny_unknown(target.kernel_keys(), target.others_keys())?;
            kernel_step(symbol, table, target)?
        }
        (None, Some(op)) => {
            table.deny_unknown(
                &["library", "inputs", "outputs", "attrs"],
                target.others_keys(),
            )?;
            library_step(op, table, target)?
        }
        (Some(_), Some(_)) | (None, None) => {
            // An unknown key explains more than the missing one: `kernal = …`.
            let library = ["library", "inputs", "outputs", "attrs"];
            let known = [target.kernel_keys(), &library].concat();
            table.deny_unknown(&known, target.others_keys())?;
            return Err(PlanError::new(
                table.line,
                &table.place,
                Problem::KernelOrLibrary,
            ));
        }
    };
    Ok(Step {
        place: table.place.clone(),
        line: table.line,
        kind,
    })
}

fn kernel_step(
    symbol_value: &ValueView<'_>,
    table: &TableView<'_>,
    target: Target,
) -> Result<StepKind, PlanError> {
    let symbol = symbol_value.str("the name of a kernel")?;
    check_identifier(symbol, "C symbol", symbol_value)?;
    let args_value = table.require("args")?;
    let items = args_value.items("an array of arguments")?;
    limit_count(
        "arguments",
        items.len(),
        MAX_ARGS,
        Some(args_value.line),
        &table.place,
    )?;
    let args = items.iter().map(argument).collect::<Result<_, _>>()?;
    let launch = match target {
        Target::Cpu => None,
        Target::Cuda => Some(launch::parse(table)?),
    };
    Ok(StepKind::Kernel {
        symbol: symbol.to_owned(),
        args,
        launch,
    })
}

fn argument(value: &ValueView<'_>) -> Result<PlanArg, PlanError> {
    if let Some(number) = value.as_int()? {
        return Ok(PlanArg::Int(number));
    }
    if let Some(number) = value.as_float()? {
        return Ok(PlanArg::Float(number));
    }
    let text = value.str("a buffer, an expression, an integer or a float")?;
    match Expr::parse(text) {
        Ok(expr) => Ok(PlanArg::Text(expr)),
        Err(error) => Err(value.error(Problem::Expression(error))),
    }
}

fn library_step(
    op_value: &ValueView<'_>,
    table: &TableView<'_>,
    target: Target,
) -> Result<StepKind, PlanError> {
    let name = op_value.str("the name of a library op")?;
    let op = LibraryOp::from_name(name).ok_or_else(|| {
        let known = LibraryOp::ALL.map(LibraryOp::name);
        let suggestion = super::did_you_mean(name, known).map(str::to_owned);
        op_value.error(Problem::UnknownLibraryOp {
            op: name.to_owned(),
            suggestion,
        })
    })?;
    let buffers = |key| {
        let value = table.require(key)?;
        let items = value.items("an array of buffers")?;
        limit_count(
            "buffers",
            items.len(),
            MAX_ARGS,
            Some(value.line),
            &table.place,
        )?;
        items
            .iter()
            .map(|item| item.str("a buffer").map(str::to_owned))
            .collect::<Result<Vec<_>, _>>()
    };
    let (inputs, outputs) = (buffers("inputs")?, buffers("outputs")?);
    let attrs = match table.table("attrs", &format!("attrs of {}", table.place))? {
        Some(view) => {
            view.deny_unknown(op.attributes(), target.others_keys())?;
            let attr = |entry: &super::toml_view::Entry<'_>| {
                Ok((entry.key.to_string(), attribute(&entry.value)?))
            };
            view.entries().iter().map(attr).collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    Ok(StepKind::Library {
        op,
        inputs,
        outputs,
        attrs,
    })
}

fn attribute(value: &ValueView<'_>) -> Result<AttrValue, PlanError> {
    if let Some(number) = value.as_float()? {
        return Ok(AttrValue::Float(number));
    }
    if value.as_str().is_some() || value.as_int()?.is_some() {
        return Ok(AttrValue::Int(expression(value)?));
    }
    let items = value.items("a number, an expression or an array of them")?;
    limit_count(
        "values",
        items.len(),
        MAX_RANK,
        Some(value.line),
        &value.place,
    )?;
    Ok(AttrValue::Ints(
        items.iter().map(expression).collect::<Result<_, _>>()?,
    ))
}

/// An integer or a string that is an expression.
pub(super) fn expression(value: &ValueView<'_>) -> Result<Expr, PlanError> {
    let text = match value.as_int()? {
        Some(number) => number.to_string(),
        None => value.str("an integer or an expression")?.to_owned(),
    };
    Expr::parse(&text).map_err(|error| value.error(Problem::Expression(error)))
}

/// Checks for a C identifier that the language and the lab leave free.
fn check_identifier(
    name: &str,
    what: &'static str,
    value: &ValueView<'_>,
) -> Result<(), PlanError> {
    let mut chars = name.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rule = if !starts || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        "it must match [A-Za-z_][A-Za-z0-9_]*"
    } else if name.len() > 128 {
        "it is longer than 128 characters"
    } else if name.starts_with("alphalab_") {
        "names that begin with `alphalab_` are reserved"
    } else {
        return Ok(());
    };
    let name = name.chars().take(160).collect();
    Err(value.error(Problem::InvalidName { name, what, rule }))
}
