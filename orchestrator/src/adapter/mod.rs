//! Adapters: what the system knows about a domain, as data.
//!
//! An adapter is a folder of eleven files ([`FILES`]): a manifest, what is
//! known about the domain, and a prompt for each role. [`Adapter::validate`]
//! is the only door: shipped, written by hand or by a model, an adapter with
//! an error is not loaded.

mod context;
mod draft;
mod error;
mod example;
mod facts;
mod files;
mod history;
mod manifest;
mod metric;
mod problem;
mod programs;
mod resolve;
mod schema;
mod template;
mod validate;

use std::path::{Path, PathBuf};

use minijinja::Environment;
use serde_json::{Map, Value};

use crate::core::agent::Role;

pub use context::{
    AnalystContext, Assignment, Basics, BoardRow, BudgetLine, BuilderContext, CommandFacts,
    Contract, CriticContext, EvaluationFacts, ExplorerContext, Failure, Finding, FixerContext,
    ImplementerContext, MetricFacts, PlanItem, ReporterContext, ResultFacts, RoleContext,
    SourceFile, SplitFacts, Stage, Standing, StrategistContext, TesterContext, ToolFacts,
};
pub use draft::Draft;
pub use error::AdapterError;
pub use example::{Extent, context as example_context};
pub use facts::{ColumnFacts, ColumnKind, DataFacts, FileFacts, TimeFacts};
pub use files::{FILES, KNOWLEDGE, MANIFEST, PromptRole};
pub use history::{
    AdapterHistory, Change, Entry, EntryKind, HistoryError, Patch, as_of, changes, copy_history,
    originals,
};
pub use manifest::{
    Budgets, EvaluationCommands, ExperimentLayout, Judge, Manifest, Metric, NoJudge,
};
pub use problem::{Problem, Severity};
pub use programs::Programs;
pub use resolve::{Choice, Known, Request, Resolution, UnknownAdapter, resolve};
pub use validate::LARGEST_FILE;

/// Name of the Supervisor's prompt in messages. It is none of the adapter's
/// files: whoever mends those is not told by them how.
const SUPERVISOR: &str = "supervisor.md";
const SUPERVISOR_PROMPT: &str = include_str!("supervisor.md");
/// The same for an assistant, which knows its task and nothing else.
const ASSISTANT: &str = "assistant.md";
const ASSISTANT_PROMPT: &str = include_str!("assistant.md");
/// The Supervisor's once the experiments have begun.
const WATCH: &str = "watch.md";
const WATCH_PROMPT: &str = include_str!("watch.md");
/// The same for an Auditor: who mends prompts must not be able to mend this.
const AUDITOR: &str = "auditor.md";
const AUDITOR_PROMPT: &str = include_str!("auditor.md");

/// A loaded adapter.
#[derive(Debug)]
pub struct Adapter {
    /// Its manifest.
    pub manifest: Manifest,
    folder: PathBuf,
    texts: validate::Texts,
    environment: Environment<'static>,
}

impl Adapter {
    /// Loads the adapter in `folder`, if it has no errors. Loading again is
    /// how a change takes effect in a running campaign.
    pub fn load(folder: &Path) -> Result<Self, AdapterError> {
        if !folder.is_dir() {
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            return Err(AdapterError::Missing {
                name: name.to_string_lossy().into_owned(),
                path: folder.to_owned(),
            });
        }
        let checked = validate::folder(folder);
        let errors: Vec<Problem> = checked
            .problems
            .into_iter()
            .filter(Problem::is_error)
            .collect();
        match checked.manifest {
            Some(manifest) if errors.is_empty() => Ok(Self {
                manifest,
                folder: folder.to_owned(),
                texts: checked.texts,
                environment: template::environment(),
            }),
            _ => Err(AdapterError::Invalid {
                folder: folder.to_owned(),
                problems: errors,
            }),
        }
    }

    /// Everything that is wrong with the adapter in `folder`, in the order of
    /// its files; warnings too.
    pub fn validate(folder: &Path) -> Vec<Problem> {
        validate::folder(folder).problems
    }

