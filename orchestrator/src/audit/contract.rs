//! `evaluation.toml`: what an evaluation says about itself.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use protocol::Direction;
use serde::Deserialize;

use super::stored::TableFormat;
use super::wide::VALUE;

/// Name of the contract's file in an evaluation's folder.
pub const CONTRACT: &str = "evaluation.toml";
/// Version of the contract that this program knows.
const SCHEMA: u32 = 1;
/// Longest time one command may ask for, in seconds.
const LONGEST_S: u64 = 3600;

/// What kind of prediction is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number.
    Regression,
    /// A class.
    Classification,
    /// A number at a time that lies after everything known.
    Forecast,
}

/// A well-known formula that a metric can claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formula {
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Mean absolute error relative to the answer.
    Mape,
    /// Mean absolute error relative to the mean of the two magnitudes.
    Smape,
    /// Coefficient of determination.
    R2,
    /// Share of right classes.
    Accuracy,
    /// Mean over the classes of F1.
    F1Macro,
    /// Mean negative log-likelihood, natural logarithm.
    Logloss,
    /// Area under the ROC curve.
    Auc,
    /// Mean absolute error relative to the naive forecast's on the training
    /// rows.
    Mase,
}

impl Formula {
    /// The formula that a metric's name stands for, if it is a usual one.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Some(match plain.as_str() {
            "rmse" | "rootmeansquarederror" => Self::Rmse,
            "mae" | "meanabsoluteerror" => Self::Mae,
            "mape" => Self::Mape,
            "smape" => Self::Smape,
            "r2" | "rsquared" | "r2score" => Self::R2,
            "accuracy" | "acc" => Self::Accuracy,
            "f1macro" | "macrof1" => Self::F1Macro,
            "logloss" | "crossentropy" => Self::Logloss,
            "auc" | "rocauc" | "auroc" => Self::Auc,
            "mase" => Self::Mase,
            _ => return None,
        })
    }

    /// Its word in a contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Mape => "mape",
            Self::Smape => "smape",
            Self::R2 => "r2",
            Self::Accuracy => "accuracy",
            Self::F1Macro => "f1_macro",
            Self::Logloss => "logloss",
            Self::Auc => "auc",
            Self::Mase => "mase",
        }
    }

    /// The direction in which this formula gets better.
    pub fn direction(self) -> Direction {
        match self {
            Self::R2 | Self::Accuracy | Self::F1Macro | Self::Auc => Direction::Maximise,
            Self::Rmse | Self::Mae | Self::Mape | Self::Smape | Self::Logloss | Self::Mase => {
                Direction::Minimise
            }
        }
    }

    /// Whether it has the target's unit.
    pub fn has_unit(self) -> bool {
        matches!(self, Self::Rmse | Self::Mae)
    }

    /// Whether predictions are probabilities, one column for each class.
    pub fn wants_probabilities(self) -> bool {
        matches!(self, Self::Logloss | Self::Auc)
    }

    /// Whether it scores classes.
    pub fn is_for_classes(self) -> bool {
        matches!(
            self,
            Self::Accuracy | Self::F1Macro | Self::Logloss | Self::Auc
        )
    }
}

/// The metric.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Key in what the scorer prints.
    pub name: String,
    /// Unit of the value; `1` for a pure number.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// The formula it claims to be.
    pub formula: Option<Formula>,
}

impl Metric {
    /// The formula that is claimed, or that the name stands for.
    pub fn formula(&self) -> Option<Formula> {
        self.formula.or_else(|| Formula::named(&self.name))
    }

    /// Whether the unit says hundredths.
    pub fn is_percent(&self) -> bool {
        let unit = self.unit.trim().to_ascii_lowercase();
        unit.starts_with('%') || unit.starts_with("percent") || unit == "pct"
    }

    /// Whether the unit says a pure number.
    pub fn is_pure(&self) -> bool {
        matches!(self.unit.trim(), "1" | "" | "-") || self.is_percent()
    }
}

