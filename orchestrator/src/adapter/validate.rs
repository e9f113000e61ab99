//! One door for every adapter, shipped, written by hand or by a model: all
//! problems of all files at once.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::example::{self, Extent};
use super::files::{FILES, KNOWLEDGE, MANIFEST, PromptRole};
use super::manifest::Manifest;
use super::problem::Problem;
use super::schema;
use super::template::{self, Example};

/// Largest size of one file in bytes. Prompts are paid for with every call.
pub const LARGEST_FILE: usize = 32 * 1024;

/// The texts of an adapter by their files' names.
pub(super) type Texts = BTreeMap<&'static str, String>;

/// An adapter's texts, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) texts: Texts,
    pub(super) manifest: Option<Manifest>,
    pub(super) problems: Vec<Problem>,
}

/// Reads and checks the adapter in `folder`.
pub(super) fn folder(folder: &Path) -> Checked {
    let mut problems = Vec::new();
    let mut texts = Texts::new();
    for name in FILES {
        match read(&folder.join(name)) {
            Ok(text) => {
                texts.insert(name, text);
            }
            Err(what) => problems.push(Problem::error(name, what)),
        }
    }
    let (manifest, found) = check(&texts);
    problems.extend(found);
    let place = |problem: &Problem| FILES.iter().position(|name| *name == problem.file);
    problems.sort_by_key(place);
    Checked {
        texts,
        manifest,
        problems,
    }
}

/// A file's text, or what is wrong with it.
fn read(path: &PathBuf) -> Result<String, String> {
    let facts = match path.metadata() {
        Ok(facts) => facts,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("is missing".to_owned());
        }
        Err(error) => return Err(format!("can't be read: {error}")),
    };
    if !facts.is_file() {
        return Err("is no file".to_owned());
    }
    if facts.len() > LARGEST_FILE as u64 {
        let bytes = facts.len();
        return Err(format!(
            "has {bytes} bytes: at most {LARGEST_FILE} are allowed"
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("can't be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "is no UTF-8 text".to_owned())
}

/// Checks texts that are there; missing ones are the reader's business.
pub(super) fn check(texts: &Texts) -> (Option<Manifest>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut manifest = None;
    for (name, text) in texts {
        if text.trim().is_empty() {
            problems.push(Problem::error(name, "is empty"));
            continue;
        }
        if text.len() > LARGEST_FILE {
            let bytes = text.len();
            let what = format!("has {bytes} bytes: at most {LARGEST_FILE} are allowed");
            problems.push(Problem::error(name, what));
            continue;
        }
        problems.extend(machine_paths(name, text));
        if *name == MANIFEST {
            let (checked, found) = schema::check(text);
            manifest = checked;
            problems.extend(found);
        }
        if *name == KNOWLEDGE {
            let examples = [Extent::Full, Extent::Bare].map(|extent| Example {
                word: extent.word(),
                context: example::knowledge(extent),
            });
            problems.extend(template::check(
                name,
                text,
                "the domain's knowledge",
                &examples,
            ));
        }
    }
    for role in PromptRole::ALL {
        let Some(text) = texts.get(role.file()) else {
            continue;
        };
        let whose = format!("the {}", role.word());
        let examples = [Extent::Full, Extent::Bare].map(|extent| Example {
            word: extent.word(),
            context: with_knowledge(role, extent),
        });
        problems.extend(template::check(role.file(), text, &whose, &examples));
    }
    (manifest, problems)
}

fn with_knowledge(role: PromptRole, extent: Extent) -> serde_json::Map<String, Value> {
    let mut context = example::context(role, extent);
    if role.knows_the_domain() {
        context.insert("knowledge".to_owned(), "What is known.".into());
    }
    context
}

/// Beginnings of paths that exist on one machine only.
const ROOTS: [&str; 16] = [
    "/home/",
    concat!("/ro", "ot/"),
    "/tmp/",
    "/usr/",
    "/var/",
    "/etc/",
    "/opt/",
    "/mnt/",
    "/media/",
    "/srv/",
    "/scratch/",
    "/workspace/",
    "/Users/",
    "/Volumes/",
    "/private/",
    "~/",
];

/// Absolute paths: an adapter is shared, a machine is not.
fn machine_paths(name: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let found = words(line).find(|word| {
            ROOTS.iter().any(|root| word.starts_with(root))
                || matches!(word.as_bytes(), [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic())
        });
        if let Some(word) = found {
            let word = word.trim_end_matches(['.', ':']);
            problems.push(
                Problem::error(name, format!("`{word}` is a path of one machine"))
                    .at(number + 1)
                    .value(word)
                    .allowed("paths below the data or the workspace"),
            );
        }
    }
    problems
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;=|".contains(c))
}