    /// The same, and whether what its manifest names is on this machine.
    pub fn validate_here(folder: &Path, programs: &Programs) -> Vec<Problem> {
        let checked = validate::folder(folder);
        let mut problems = checked.problems;
        if let Some(manifest) = &checked.manifest {
            let missing = programs.check(manifest);
            let behind = problems.iter().take_while(|p| p.file == MANIFEST).count();
            problems.splice(behind..behind, missing);
        }
        problems
    }

    /// The usable adapters among the folders in `home`, by name, for
    /// [`resolve`].
    pub fn known_in(home: &Path) -> Vec<Known> {
        let folders = home.read_dir().into_iter().flatten().flatten();
        let mut known: Vec<Known> = folders
            .filter_map(|folder| Self::load(&folder.path()).ok())
            .map(|adapter| Known {
                name: adapter.manifest.name,
                domain: adapter.manifest.domain,
            })
            .collect();
        known.sort_by(|a, b| a.name.cmp(&b.name));
        known
    }

    /// Folder it was loaded from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Copies the adapter's files into a campaign.
    pub fn copy_to(&self, target: &Path) -> Result<(), AdapterError> {
        std::fs::create_dir_all(target).map_err(|source| AdapterError::File {
            operation: "create",
            path: target.to_owned(),
            source,
        })?;
        for (name, text) in &self.texts {
            let to = target.join(name);
            std::fs::write(&to, text).map_err(|source| AdapterError::File {
                operation: "write",
                path: to.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// A role's prompt.
    pub fn render<C: RoleContext>(&self, context: &C) -> Result<String, AdapterError> {
        let variables = example::fields(context).unwrap_or_default();
        self.render_variables(C::ROLE, variables)
    }

    /// The prompt for a role of the planner, from the variables that are
    /// known. The others of the role's are what they are when there is
    /// nothing to say yet.
    pub fn prompt(&self, role: Role, context: Map<String, Value>) -> Result<String, AdapterError> {
        let (of, role) = (role, PromptRole::of(role));
        let mut variables = role.map_or_else(
            || example::knowledge(Extent::Bare),
            |role| example::context(role, Extent::Bare),
        );
        variables.insert("domain".to_owned(), self.manifest.domain.clone().into());
        variables.extend(context);
        // A name that is absent would be an error in the prompt.
        if let Some(metric) = variables.get_mut("metric").and_then(Value::as_object_mut) {
            metric.entry("baseline_value").or_insert(Value::Null);
        }
        match role {
            Some(role) => self.render_variables(role, variables),
            None if of == Role::Assistant => {
                self.render_text(ASSISTANT, ASSISTANT_PROMPT, &variables)
            }
            None if of == Role::Auditor => self.render_text(AUDITOR, AUDITOR_PROMPT, &variables),
            None if variables.contains_key("alarms") => {
                self.render_text(WATCH, WATCH_PROMPT, &variables)
            }
            None => self.render_text(SUPERVISOR, SUPERVISOR_PROMPT, &variables),
        }
    }

    /// A role's prompt from variables by their names; `knowledge` is added.
    pub fn render_variables(
        &self,
        role: PromptRole,
        mut variables: Map<String, Value>,
    ) -> Result<String, AdapterError> {
        if role.knows_the_domain() {
            let basics: Map<String, Value> = example::knowledge(Extent::Bare)
                .into_iter()
                .filter_map(|(key, _)| Some((key.clone(), variables.get(&key)?.clone())))
                .collect();
            let knowledge = self.render_file(KNOWLEDGE, &basics)?;
            variables.insert("knowledge".to_owned(), knowledge.into());
        }
        self.render_file(role.file(), &variables)
    }

    fn render_file(
        &self,
        name: &'static str,
        context: &Map<String, Value>,
    ) -> Result<String, AdapterError> {
        let text = self.texts.get(name).map_or("", String::as_str);
        self.render_text(name, text, context)
    }

    fn render_text(
        &self,
        name: &'static str,
        text: &str,
        context: &Map<String, Value>,
    ) -> Result<String, AdapterError> {
        template::render(&self.environment, name, text, context).map_err(|source| {
            AdapterError::Template {
                name,
                source: Box::new(source),
            }
        })
    }
}