/// What is predicted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Kind of prediction.
    pub kind: Kind,
    /// Column that is predicted; [`VALUE`] if there are several.
    #[serde(default)]
    pub target: String,
    /// Columns that are predicted, where there are several.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Column that orders the rows.
    pub time: Option<String>,
    /// Column whose values must not be on both sides.
    pub group: Option<String>,
    /// Columns that name a row and carry no information.
    #[serde(default)]
    pub identifiers: Vec<String>,
}

impl Task {
    /// The first field that makes no sense by itself.
    fn complaint(&self) -> Option<(&'static str, String, &'static str)> {
        if self.target.is_empty() == self.targets.is_empty() {
            let must = "the name of a column, or else absent beside `task.targets`";
            return Some(("task.target", self.target.clone(), must));
        }
        let special: BTreeSet<&String> = self
            .time
            .iter()
            .chain(&self.group)
            .chain(&self.identifiers)
            .collect();
        if special.contains(&self.target) {
            let must = "a column that is not also the time, the group or an identifier";
            return Some(("task.target", self.target.clone(), must));
        }
        let distinct: BTreeSet<&String> = self.targets.iter().collect();
        let named = self.targets.iter().all(|t| !t.is_empty());
        if distinct.len() < self.targets.len() || !named || !distinct.is_disjoint(&special) {
            let must = "different columns, none of them the time, the group or an identifier";
            return Some(("task.targets", self.targets.join(", "), must));
        }
        None
    }
}

/// Where the raw data is, below the data folder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// A file with one raw row per line, or a folder of such files, whose
    /// rows follow each other in the order of the files' names.
    pub table: Option<PathBuf>,
    /// How the table's files are written; what the name says, if absent.
    pub format: Option<TableFormat>,
    /// A folder with one file per row.
    pub folder: Option<PathBuf>,
    /// The labels of the folder's files, a CSV with the columns `file` and
    /// the target. Without it, the target is the name of the sub-folder.
    pub labels: Option<PathBuf>,
    /// Whether each place in the folder's texts is a row, and the character
    /// there its target.
    #[serde(default)]
    pub characters: bool,
}

/// Programs of the evaluation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    /// Makes the splits.
    pub prepare: Vec<String>,
    /// Scores predictions.
    pub score: Vec<String>,
    /// Time that one of them may take, in seconds.
    pub timeout_s: u64,
}

/// Seed that `prepare` gets.
const SEED: &str = "1";

impl Commands {
    /// The words that make the parts from the data.
    pub fn prepare_words(&self, data: &Path, out: &Path) -> Vec<String> {
        let mut words = with_folders(&self.prepare, &[("--data", data), ("--out", out)]);
        words.extend(["--seed".to_owned(), SEED.to_owned()]);
        words
    }

    /// The words that score artifacts against answers.
    pub fn score_words(&self, inputs: &Path, answers: &Path, artifacts: &Path) -> Vec<String> {
        let folders = [
            ("--inputs", inputs),
            ("--answers", answers),
            ("--artifacts", artifacts),
        ];
        with_folders(&self.score, &folders)
    }
}

/// A command with the folders that it is given.
pub fn with_folders(command: &[String], folders: &[(&str, &Path)]) -> Vec<String> {
    let mut words = command.to_vec();
    for (flag, folder) in folders {
        words.extend([(*flag).to_owned(), folder.display().to_string()]);
    }
    words
}

/// A loaded and checked `evaluation.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Version of this document.
    pub schema: u32,
    /// Name, for people.
    pub name: String,
    /// The metric.
    pub metric: Metric,
    /// What is predicted.
    pub task: Task,
    /// Where the raw data is.
    pub data: Data,
    /// The programs.
    pub commands: Commands,
}

/// Why an `evaluation.toml` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// It can't be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is no TOML of the right shape.
    #[error("`{}` is no evaluation contract", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Which field is wrong, and how.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A field has a value that makes no sense.
    #[error("field `{field}` in `{}` is `{value}` but must be {must}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What is allowed.
        must: &'static str,
    },
}

