//! Python programs, made of constants that are decided here and pieces that
//! are the same for every dataset.

use std::fmt::Write as _;

/// Longest line of a list of constants.
const WIDTH: usize = 110;

/// A constant's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Flag(bool),
    Nothing,
    Texts(Vec<String>),
    /// Names with shares.
    Shares(&'static [(&'static str, f64)]),
    /// Names with explanations.
    Reasons(Vec<(String, String)>),
}

impl Value {
    /// A text, or nothing.
    pub(super) fn optional(text: Option<&String>) -> Self {
        text.map_or(Self::Nothing, |t| Self::Text(t.clone()))
    }

    fn code(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Flag(true) => "True".to_owned(),
            Self::Flag(false) => "False".to_owned(),
            Self::Nothing => "None".to_owned(),
            Self::Texts(texts) => list('[', texts.iter().map(|t| quoted(t)).collect(), ']'),
            Self::Shares(shares) => {
                let items = shares
                    .iter()
                    .map(|(name, s)| format!("{}: {s}", quoted(name)));
                list('{', items.collect(), '}')
            }
            Self::Reasons(reasons) => {
                let items = reasons
                    .iter()
                    .map(|(name, why)| format!("{}: {}", quoted(name), quoted(why)));
                list('{', items.collect(), '}')
            }
        }
    }
}

/// A text as Python writes it: JSON's escapes are Python's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(open: char, items: Vec<String>, close: char) -> String {
    let line = format!("{open}{}{close}", items.join(", "));
    if line.len() < WIDTH - 30 {
        return line;
    }
    let mut lines = vec![String::new()];
    for item in items {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].len() + item.len() + 7 > WIDTH {
            lines.push(String::new());
        } else if !lines[last].is_empty() {
            lines[last].push(' ');
        }
        let last = lines.len() - 1;
        let _ = write!(lines[last], "{item},");
    }
    format!("{open}\n    {}\n{close}", lines.join("\n    "))
}

/// What programs import, with the word that shows that they use it.
const IMPORTS: [(&str, &str); 17] = [
    ("import argparse", "argparse."),
    ("import csv", "csv."),
    ("import gzip", "gzip."),
    ("import hashlib", "hashlib."),
    ("import itertools", "itertools."),
    ("import json", "json."),
    ("import math", "math."),
    ("import random", "random."),
    ("import re", "re."),
    ("import statistics", "statistics."),
    ("import sys", "sys."),
    ("import zlib", "zlib."),
    ("import pyarrow.parquet", "pyarrow.parquet."),
    ("from collections import Counter", "Counter("),
    ("from collections import defaultdict", "defaultdict("),
    ("from datetime import datetime, timezone", "datetime"),
    ("from pathlib import Path", "Path"),
];

/// A program: what it is for, its constants with what they mean, its pieces.
pub(super) fn program(about: &str, constants: &[(&str, Value, &str)], pieces: &[&str]) -> String {
    let about = about.replace('\\', "/").replace('"', "'");
    let mut text = format!("\"\"\"{about}\n\"\"\"\n");
    for (line, word) in IMPORTS {
        // A module's name at the end of another word is not it.
        let used = pieces.iter().any(|piece| {
            piece.match_indices(word).any(|(at, _)| {
                !piece[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
            })
        });
        if used {
            let _ = writeln!(text, "{line}");
        }
    }
    text.push('\n');
    for (name, value, meaning) in constants {
        let _ = writeln!(text, "# {meaning}\n{name} = {}", value.code());
    }
    for piece in pieces {
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_python() {
        assert_eq!(Value::Text("a\"b\\\n".to_owned()).code(), r#""a\"b\\\n""#);
        assert_eq!(Value::Flag(true).code(), "True");
        let many: Vec<String> = (0..40).map(|n| format!("column {n}")).collect();
        let code = Value::Texts(many).code();
        assert!(code.lines().all(|line| line.len() <= WIDTH), "{code}");
        assert!(code.starts_with("[\n    \"column 0\", ") && code.ends_with(",\n]"));
    }
}
