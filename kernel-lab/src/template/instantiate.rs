//! Template + binding + parameters → candidate.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::load::in_range;
use super::spec::{Binding, ParamKind, ParamSpec, Template, Variable};
use crate::plan::{Target, did_you_mean};

/// A candidate made from a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The plan.
    pub plan_toml: String,
    /// The source, C++ or CUDA C++; errors in it name `kernel.cpp`, `kernel.cu` or the header, with the line there.
    pub source_cpp: String,
}

/// Why a template can't be instantiated.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A parameter the template does not have.
    #[error(
        "template `{template}` has no parameter `{name}`{}; it has {known}",
        .suggestion.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
    )]
    UnknownParam {
        /// The template.
        template: String,
        /// The parameter as given.
        name: String,
        /// The nearest parameter it has.
        suggestion: Option<String>,
        /// All parameters it has.
        known: String,
    },
    /// A value the parameter can't have.
    #[error("parameter `{name}` of template `{template}` can't be {value}: {allowed}")]
    BadValue {
        /// The template.
        template: String,
        /// The parameter.
        name: String,
        /// The value as given, as JSON.
        value: String,
        /// What it can be.
        allowed: String,
    },
    /// The plan can't be rendered.
    #[error("failed to render the plan of template `{template}`")]
    Render {
        /// The template.
        template: String,
        /// Where and why.
        #[source]
        source: Box<minijinja::Error>,
    },
}

