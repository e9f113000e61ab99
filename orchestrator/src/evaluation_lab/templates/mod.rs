//! Programs that are filled with parameters: what a search without a model of
//! language has to work with, and what others may start from.
//!
//! Each is a short Python program that reads what candidates are given and
//! nothing else. It is made of constants, pieces that several have in common,
//! and a model of its own.

mod space;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::Space;
use serde_json::Value;

use super::bench::Bench;
use super::program::{Sources, is_python};
use super::shape::{Holds, Shape};
use crate::audit::contract::{Contract, Formula, Kind};

/// Reads the parts and writes predictions.
const FILES: &str = include_str!("files.py");
/// Columns of a table as numbers.
const TABLE: &str = include_str!("table.py");

/// A template.
struct Template {
    name: &'static str,
    summary: &'static str,
    /// Its pieces of code, in order.
    pieces: &'static [&'static str],
    /// Whether it fits.
    fits: fn(&Contract, &Shape) -> bool,
}

const TEMPLATES: [Template; 6] = [
    Template {
        name: "linear",
        summary: "ridge or logistic regression on scaled columns, their squares or splines",
        pieces: &[FILES, TABLE, include_str!("linear.py")],
        fits: has_table,
    },
    Template {
        name: "neighbours",
        summary: "the mean, or the vote, of the most similar training rows",
        pieces: &[FILES, TABLE, include_str!("neighbours.py")],
        fits: has_table,
    },
    Template {
        name: "forest",
        summary: "a random forest, or one of extremely randomised trees",
        pieces: &[FILES, TABLE, include_str!("forest.py")],
        fits: has_table,
    },
    Template {
        name: "boosting",
        summary: "gradient boosting of trees on histograms",
        pieces: &[FILES, TABLE, include_str!("boosting.py")],
        fits: has_table,
    },
    Template {
        name: "words",
        summary: "ridge or logistic regression on how often words, or runs of letters, occur",
        pieces: &[FILES, include_str!("words.py")],
        fits: has_texts,
    },
    Template {
        name: "letters",
        summary: "the next character by the characters before it, longer contexts before shorter ones",
        pieces: &[FILES, include_str!("letters.py")],
        fits: has_places,
    },
];

fn has_table(contract: &Contract, shape: &Shape) -> bool {
    let mut columns = shape.columns.iter();
    !contract.data.characters && columns.any(|(_, holds)| *holds != Holds::Texts)
}

fn has_texts(contract: &Contract, shape: &Shape) -> bool {
    !contract.data.characters && shape.holding(Holds::Texts).next().is_some()
}

fn has_places(contract: &Contract, shape: &Shape) -> bool {
    contract.data.characters && shape.holding(Holds::Texts).count() == 1
}

/// The script that a template becomes; none where candidates are no scripts.
fn script(bench: &Bench) -> Option<&str> {
    let run = &bench.commands.run;
    let script = run.get(1).filter(|_| is_python(run) && run.len() == 2)?;
    (bench.layout.files == [script.clone()]).then_some(script)
}

/// Whether each class is to be given a probability.
pub(super) fn wants_probabilities(contract: &Contract) -> bool {
    let formula = contract.metric.formula();
    formula.is_some_and(Formula::wants_probabilities)
}

/// The templates that fit, or why there are none.
pub(super) fn spaces(bench: &Bench) -> (Vec<Space>, Option<&'static str>) {
    if script(bench).is_none() {
        let why = "they are single Python scripts, and the adapter asks for something else";
        return (Vec::new(), Some(why));
    }
    if !bench.has_packages() {
        let why = "they need numpy, pandas and scikit-learn, which the agents' Python lacks";
        return (Vec::new(), Some(why));
    }
    let fitting = TEMPLATES.iter();
    let fitting = fitting.filter(|template| (template.fits)(&bench.contract, &bench.shape));
    let spaces = fitting.map(|template| Space {
        template: template.name.to_owned(),
        summary: template.summary.to_owned(),
        params: space::params(template.name, &bench.contract, &bench.shape),
    });
    (spaces.collect(), None)
}

/// A template's program for a point of its space, or why there is none.
pub(super) fn fill(
    bench: &Bench,
    name: &str,
    params: &BTreeMap<String, Value>,
) -> Result<Sources, String> {
    let script = script(bench).ok_or("templates are for candidates that are a single script")?;
    let template = TEMPLATES.iter().find(|template| template.name == name);
    let template = template.ok_or_else(|| format!("there is no template `{name}`"))?;
    let values = space::values(&space::params(name, &bench.contract, &bench.shape), params)?;
    let text = write(template, bench, &values);
    Ok(vec![(script.into(), text.into_bytes())])
}

fn write(template: &Template, bench: &Bench, values: &BTreeMap<String, Value>) -> String {
    let (contract, shape) = (&bench.contract, &bench.shape);
    let mut text = format!("\"\"\"{}.\"\"\"\n", capitalised(template.summary));
    let task = &contract.task;
    let texts: Vec<String> = shape.holding(Holds::Texts).cloned().collect();
    let mut constants = BTreeMap::from([
        ("TARGET", Value::from(task.target.as_str())),
        ("TEXTS", Value::from(texts)),
        ("CLASSES", Value::from(task.kind == Kind::Classification)),
        ("PROBABILITIES", Value::from(wants_probabilities(contract))),
        // What can't be varied here.
        ("BALANCED", Value::from(false)),
        ("LOGARITHM", Value::from(false)),
        ("RELATIVE", Value::from(false)),
        ("ENCODING", Value::from("one_hot")),
    ]);
    constants.extend(
        values
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    for (name, value) in &constants {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name} = {}", literal(value));
    }
    for piece in template.pieces {
        text.push('\n');
        text.push_str(piece);
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// A value as Python writes it: JSON's texts and numbers are Python's too.
fn literal(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        other => other.to_string(),
    }
}
