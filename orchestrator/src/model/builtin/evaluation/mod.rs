//! Designs an evaluation from the profile of a dataset.
//!
//! The Builder sees no row of the data: what the profile wrote decides what is
//! predicted, how the data are split and how predictions are scored. What comes
//! out are the files of an evaluation as `docs/evaluation.md` describes them, in
//! plain Python that a reader can check. Each finding of an audit has a known
//! remedy ([`remedies`]), so a design that failed is made again with it.

mod characters;
mod forecast;
mod horizon;
mod metric;
mod python;
mod remedies;
mod source;
mod table;
mod texts;

use crate::audit::contract::CONTRACT;
use crate::explore::{Findings, Schema, Statistics, TaskKind};
use metric::Choice;
pub use metric::canonical;
use protocol::Direction;
use remedies::Remedies;
use source::RawTable;

/// Fewest rows or texts of which four parts can be made.
const FEWEST: u64 = 60;

/// What an evaluation is designed from.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a> {
    /// What the data are.
    pub schema: &'a Schema,
    /// Their numbers.
    pub statistics: Option<&'a Statistics>,
    /// What to be careful about, and the most plausible task.
    pub findings: &'a Findings,
    /// What is optimised; the profile's guess where nobody says.
    pub metric: Option<&'a Metric>,
    /// What is to be achieved.
    pub objective: &'a str,
    /// The table's or the folder's name below the data folder.
    pub data: &'a str,
    /// Everything found in earlier designs, of all rounds.
    pub found: &'a [Found],
}

/// A metric as a manifest or an objective has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which way is better. A well-known formula knows better.
    pub direction: Direction,
    /// The formula it claims to be.
    pub formula: Option<String>,
}

/// Something that was wrong with an earlier design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who found it.
    pub by: String,
    /// The check that failed.
    pub check: String,
    /// What was seen, with names in backticks.
    pub detail: String,
}

/// Why no evaluation can be designed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no evaluation can be designed: {why}; {remedy}")]
pub struct Undesignable {
    /// What is in the way.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Undesignable {
    fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

/// Designs an evaluation: names and texts of its files.
pub fn design(brief: &Brief<'_>) -> Result<Vec<(String, String)>, Undesignable> {
    let of_table = brief.schema.kind == "table";
    let kind = brief.findings.guess.kind;
    match kind {
        TaskKind::KernelOptimisation => {
            return Err(Undesignable::new(
                "the data are kernel tasks, whose answers are running times",
                "use the `cuda-kernels` adapter, whose lab measures them",
            ));
        }
        TaskKind::Unknown => {
            return Err(Undesignable::new(
                "it is not clear what is to be predicted",
                "name the column to predict and how it is scored in the objective",
            ));
        }
        TaskKind::Regression
        | TaskKind::Classification
        | TaskKind::Forecast
        | TaskKind::TextClassification
        | TaskKind::LanguageModelling => {}
    }
    let running = kind == TaskKind::LanguageModelling;
    let raw = if of_table && !running {
        Some(RawTable::of(brief)?)
    } else {
        None
    };
    if brief.schema.rows < FEWEST && !running {
        return Err(Undesignable::new(
            format!(
                "there are {} rows, fewer than the {FEWEST} of which four parts can be made",
                brief.schema.rows
            ),
            "give more data",
        ));
    }
    let classes = matches!(
        kind,
        TaskKind::Classification | TaskKind::TextClassification | TaskKind::LanguageModelling
    );
    let choice = metric::choose(brief, classes)?;
    let remedies = Remedies::of(brief);
    let designed = match (kind, &raw) {
        (TaskKind::LanguageModelling, _) => characters::design(brief, &remedies)?,
        (TaskKind::Forecast, Some(raw)) => forecast::design(brief, raw, &choice, &remedies)?,
        (_, Some(raw)) => table::design(brief, raw, &remedies)?,
        (_, None) => texts::design(brief, &remedies)?,
    };
    let score = choice.script(&designed.target);
    Ok(vec![
        (CONTRACT.to_owned(), designed.contract(brief, &choice)),
        ("prepare.py".to_owned(), designed.prepare),
        ("score.py".to_owned(), score),
    ])
}

/// What a kind of task adds to the contract, and its `prepare.py`.
struct Designed {
    /// `regression`, `classification` or `forecast`.
    kind: &'static str,
    /// The target's column in the parts.
    target: String,
    /// Lines of `[task]` beside the kind.
    task: Vec<(&'static str, toml::Value)>,
    /// Lines of `[data]`.
    data: Vec<(&'static str, toml::Value)>,
    /// The program.
    prepare: String,
}

impl Designed {
    /// `evaluation.toml`.
    fn contract(&self, brief: &Brief<'_>, choice: &Choice) -> String {
        let name: String = brief
            .objective
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        let name = match name.trim() {
            "" => format!("{} of `{}`", self.kind, self.target),
            said => said.to_owned(),
        };
        let text = |value: &str| toml::Value::String(value.to_owned());
        let mut metric = vec![
            ("name", text(choice.name())),
            ("unit", text(&choice.unit)),
            ("direction", text(choice.direction_word())),
        ];
        metric.extend(choice.formula().map(|formula| ("formula", text(formula))));
        let mut task = vec![("kind", text(self.kind))];
        task.extend(self.task.iter().cloned());
        let words = |script: &str| toml::Value::Array(vec![text("python"), text(script)]);
        let commands = vec![
            ("prepare", words("prepare.py")),
            ("score", words("score.py")),
            ("timeout_s", toml::Value::Integer(120)),
        ];
        let mut lines = vec!["schema = 1".to_owned(), format!("name = {}", text(&name))];
        for (section, fields) in [
            ("metric", &metric),
            ("task", &task),
            ("data", &self.data),
            ("commands", &commands),
        ] {
            lines.push(format!("\n[{section}]"));
            lines.extend(fields.iter().map(|(key, value)| format!("{key} = {value}")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}