/// Makes a candidate. Parameters that `params` does not name take their defaults; unknown ones and
/// values out of range are errors.
pub fn instantiate(
    template: &Template,
    binding: &Binding,
    params: &Map<String, Json>,
) -> Result<Instance, TemplateError> {
    if let Some(name) = params
        .keys()
        .find(|name| template.params.iter().all(|param| param.name != **name))
    {
        let names = || template.params.iter().map(|param| param.name.as_str());
        return Err(TemplateError::UnknownParam {
            template: template.name.clone(),
            name: name.clone(),
            suggestion: did_you_mean(name, names()).map(str::to_owned),
            known: names().collect::<Vec<_>>().join(", "),
        });
    }
    let values = template.params.iter().map(|param| {
        let value = value_of(param, params.get(&param.name)).map_err(|allowed| {
            TemplateError::BadValue {
                template: template.name.clone(),
                name: param.name.clone(),
                value: params
                    .get(&param.name)
                    .map(Json::to_string)
                    .unwrap_or_default(),
                allowed,
            }
        })?;
        Ok((param.name.as_str(), value))
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let plan_toml = render(template, binding, &values)?;
    let source_cpp = source(template, binding, &values, &kernels(&plan_toml));
    Ok(Instance {
        plan_toml,
        source_cpp,
    })
}

/// The value of one parameter.
#[derive(Debug, Clone, Copy)]
enum ParamValue {
    Int(i64),
    Bool(bool),
}

/// The given value or the default; the error says what is allowed.
fn value_of(param: &ParamSpec, given: Option<&Json>) -> Result<ParamValue, String> {
    match &param.kind {
        ParamKind::Choice { values, default } => match given {
            None => Ok(ParamValue::Int(*default)),
            Some(given) => {
                let value = given.as_i64().filter(|value| values.contains(value));
                value
                    .map(ParamValue::Int)
                    .ok_or_else(|| format!("it is one of {values:?}"))
            }
        },
        ParamKind::Bool { default } => match given {
            None => Ok(ParamValue::Bool(*default)),
            Some(given) => given
                .as_bool()
                .map(ParamValue::Bool)
                .ok_or_else(|| "it is true or false".to_owned()),
        },
        ParamKind::Int {
            low,
            high,
            step,
            default,
            ..
        } => match given {
            None => Ok(ParamValue::Int(*default)),
            Some(given) => {
                let value = given
                    .as_i64()
                    .filter(|value| in_range(*value, *low, *high, *step));
                value
                    .map(ParamValue::Int)
                    .ok_or_else(|| format!("it is an integer in {low}..={high} in steps of {step}"))
            }
        },
    }
}

/// The kernels that a plan names; none of a text that is no TOML, which is found out when it is read as a plan.
fn kernels(plan_toml: &str) -> BTreeSet<String> {
    let plan: toml::Table = plan_toml.parse().unwrap_or_default();
    let steps = ["prepare", "step"]
        .into_iter()
        .filter_map(|key| plan.get(key)?.as_array());
    let names = steps
        .flatten()
        .filter_map(|step| step.get("kernel")?.as_str());
    names.map(str::to_owned).collect()
}

fn source(
    template: &Template,
    binding: &Binding,
    values: &[(&str, ParamValue)],
    kernels: &BTreeSet<String>,
) -> String {
    let mut text = String::new();
    // The compiler makes code of every kernel that it sees, so a file has each behind an `#ifdef`.
    if template.target == Target::Cuda {
        for kernel in kernels {
            let _ = writeln!(text, "#define KERNEL_{kernel} 1");
        }
    }
    for (name, value) in values {
        let value = match value {
            ParamValue::Int(value) => *value,
            ParamValue::Bool(value) => i64::from(*value),
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "#define {name} {value}");
    }
    for include in &template.includes {
        let _ = writeln!(text, "#line 1 \"{}\"\n{}", include.name, include.text);
    }
    let epilogue = binding.epilogue.as_ref().map_or("", |e| &e.source);
    let file = template.target.kernel_file();
    let kernel = format!("#line 1 \"{file}\"\n{}", template.kernel_source);
    // On a processor it calls what the kernel's file has, on a GPU it is called from there.
    match template.target {
        Target::Cpu => text + &kernel + epilogue,
        Target::Cuda => text + epilogue + &kernel,
    }
}

fn render(
    template: &Template,
    binding: &Binding,
    values: &[(&str, ParamValue)],
) -> Result<String, TemplateError> {
    let params = values.iter().map(|(name, value)| {
        let value = match value {
            ParamValue::Int(value) => Value::from(*value),
            ParamValue::Bool(value) => Value::from(*value),
        };
        ((*name).to_owned(), value)
    });
    let variables = binding.variables.iter().map(|(name, variable)| {
        let value = match variable {
            Variable::Int(value) => Value::from(*value),
            Variable::Float(value) => Value::from(*value),
            Variable::Bool(value) => Value::from(*value),
            Variable::Text(text) | Variable::Buffer(text) => Value::from(text.as_str()),
            Variable::Ints(values) => Value::from(values.clone()),
        };
        (name.clone(), value)
    });
    let matched = [
        ("entry".to_owned(), Value::from(binding.entry)),
        ("ops".to_owned(), Value::from(binding.ops.clone())),
        (
            "operands".to_owned(),
            Value::from(
                binding
                    .epilogue
                    .as_ref()
                    .map_or(Vec::new(), |e| e.operands.clone()),
            ),
        ),
    ];
    let context = Value::from_pairs(params.chain(variables).chain(matched));
    environment()
        .render_str(&template.plan_template, context)
        .map_err(|source| TemplateError::Render {
            template: template.name.clone(),
            source: Box::new(source),
        })
}

/// The environment of plans: what is undefined is an error, numbers come out as TOML that
/// [`plan::parse`](crate::plan::parse()) reads back as what they were.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(|out, state, value| {
        match value.kind() {
            // Debug keeps a float a float: `1.0`, `1e-5`.
            ValueKind::Number if !value.is_integer() => {
                write!(out, "{:?}", f64::try_from(value.clone())?)?;
            }
            ValueKind::Bool => write!(out, "{}", i32::from(value.is_true()))?,
            _ => return minijinja::escape_formatter(out, state, value),
        }
        Ok(())
    });
    environment
}
