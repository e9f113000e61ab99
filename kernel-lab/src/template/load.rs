//! Reading a library of templates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::epilogue::ChannelDim;
use super::instantiate::environment;
use super::spec::{
    Bind, Constraint, Dims, Include, Literal, Match, ParamKind, ParamSpec, Site, Template,
};
use crate::plan::Target;

/// Folder of headers within a library.
const INCLUDE_DIR: &str = "_include";

/// Folder within a library that holds another one: templates for GPUs, with headers of their own.
const CUDA_DIR: &str = "cuda";

/// A library that can't be read: which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("failed to load template file `{}`", .path.display())]
pub struct LoadError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: LoadProblem,
}

/// What can be wrong with a template's files.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    /// It can't be read.
    #[error("failed to read it")]
    Read(#[source] std::io::Error),
    /// It is no TOML, or has an unknown or missing key.
    #[error("failed to parse it")]
    Toml(#[source] Box<toml::de::Error>),
    /// A field has a value that makes no sense.
    #[error("`{field}` is `{value}`: {reason}")]
    Field {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A plan that is no minijinja template.
    #[error("failed to parse it as a template")]
    Plan(#[source] Box<minijinja::Error>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    name: String,
    summary: String,
    #[serde(default)]
    general: bool,
    #[serde(default)]
    include: Vec<String>,
    r#match: Vec<MatchFile>,
    #[serde(default)]
    param: Vec<ParamFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchFile {
    ops: Vec<String>,
    #[serde(default)]
    r#where: toml::Table,
    #[serde(default)]
    bind: toml::Table,
    epilogue: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamFile {
    name: String,
    kind: String,
    default: toml::Value,
    values: Option<Vec<i64>>,
    low: Option<i64>,
    high: Option<i64>,
    step: Option<i64>,
    log: Option<bool>,
}

/// Reads every template of a library that runs on `target`, sorted by name. Those for GPUs are in its folder
/// `cuda`. Folders that begin with `_` or `.` are none.
pub fn load(library: &Path, target: Target) -> Result<Vec<Template>, LoadError> {
    let within;
    let dir = match target {
        Target::Cpu => library,
        Target::Cuda => {
            within = library.join(CUDA_DIR);
            &within
        }
    };
    let mut folders = Vec::new();
    let unreadable = |error| fail(dir, LoadProblem::Read(error));
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_other = target == Target::Cpu && name == CUDA_DIR;
        if !is_other && !name.starts_with(['_', '.']) && entry.path().is_dir() {
            folders.push((name, entry.path()));
        }
    }
    folders.sort();
    folders
        .into_iter()
        .map(|(name, folder)| load_one(&name, &folder, &dir.join(INCLUDE_DIR), target))
        .collect()
}

fn fail(path: &Path, problem: LoadProblem) -> LoadError {
    LoadError {
        path: path.to_owned(),
        problem,
    }
}

fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|error| fail(path, LoadProblem::Read(error)))
}

fn load_one(
    folder_name: &str,
    folder: &Path,
    include_dir: &Path,
    target: Target,
) -> Result<Template, LoadError> {
    let path = folder.join("template.toml");
    let text = read(&path)?;
    let file: TemplateFile =
        toml::from_str(&text).map_err(|error| fail(&path, LoadProblem::Toml(Box::new(error))))?;
    let in_file = |problem| fail(&path, problem);
    if file.name != folder_name {
        return Err(in_file(field(
            "name",
            &file.name,
            "it must be the folder's name",
        )));
    }
    if file.r#match.is_empty() {
        return Err(in_file(field(
            "match",
            "",
            "a template must match something",
        )));
    }
    let params = file
        .param
        .iter()
        .map(param)
        .collect::<Result<Vec<_>, _>>()
        .map_err(in_file)?;
    let names: BTreeSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
    if names.len() != params.len() {
        return Err(in_file(field(
            "param",
            &file.name,
            "two parameters have the same name",
        )));
    }
    let matches = file
        .r#match
        .into_iter()
        .map(|entry| chain(entry, &names))
        .collect::<Result<Vec<_>, _>>();
    let matches = matches.map_err(in_file)?;
    let includes = file.include.into_iter().map(|name| {
        if name.contains(['/', '\\', '"', '\n']) || name.starts_with('.') {
            return Err(in_file(field(
                "include",
                &name,
                "it must be a file in the library's `_include` folder",
            )));
        }
        let text = read(&include_dir.join(&name))?;
        Ok(Include { name, text })
    });
    let includes = includes.collect::<Result<Vec<_>, _>>()?;

    let plan_path = folder.join("plan.toml");
    let plan_template = read(&plan_path)?;
    let parsed = environment().template_from_str(&plan_template).map(drop);
    parsed.map_err(|error| fail(&plan_path, LoadProblem::Plan(Box::new(error))))?;

    // A template of library nodes only has no source.
    let kernel_path = folder.join(target.kernel_file());
    let kernel_source = if kernel_path.exists() {
        read(&kernel_path)?
    } else {
        String::new()
    };
    Ok(Template {
        target,
        name: file.name,
        summary: file.summary,
        general: file.general,
        matches,
        params,
        includes,
        kernel_source,
        plan_template,
    })
}

fn field(field: impl Into<String>, value: impl Into<String>, reason: &'static str) -> LoadProblem {
    LoadProblem::Field {
        field: field.into(),
        value: value.into(),
        reason,
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn chain(entry: MatchFile, params: &BTreeSet<&str>) -> Result<Match, LoadProblem> {
    let ops: Vec<Vec<String>> = entry
        .ops
        .iter()
        .map(|op| op.split('|').map(|name| name.trim().to_owned()).collect())
        .collect();
    let covers_nothing = ops.is_empty() && entry.epilogue.is_none();
    if covers_nothing || ops.iter().flatten().any(String::is_empty) {
        return Err(field(
            "match.ops",
            entry.ops.join(", "),
            "each node needs at least one operator",
        ));
    }
    let named = |key: &str| format!("match.where.\"{key}\"");
    let constraints = entry.r#where.into_iter().map(|(key, value)| {
        let site = site("match.where", &key, ops.len())?;
        let equals = match value {
            toml::Value::Integer(value) => Literal::Int(value),
            toml::Value::Float(value) => Literal::Float(value),
            toml::Value::Boolean(value) => Literal::Bool(value),
            toml::Value::String(text) => words(text, ops.len())?,
            toml::Value::Array(values) => {
                let ints: Option<_> = values.iter().map(toml::Value::as_integer).collect();
                Literal::Ints(ints.ok_or_else(|| {
                    let listed = toml::Value::from(values.clone()).to_string();
                    field(named(&key), listed, "a list must be one of integers")
                })?)
            }
            toml::Value::Datetime(_) | toml::Value::Table(_) => {
                let reason = "it must be an integer, a float, a boolean, a string or a list";
                return Err(field(named(&key), value.to_string(), reason));
            }
        };
        Ok(Constraint { site, equals })
    });
    let constraints = constraints.collect::<Result<_, _>>()?;
    let bind = entry.bind.into_iter().map(|(variable, value)| {
        let name = format!("match.bind.{variable}");
        if !is_identifier(&variable) {
            return Err(field(
                "match.bind",
                variable,
                "a variable must match [A-Za-z_][A-Za-z0-9_]*",
            ));
        }
        if params.contains(variable.as_str()) {
            return Err(field(
                "match.bind",
                variable,
                "a parameter has the same name",
            ));
        }
        if ["entry", "ops", "operands", "head"].contains(&variable.as_str()) {
            return Err(field(
                "match.bind",
                variable,
                "every plan has a variable of this name",
            ));
        }
        let Some(text) = value.as_str() else {
            return Err(field(
                name,
                value.to_string(),
                "it must be a string such as \"0.dim\"",
            ));
        };
        let is_optional = text.ends_with('?');
        let site = site(&name, text.strip_suffix('?').unwrap_or(text), ops.len())?;
        Ok(Bind {
            variable,
            site,
            is_optional,
        })
    });
    let bind = bind.collect::<Result<_, _>>()?;
    let epilogue = match entry.epilogue {
        None => None,
        Some(1) => Some(ChannelDim::Second),
        Some(-1) => Some(ChannelDim::Last),
        Some(other) => {
            let reason = "it is the dimension of channels, 1 or -1";
            return Err(field("match.epilogue", other.to_string(), reason));
        }
    };
    Ok(Match {
        ops,
        constraints,
        bind,
        epilogue,
    })
}

/// What a string in `match.where` means.
fn words(text: String, nodes: usize) -> Result<Literal, LoadProblem> {
    if let Some((words, other)) = text.rsplit_once(' ') {
        let relation = match words {
            "like" => Some(Literal::Like as fn(Site) -> Literal),
            "tail of" => Some(Literal::Tail as _),
            "row of" => Some(Literal::Row as _),
            "same as" => Some(Literal::Same as _),
            _ => None,
        };
        if let Some(relation) = relation {
            return Ok(relation(site("match.where", other, nodes)?));
        }
    }
    if let Some(number) = text.strip_prefix("above ") {
        let reason = "`above` is followed by an integer";
        let number = number.parse();
        return number
            .map(Literal::Above)
            .map_err(|_| field("match.where", text, reason));
    }
    Ok(match text.as_str() {
        "last" => Literal::Dims(Dims::Last),
        "trailing" => Literal::Dims(Dims::Trailing),
        "inner" => Literal::Dims(Dims::Inner),
        "adjacent" => Literal::Dims(Dims::Adjacent),
        "absent" => Literal::Absent,
        "number" => Literal::Number,
        "number?" => Literal::NumberIfGiven,
        "tensor" => Literal::Tensor,
        _ => Literal::Text(text),
    })
}

fn site(name: &str, text: &str, nodes: usize) -> Result<Site, LoadProblem> {
    let parsed = text
        .split_once('.')
        .and_then(|(node, arg)| Some((node.parse::<usize>().ok()?, arg)));
    match parsed {
        Some((node, arg)) if node < nodes && is_identifier(arg) => Ok(Site {
            node,
            arg: arg.to_owned(),
        }),
        Some((node, _)) if node >= nodes => Err(field(name, text, "the chain has no such node")),
        Some(_) | None => Err(field(
            name,
            text,
            "it must be \"<node index>.<argument name>\"",
        )),
    }
}

fn param(file: &ParamFile) -> Result<ParamSpec, LoadProblem> {
    let name = &file.name;
    let wrong =
        |key: &str, value: String, reason| Err(field(format!("param {name}.{key}"), value, reason));
    let int_default = || {
        file.default.as_integer().ok_or_else(|| {
            field(
                format!("param {name}.default"),
                file.default.to_string(),
                "it must be an integer",
            )
        })
    };
    if !is_identifier(name) {
        return wrong("name", name.clone(), "it must match [A-Za-z_][A-Za-z0-9_]*");
    }
    let is_range =
        file.low.is_some() || file.high.is_some() || file.step.is_some() || file.log.is_some();
    let kind = match file.kind.as_str() {
        "choice" => {
            let values = file.values.clone().unwrap_or_default();
            let default = int_default()?;
            if values.is_empty() || is_range {
                return wrong(
                    "values",
                    format!("{values:?}"),
                    "a choice has a list of values, and no range",
                );
            }
            if !values.contains(&default) {
                return wrong("default", default.to_string(), "it is none of the values");
            }
            ParamKind::Choice { values, default }
        }
        "bool" => {
            let Some(default) = file.default.as_bool() else {
                return wrong("default", file.default.to_string(), "it must be a boolean");
            };
            if file.values.is_some() || is_range {
                return wrong(
                    "kind",
                    file.kind.clone(),
                    "a bool has neither values nor range",
                );
            }
            ParamKind::Bool { default }
        }
        "int" => {
            let (Some(low), Some(high)) = (file.low, file.high) else {
                return wrong("kind", file.kind.clone(), "an int needs `low` and `high`");
            };
            let (step, log, default) = (
                file.step.unwrap_or(1),
                file.log.unwrap_or(false),
                int_default()?,
            );
            if file.values.is_some() || low > high || step < 1 || (log && low < 1) {
                return wrong(
                    "low",
                    low.to_string(),
                    "a range needs low ≤ high, step ≥ 1, low ≥ 1 if log, and no values",
                );
            }
            if !in_range(default, low, high, step) {
                return wrong("default", default.to_string(), "it is not in the range");
            }
            ParamKind::Int {
                low,
                high,
                step,
                log,
                default,
            }
        }
        other => return wrong("kind", other.to_owned(), "it must be choice, bool or int"),
    };
    Ok(ParamSpec {
        name: name.clone(),
        kind,
    })
}

/// Whether `value` is one of `low`, `low + step`, … `high`.
pub(super) fn in_range(value: i64, low: i64, high: i64, step: i64) -> bool {
    (low..=high).contains(&value)
        && value
            .abs_diff(low)
            .is_multiple_of(step.unsigned_abs().max(1))
}
