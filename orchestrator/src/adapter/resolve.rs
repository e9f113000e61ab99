//! Which adapter a run gets: by name, by path, or by looking at its data.

use std::path::PathBuf;

use super::facts::{ColumnKind, DataFacts};
use super::problem::{did_you_mean, nearest};

/// Adapter of a run that names neither adapter nor data.
const DEFAULT: &str = "cuda-kernels";
const KERNELS: &str = "cuda-kernels";
const LANGUAGE: &str = "llm-pretraining";
const TRAFFIC: &str = "traffic-forecasting";
const SERIES: &str = "time-series";

/// What a run asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Adapter by name or path.
    pub adapter: Option<String>,
    /// What is wanted, in words.
    pub objective: Option<String>,
}

/// An adapter that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its domain, in words.
    pub domain: String,
}

/// Which adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of the known ones.
    Known(String),
    /// One in a folder of its own.
    Folder(PathBuf),
    /// None fits: one has to be written.
    New,
}

/// Which adapter, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Which.
    pub choice: Choice,
    /// Why, in a sentence.
    pub why: String,
}

/// Nobody knows an adapter of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no adapter `{name}`{}; there are {}", hint(near.as_deref()), known.join(", "))]
pub struct UnknownAdapter {
    /// The name.
    pub name: String,
    /// The known name that was probably meant.
    pub near: Option<String>,
    /// All known names.
    pub known: Vec<String>,
}

fn hint(near: Option<&str>) -> String {
    near.map(did_you_mean).unwrap_or_default()
}

/// Chooses an adapter. What the request names counts first, then what the
/// data looks like; a run with neither gets the default one.
pub fn resolve(
    request: &Request,
    known: &[Known],
    data: Option<&DataFacts>,
) -> Result<Resolution, UnknownAdapter> {
    if let Some(spec) = &request.adapter {
        return named(spec, known);
    }
    let Some(data) = data else {
        return Ok(Resolution {
            choice: Choice::Known(DEFAULT.to_owned()),
            why: format!("no data is named, so the default adapter `{DEFAULT}` works on its own"),
        });
    };
    let objective = request.objective.as_deref().unwrap_or_default();
    let looks = Looks::at(data, objective);
    let fits = [
        looks.kernels(),
        looks.language(),
        looks.traffic(),
        looks.series(),
    ];
    let fitting = fits
        .into_iter()
        .flatten()
        .find(|(name, _)| known.iter().any(|adapter| adapter.name == *name));
    Ok(match fitting {
        Some((name, why)) => Resolution {
            choice: Choice::Known(name.to_owned()),
            why,
        },
        None => Resolution {
            choice: Choice::New,
            why: looks.nothing(),
        },
    })
}

fn named(spec: &str, known: &[Known]) -> Result<Resolution, UnknownAdapter> {
    if spec.contains('/') || spec.starts_with('.') {
        return Ok(Resolution {
            choice: Choice::Folder(PathBuf::from(spec)),
            why: format!("the run names the folder `{spec}`"),
        });
    }
    if known.iter().any(|adapter| adapter.name == spec) {
        return Ok(Resolution {
            choice: Choice::Known(spec.to_owned()),
            why: format!("the run names `{spec}`"),
        });
    }
    let names = known.iter().map(|adapter| adapter.name.as_str());
    Err(UnknownAdapter {
        name: spec.to_owned(),
        near: nearest(spec, names.clone()).map(str::to_owned),
        known: names.map(str::to_owned).collect(),
    })
}

/// Words of an objective that mean a language model.
const LANGUAGE_WORDS: [&str; 9] = [
    "language model",
    "bits per byte",
    "val_bpb",
    "bpb",
    "perplexity",
    "pretrain",
    "pre-train",
    "next token",
    "next-token",
];
/// Words of a name, a column or an objective that mean road traffic.
const TRAFFIC_WORDS: [&str; 9] = [
    "traffic",
    "sensor",
    "occupancy",
    "freeway",
    "highway",
    "motorway",
    "detector",
    "road",
    "pems",
];
/// Formats that hold text or tables of text.
const TEXT_FORMATS: [&str; 6] = ["txt", "md", "jsonl", "json", "parquet", "csv"];
/// Fewest columns of values of a wide table.
const WIDE: usize = 8;

/// A data set, as the rules look at it.
struct Looks<'a> {
    data: &'a DataFacts,
    objective: String,
    numbers: usize,
    others: usize,
    time: Option<&'a str>,
}

