//! From an experiment directory to a plan and a source text.

use std::fs;
use std::path::Path;

use protocol::{Candidate, ContentHash, Experiment, PROTOCOL_VERSION};

use crate::device::cpu::MODULE;
use crate::error::HarnessError;
use crate::plan::Target;
use crate::task::LoadedTask;
use crate::template::{self, Template};

/// Largest file of a candidate, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Material {
    /// `plan.toml`.
    pub plan: String,
    /// `kernel.cpp` or `kernel.cu`; empty for a plan of library nodes only.
    pub source: String,
}

impl Material {
    /// Hash of task, sizes, plan and source: what a score is bound to.
    pub(crate) fn hash(&self, task: &ContentHash) -> ContentHash {
        ContentHash::of_parts([
            task.as_str().as_bytes(),
            self.plan.as_bytes(),
            self.source.as_bytes(),
        ])
    }
}

/// Reads `experiment.json`.
pub fn read_experiment(dir: &Path) -> Result<Experiment, HarnessError> {
    let problem = |problem: String| HarnessError::Experiment {
        dir: dir.to_owned(),
        problem,
    };
    let path = dir.join("experiment.json");
    let text = fs::read_to_string(&path)
        .map_err(|error| problem(format!("failed to read `experiment.json`: {error}")))?;
    let experiment: Experiment = serde_json::from_str(&text)
        .map_err(|error| problem(format!("`experiment.json`: {error}")))?;
    if experiment.schema > PROTOCOL_VERSION {
        return Err(problem(format!(
            "`experiment.json` has schema {}, this lab reads up to {PROTOCOL_VERSION}",
            experiment.schema
        )));
    }
    Ok(experiment)
}

/// What became of looking for a candidate's material.
pub(super) enum Found {
    /// It is there.
    Material(Material),
    /// A module in Python takes its place.
    Module(String),
    /// The candidate is unusable; stage and reason.
    Unusable(&'static str, String),
}

/// Reads the candidate's files, or fills the template it names.
pub(super) fn material(
    dir: &Path,
    experiment: &Experiment,
    task: &LoadedTask,
    templates: &[Template],
    target: Target,
) -> Result<Found, HarnessError> {
    match &experiment.candidate {
        Candidate::Files { files } => {
            let mut plan = None;
            let mut module = None;
            let mut source = String::new();
            for file in files {
                let name = file.file_name().and_then(|name| name.to_str());
                let inside = file.components().count() == 1;
                let target = match name {
                    Some("plan.toml") if inside => plan.get_or_insert_with(String::new),
                    Some(name) if inside && name == target.kernel_file() => &mut source,
                    Some(MODULE) if inside => module.get_or_insert_with(String::new),
                    _ => {
                        return Ok(Found::Unusable(
                            "files",
                            format!(
                                "`{}`: a candidate for {} is `plan.toml` and `{}`, or `{MODULE}`",
                                file.display(),
                                target.words(),
                                target.kernel_file()
                            ),
                        ));
                    }
                };
                match read_limited(&dir.join(file)) {
                    Ok(text) => *target = text,
                    Err(reason) => return Ok(Found::Unusable("files", reason)),
                }
            }
            Ok(match (plan, module) {
                (Some(plan), None) => Found::Material(Material { plan, source }),
                (None, Some(module)) if source.is_empty() => Found::Module(module),
                (None, None) => Found::Unusable("files", "there is no `plan.toml`".to_owned()),
                (_, Some(_)) => Found::Unusable(
                    "files",
                    format!("`{MODULE}` stands alone: a plan and its source are another candidate"),
                ),
            })
        }
        Candidate::Template { template, params } => {
            let Some(found) = templates.iter().find(|t| t.name == *template) else {
                let known: Vec<&str> = templates.iter().map(|t| t.name.as_str()).collect();
                return Ok(Found::Unusable(
                    "template",
                    format!("no template `{template}`; there are: {}", known.join(", ")),
                ));
            };
            let graph = task.graph()?;
            let Some(binding) = template::matches(found, graph) else {
                return Ok(Found::Unusable(
                    "template",
                    format!(
                        "template `{template}` does not fit the op graph of `{}`",
                        task.source.name
                    ),
                ));
            };
            let params = params
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            Ok(match template::instantiate(found, &binding, &params) {
                Ok(instance) => Found::Material(Material {
                    plan: instance.plan_toml,
                    source: instance.source_cpp,
                }),
                Err(error) => Found::Unusable("template", crate::error::chain(&error)),
            })
        }
    }
}

fn read_limited(path: &Path) -> Result<String, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let meta =
        fs::symlink_metadata(path).map_err(|error| format!("failed to read `{name}`: {error}"))?;
    if !meta.is_file() {
        return Err(format!("`{name}` is not a regular file"));
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(format!(
            "`{name}` has {} bytes, more than {MAX_FILE_BYTES}",
            meta.len()
        ));
    }
    fs::read_to_string(path).map_err(|error| format!("failed to read `{name}`: {error}"))
}
