//! Adapters: what the system knows about a domain, as data.

use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior};
use protocol::Direction;
use serde::{Deserialize, Serialize};

use crate::core::agent::Role;
use crate::core::settings::{MetricSettings, Policy};

/// Name of the manifest in an adapter's folder.
pub const MANIFEST: &str = "manifest.toml";
/// Prompts and knowledge that every adapter must have.
const TEXTS: [&str; 3] = [
    "domain_knowledge.md",
    "phase3_strategist.md",
    "phase3_worker_implement.md",
];

/// Budgets of a run that names none.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Evaluated experiments.
    pub experiments: u32,
    /// Running time in hours.
    pub hours: f64,
}

/// The adapter's `manifest.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document.
    pub schema: u32,
    /// Name of the adapter.
    pub name: String,
    /// Its domain, in words.
    pub domain: String,
    /// Objective of a run that names none.
    pub objective: String,
    /// Name of the lab's binary.
    pub lab: String,
    /// Data of a run that names none, relative to the home of the shipped
    /// data.
    pub default_data: PathBuf,
    /// Extension of a task's file; files of the same stem belong to it.
    pub task_extension: String,
    /// What is compared.
    pub metric: Metric,
    /// Budgets of a run that names none.
    pub budgets: Budgets,
    /// How budgets are shared out.
    pub policy: Policy,
}

/// The metric in a manifest.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Key in a report's metrics.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// What it is relative to.
    pub baseline: String,
    /// Value that equals the baseline.
    pub baseline_value: f64,
}

impl From<Metric> for MetricSettings {
    fn from(metric: Metric) -> Self {
        Self {
            name: metric.name,
            unit: metric.unit,
            direction: metric.direction,
            baseline: metric.baseline,
            baseline_value: metric.baseline_value,
        }
    }
}

/// Why an adapter can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// There is none.
    #[error("there is no adapter `{name}`: looked for `{}`", path.display())]
    Missing {
        /// As it was named.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file can't be read or copied.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The manifest is wrong.
    #[error("`{}` is no manifest", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Which field is wrong, and how.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A field has a value that makes no sense.
    #[error("field `{field}` in `{}` must be {must}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is allowed.
        must: &'static str,
    },
    /// A prompt is no template, or uses what isn't there.
    #[error("failed to render `{name}`")]
    Template {
        /// The prompt.
        name: &'static str,
        /// Line and cause.
        #[source]
        source: Box<minijinja::Error>,
    },
}

/// A loaded adapter.
#[derive(Debug)]
pub struct Adapter {
    /// Its manifest.
    pub manifest: Manifest,
    folder: PathBuf,
    texts: Environment<'static>,
}

impl Adapter {
    /// Loads and validates the adapter in `folder`.
    pub fn load(folder: &Path) -> Result<Self, AdapterError> {
        let path = folder.join(MANIFEST);
        let text = read(&path)?;
        let manifest: Manifest =
            toml::from_str(&text).map_err(|source| AdapterError::Manifest {
                path: path.clone(),
                source: Box::new(source),
            })?;
        validate(&manifest, &path)?;
        let mut texts = Environment::new();
        texts.set_undefined_behavior(UndefinedBehavior::Strict);
        for name in TEXTS {
            let text = read(&folder.join(name))?;
            texts
                .add_template_owned(name, text)
                .map_err(|source| AdapterError::Template {
                    name,
                    source: Box::new(source),
                })?;
        }
        Ok(Self {
            manifest,
            folder: folder.to_owned(),
            texts,
        })
    }

    /// Copies the adapter's files into a campaign.
    pub fn copy_to(&self, target: &Path) -> Result<(), AdapterError> {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| AdapterError::File {
                operation,
                path,
                source,
            }
        };
        std::fs::create_dir_all(target).map_err(failed("create", target))?;
        for name in [MANIFEST].into_iter().chain(TEXTS) {
            let to = target.join(name);
            std::fs::copy(self.folder.join(name), &to).map_err(failed("write", &to))?;
        }
        Ok(())
    }

    /// The prompt for a role. `context` are the variables of the templates;
    /// `knowledge` is added to them.
    pub fn prompt(
        &self,
        role: Role,
        mut context: serde_json::Map<String, serde_json::Value>,
    ) -> Result<String, AdapterError> {
        let knowledge = self.render("domain_knowledge.md", &context)?;
        context.insert("knowledge".to_owned(), knowledge.into());
        let name = match role {
            Role::Strategist => "phase3_strategist.md",
            Role::Worker => "phase3_worker_implement.md",
        };
        self.render(name, &context)
    }

    fn render(
        &self,
        name: &'static str,
        context: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<String, AdapterError> {
        self.texts
            .get_template(name)
            .and_then(|template| template.render(minijinja::value::Serde(context)))
            .map_err(|source| AdapterError::Template {
                name,
                source: Box::new(source),
            })
    }
}

fn read(path: &Path) -> Result<String, AdapterError> {
    std::fs::read_to_string(path).map_err(|source| AdapterError::File {
        operation: "read",
        path: path.to_owned(),
        source,
    })
}

fn validate(manifest: &Manifest, path: &Path) -> Result<(), AdapterError> {
    let wrong = |field, must| AdapterError::Field {
        path: path.to_owned(),
        field,
        must,
    };
    let policy = &manifest.policy;
    if manifest.schema != 1 {
        return Err(wrong("schema", "1"));
    }
    if manifest.name.is_empty() {
        return Err(wrong("name", "a name"));
    }
    if manifest.lab.is_empty() || manifest.lab.contains('/') {
        return Err(wrong("lab", "the name of a binary"));
    }
    if manifest.budgets.experiments == 0 {
        return Err(wrong("budgets.experiments", "at least 1"));
    }
    if !(manifest.budgets.hours > 0.0 && manifest.budgets.hours.is_finite()) {
        return Err(wrong("budgets.hours", "above 0"));
    }
    if policy.tries_per_worker == 0 {
        return Err(wrong("policy.tries_per_worker", "at least 1"));
    }
    if policy.finalists == 0 {
        return Err(wrong("policy.finalists", "at least 1"));
    }
    if policy.turns < 10 {
        return Err(wrong("policy.turns", "at least 10"));
    }
    if !manifest.metric.baseline_value.is_finite() {
        return Err(wrong("metric.baseline_value", "a number"));
    }
    Ok(())
}