impl Contract {
    /// Loads and checks the contract in the folder of an evaluation.
    pub fn load(folder: &Path) -> Result<Self, ContractError> {
        let path = folder.join(CONTRACT);
        let text = std::fs::read_to_string(&path).map_err(|source| ContractError::Read {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text, &path)
    }

    /// Parses and checks a contract; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ContractError> {
        let mut contract: Self = toml::from_str(text).map_err(|source| ContractError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        match contract.complaint() {
            None => {
                if !contract.task.targets.is_empty() {
                    VALUE.clone_into(&mut contract.task.target);
                }
                Ok(contract)
            }
            Some((field, value, must)) => Err(ContractError::Field {
                path: path.to_owned(),
                field,
                value,
                must,
            }),
        }
    }

    /// The first field that makes no sense: its name, its value, what it must
    /// be.
    fn complaint(&self) -> Option<(&'static str, String, &'static str)> {
        let shown = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(|| "absent".to_owned(), |p| p.display().to_string())
        };
        if self.schema != SCHEMA {
            return Some(("schema", self.schema.to_string(), "1"));
        }
        if self.metric.name.trim().is_empty() {
            return Some(("metric.name", self.metric.name.clone(), "a name"));
        }
        if let Some(complaint) = self.task.complaint() {
            return Some(complaint);
        }
        if !self.task.targets.is_empty() && self.data.table.is_none() {
            let must = "given where there are several targets";
            return Some(("data.table", shown(&self.data.table), must));
        }
        if self.task.kind == Kind::Forecast && self.task.time.is_none() {
            return Some((
                "task.time",
                "absent".to_owned(),
                "the column that orders the rows, since a forecast has an order",
            ));
        }
        if let Some(formula) = self.metric.formula
            && formula.is_for_classes() != (self.task.kind == Kind::Classification)
        {
            let must = "a formula for this kind of task";
            return Some(("metric.formula", format!("{formula:?}"), must));
        }
        if self.data.table.is_some() == self.data.folder.is_some() {
            let must = "given, or else `data.folder`, but not both";
            return Some(("data.table", shown(&self.data.table), must));
        }
        if let Some(complaint) = self.characters_complaint() {
            return Some(complaint);
        }
        if let Some(format) = self.data.format.filter(|_| self.data.table.is_none()) {
            let must = "given with `data.table` only";
            return Some(("data.format", format.word().to_owned(), must));
        }
        if self.data.folder.is_none() && self.data.labels.is_some() {
            let must = "given with `data.folder` only";
            return Some(("data.labels", shown(&self.data.labels), must));
        }
        for (field, path) in [
            ("data.table", &self.data.table),
            ("data.folder", &self.data.folder),
            ("data.labels", &self.data.labels),
        ] {
            let inside = path
                .iter()
                .flat_map(|p| p.components())
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            if !inside {
                return Some((field, shown(path), "a relative path without `..`"));
            }
        }
        for (field, words) in [
            ("commands.prepare", &self.commands.prepare),
            ("commands.score", &self.commands.score),
        ] {
            if words.first().is_none_or(String::is_empty) {
                return Some((field, format!("{words:?}"), "a program and its arguments"));
            }
        }
        if !(1..=LONGEST_S).contains(&self.commands.timeout_s) {
            let value = self.commands.timeout_s.to_string();
            return Some(("commands.timeout_s", value, "1 to 3600 seconds"));
        }
        None
    }