impl<'a> Looks<'a> {
    fn at(data: &'a DataFacts, objective: &str) -> Self {
        let is = |kind: ColumnKind| data.columns.iter().filter(move |c| c.kind == kind);
        let time = data
            .time
            .as_ref()
            .map(|time| time.column.as_str())
            .or_else(|| is(ColumnKind::Time).map(|c| c.name.as_str()).next());
        let numbers = is(ColumnKind::Number)
            .filter(|column| Some(column.name.as_str()) != time)
            .count();
        let rest = data.columns.len() - usize::from(time.is_some());
        Self {
            data,
            objective: objective.to_lowercase(),
            numbers,
            others: rest.saturating_sub(numbers),
            time,
        }
    }

    fn mentions(&self, words: &[&'static str]) -> Option<&'static str> {
        let name = self.data.name.to_lowercase();
        let columns = self.data.columns.iter().map(|c| c.name.to_lowercase());
        let texts: Vec<String> = columns.chain([name, self.objective.clone()]).collect();
        words
            .iter()
            .copied()
            .find(|word| texts.iter().any(|text| text.contains(word)))
    }

    fn kernels(&self) -> Option<(&'static str, String)> {
        const DEFINES: [&str; 3] = ["Model", "get_inputs", "get_init_inputs"];
        let tasks = self
            .data
            .files
            .iter()
            .filter(|file| {
                DEFINES
                    .iter()
                    .all(|name| file.defines.iter().any(|d| d == name))
            })
            .count();
        (tasks > 0).then(|| {
            let why = format!(
                "{tasks} of its Python files define `Model`, `get_inputs` and `get_init_inputs`, as tasks for \
                 kernels do"
            );
            (KERNELS, why)
        })
    }

    fn language(&self) -> Option<(&'static str, String)> {
        let word = LANGUAGE_WORDS
            .iter()
            .find(|word| self.objective.contains(**word));
        let all = self.data.files.len();
        let shards = self.count(|extension| extension == "bin");
        if all > 0 && shards * 2 > all {
            let tokens = ["token", "train", "val", "shard"];
            let named = self.data.files.iter().any(|file| {
                let path = file.path.to_lowercase();
                file.extension() == "bin" && tokens.iter().any(|word| path.contains(word))
            });
            if named || word.is_some() {
                return Some((
                    LANGUAGE,
                    format!("{shards} of its {all} files are shards of tokens"),
                ));
            }
        }
        let texts = self.count(|extension| TEXT_FORMATS.contains(&extension));
        let word = word.filter(|_| texts > 0)?;
        Some((
            LANGUAGE,
            format!("the objective says `{word}` and there is text to learn from"),
        ))
    }

    fn count(&self, holds: impl Fn(&str) -> bool) -> usize {
        self.data
            .files
            .iter()
            .filter(|file| holds(&file.extension()))
            .count()
    }

    fn is_wide(&self) -> bool {
        self.numbers >= WIDE && self.others * 10 <= self.numbers
    }

    fn traffic(&self) -> Option<(&'static str, String)> {
        let time = self.time?;
        let word = self.mentions(&TRAFFIC_WORDS)?;
        let step = self.data.time.as_ref().and_then(|time| time.step_s)?;
        let fine = step > 0.0 && step <= 3600.0;
        (self.is_wide() && fine).then(|| {
            let numbers = self.numbers;
            let why = format!(
                "`{time}` orders {numbers} columns of numbers at least hourly, and `{word}` is in their names or \
                 the objective"
            );
            (TRAFFIC, why)
        })
    }

    fn series(&self) -> Option<(&'static str, String)> {
        let time = self.time?;
        if let Some(target) = &self.data.target {
            let column = self.data.columns.iter().find(|c| c.name == *target)?;
            return (column.kind == ColumnKind::Number).then(|| {
                let why = format!("`{time}` orders the rows and the target `{target}` is a number");
                (SERIES, why)
            });
        }
        if self.is_wide() {
            let numbers = self.numbers;
            let why = format!("`{time}` orders {numbers} columns of numbers");
            return Some((SERIES, why));
        }
        (self.numbers == 1).then(|| {
            let why = format!("`{time}` orders the rows and there is one column of numbers");
            (SERIES, why)
        })
    }

    fn nothing(&self) -> String {
        let name = &self.data.name;
        let seen = match (self.data.columns.len(), self.time) {
            (0, _) => {
                "it is no table, and its files are neither kernel tasks nor a language model's corpus"
            }
            (_, None) => "it is a table without a column of time",
            (_, Some(_)) => "it has a column of time, but no number is named as the target",
        };
        format!("no known adapter fits `{name}`: {seen}")
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