    /// Where places in texts are the rows, nothing but the texts says anything
    /// about them.
    fn characters_complaint(&self) -> Option<(&'static str, String, &'static str)> {
        if !self.data.characters {
            return None;
        }
        if self.data.folder.is_none() || self.data.labels.is_some() {
            let must = "given with `data.folder` and without `data.labels` only";
            return Some(("data.characters", "true".to_owned(), must));
        }
        if self.task.kind != Kind::Classification {
            let must = "\"classification\" where the target is a character";
            return Some(("task.kind", format!("{:?}", self.task.kind), must));
        }
        let columns = [
            ("task.time", self.task.time.as_ref()),
            ("task.group", self.task.group.as_ref()),
            ("task.identifiers", self.task.identifiers.first()),
        ];
        let (field, column) = columns.into_iter().find_map(|(f, c)| Some((f, c?)))?;
        let must = "absent where rows are places in texts, which have no columns";
        Some((field, column.clone(), must))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
schema = 1
name = "x"
[metric]
name = "rmse"
unit = "rentals"
direction = "minimise"
[task]
kind = "regression"
target = "y"
[data]
table = "d.csv"
[commands]
prepare = ["python", "prepare.py"]
score = ["python", "score.py"]
timeout_s = 5
"#;

    fn error(text: &str) -> String {
        crate::chain::of(&Contract::parse(text, Path::new("e.toml")).expect_err("an error"))
    }

    #[test]
    fn a_good_one_loads() {
        let contract = Contract::parse(GOOD, Path::new("e.toml")).expect("a contract");
        assert_eq!(contract.metric.formula(), Some(Formula::Rmse));
        assert_eq!(contract.task.kind, Kind::Regression);
    }

    #[test]
    fn errors_name_file_field_and_value() {
        let zero = GOOD.replace("timeout_s = 5", "timeout_s = 0");
        assert_eq!(
            error(&zero),
            "field `commands.timeout_s` in `e.toml` is `0` but must be 1 to 3600 seconds"
        );
        let outside = GOOD.replace("d.csv", "../d.csv");
        assert!(error(&outside).contains("`data.table`") && error(&outside).contains("../d.csv"));
        let unknown = GOOD.replace("[data]", "[data]\ncolour = 1");
        assert!(error(&unknown).contains("colour"), "{}", error(&unknown));
        let forecast = GOOD.replace("\"regression\"", "\"forecast\"");
        assert!(error(&forecast).contains("task.time"));
        let missing = GOOD.replace("unit = \"rentals\"\n", "");
        assert!(error(&missing).contains("unit"));
        let formula = GOOD.replace("unit =", "formula = \"auc\"\nunit =");
        assert!(error(&formula).contains("metric.formula"));
        let both = GOOD.replace("target =", "targets = [\"z\"]\ntarget =");
        assert!(error(&both).contains("task.target"), "{}", error(&both));
        let neither = GOOD.replace("target = \"y\"\n", "");
        assert!(error(&neither).contains("task.target"));
        let shape = GOOD.replace("table = \"d.csv\"", "folder = \"d\"\nformat = \"parquet\"");
        assert!(error(&shape).contains("data.format"), "{}", error(&shape));
        let twice = GOOD.replace("target = \"y\"", "targets = [\"y\", \"y\"]");
        assert!(error(&twice).contains("task.targets"), "{}", error(&twice));
        let texts = GOOD.replace("table = \"d.csv\"", "labels = \"l.csv\"");
        assert!(error(&texts).contains("data.table"), "{}", error(&texts));
    }

    #[test]
    fn characters_need_a_folder_of_texts_and_no_columns() {
        let good = GOOD
            .replace("table = \"d.csv\"", "folder = \".\"\ncharacters = true")
            .replace("\"regression\"", "\"classification\"")
            .replace("\"rmse\"", "\"logloss\"");
        let contract = Contract::parse(&good, Path::new("e.toml")).expect("a contract");
        assert!(contract.data.characters);
        let table = good.replace("folder = \".\"", "table = \"d.csv\"");
        assert!(
            error(&table).contains("data.characters"),
            "{}",
            error(&table)
        );
        let labels = good.replace("characters", "labels = \"l.csv\"\ncharacters");
        assert!(error(&labels).contains("data.characters"));
        let numbers = good.replace("\"classification\"", "\"regression\"");
        assert!(error(&numbers).contains("task.kind"));
        let named = good.replace("target =", "identifiers = [\"id\"]\ntarget =");
        assert!(error(&named).contains("task.identifiers"));
    }

    #[test]
    fn several_targets_are_one_column_in_the_parts() {
        let several = GOOD.replace("target = \"y\"", "targets = [\"y\", \"z\"]");
        let contract = Contract::parse(&several, Path::new("e.toml")).expect("a contract");
        assert_eq!(contract.task.target, "value");
        assert_eq!(contract.task.targets, ["y", "z"]);
    }

    #[test]
    fn names_stand_for_formulas() {
        assert_eq!(Formula::named("F1-macro"), Some(Formula::F1Macro));
        assert_eq!(Formula::named("ROC AUC"), Some(Formula::Auc));
        assert_eq!(Formula::named("pinball"), None);
    }
}
