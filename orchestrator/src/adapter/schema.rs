//! The manifest's schema as a table, and the check of a text against it.
//!
//! Deserialising stops at the first mistake and knows no ranges; this finds
//! all of them, each with its line, value and what is allowed.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::files::MANIFEST;
use super::manifest::Manifest;
use super::metric;
use super::problem::{Problem, did_you_mean, nearest};

/// Largest whole number a manifest may hold: far above any budget, far below
/// what arithmetic on budgets could overflow.
const LARGEST: i64 = 1_000_000_000_000;

/// When a field must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    /// Whenever its table is.
    WithTable,
    Optional,
}

use Presence::{Optional, Required, WithTable};

/// What a field may hold.
#[derive(Clone, Copy)]
enum Kind {
    Text(TextRule),
    Choice(&'static [&'static str]),
    Whole(i64, i64),
    Number(NumberRule),
    /// `true` or `false`.
    Truth,
    /// A list of at least one text.
    Texts(TextRule),
}

#[derive(Clone, Copy)]
struct TextRule {
    allowed: &'static str,
    holds: fn(&str) -> bool,
}

#[derive(Clone, Copy)]
struct NumberRule {
    allowed: &'static str,
    holds: fn(f64) -> bool,
}

struct Field {
    path: &'static str,
    presence: Presence,
    kind: Kind,
}

const fn field(path: &'static str, presence: Presence, kind: Kind) -> Field {
    Field {
        path,
        presence,
        kind,
    }
}

const LINE: TextRule = TextRule {
    allowed: "a text of one line",
    holds: |text| !text.trim().is_empty() && !text.contains('\n') && text.len() <= 400,
};
const NAME: TextRule = TextRule {
    allowed: "lower-case letters, digits and hyphens, at most 40",
    holds: |text| {
        !text.is_empty()
            && text.len() <= 40
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    },
};
const BINARY: TextRule = TextRule {
    allowed: "the name of a lab's binary, without a path",
    holds: |text| {
        !text.is_empty()
            && !text.starts_with(['-', '.'])
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    },
};
const RELATIVE: TextRule = TextRule {
    allowed: "a path below the folder it is relative to, without `..`",
    holds: is_below,
};
const EXTENSION: TextRule = TextRule {
    allowed: "an extension without the dot",
    holds: |text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()),
};
const KEY: TextRule = TextRule {
    allowed: "lower-case letters, digits and underscores, a letter first",
    holds: |text| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    },
};
const WORD: TextRule = TextRule {
    allowed: "a word of a command, not empty and of one line",
    holds: |text| !text.is_empty() && !text.contains(['\n', '\0']),
};
const FINITE: NumberRule = NumberRule {
    allowed: "a finite number",
    holds: f64::is_finite,
};
const POSITIVE: NumberRule = NumberRule {
    allowed: "a number above 0",
    holds: |number| number > 0.0 && number.is_finite(),
};
const NOT_NEGATIVE: NumberRule = NumberRule {
    allowed: "a number of at least 0",
    holds: |number| number >= 0.0 && number.is_finite(),
};
const SHARE: NumberRule = NumberRule {
    allowed: "a number of at least 0 and below 1",
    holds: |number| (0.0..1.0).contains(&number),
};

const PART: NumberRule = NumberRule {
    allowed: "a number above 0 and at most 1",
    holds: |number| number > 0.0 && number <= 1.0,
};

/// Every field of a manifest.
const FIELDS: &[Field] = &[
    field("schema", Required, Kind::Whole(1, 1)),
    field("name", Required, Kind::Text(NAME)),
    field("domain", Required, Kind::Text(LINE)),
    field("objective", Required, Kind::Text(LINE)),
    field("lab", Optional, Kind::Text(BINARY)),
    field("default_data", Optional, Kind::Text(RELATIVE)),
    field("default_tasks", Optional, Kind::Texts(LINE)),
    field("task_extension", Optional, Kind::Text(EXTENSION)),
    field("metric.name", Required, Kind::Text(KEY)),
    field("metric.unit", Required, Kind::Text(LINE)),
    field(
        "metric.direction",
        Required,
        Kind::Choice(&["minimise", "maximise"]),
    ),
    field("metric.baseline", Required, Kind::Text(LINE)),
    field("metric.baseline_value", Optional, Kind::Number(FINITE)),
    field("metric.formula", Optional, Kind::Choice(&metric::FORMULAS)),
    field("evaluation.prepare", WithTable, Kind::Texts(WORD)),
    field("evaluation.run", WithTable, Kind::Texts(WORD)),
    field("evaluation.score", WithTable, Kind::Texts(WORD)),
    field("evaluation.timeout_s", WithTable, Kind::Whole(1, 86_400)),
    field("experiment.files", WithTable, Kind::Texts(RELATIVE)),
    field(
        "experiment.largest_kib",
        WithTable,
        Kind::Whole(1, 1_048_576),
    ),
    field("budgets.experiments", Required, Kind::Whole(1, 1_000_000)),
    field("budgets.hours", Required, Kind::Number(POSITIVE)),
    field("budgets.tasks", Optional, Kind::Whole(1, 10_000)),
    field("budgets.usd", Optional, Kind::Number(NOT_NEGATIVE)),
    field("budgets.tokens", Optional, Kind::Whole(0, LARGEST)),
    field("budgets.gpu_hours", Optional, Kind::Number(NOT_NEGATIVE)),
    field("budgets.shares.strategist", Optional, Kind::Number(PART)),
    field("budgets.shares.worker", Optional, Kind::Number(PART)),
    field("budgets.shares.supervisor", Optional, Kind::Number(PART)),
    field("budgets.shares.explorer", Optional, Kind::Number(PART)),
    field("budgets.shares.builder", Optional, Kind::Number(PART)),
    field("budgets.shares.critic", Optional, Kind::Number(PART)),
    field("budgets.shares.tester", Optional, Kind::Number(PART)),
    field("budgets.shares.reporter", Optional, Kind::Number(PART)),
    field("budgets.shares.auditor", Optional, Kind::Number(PART)),
    field("policy.tries_per_worker", Required, Kind::Whole(1, 10_000)),
    field("policy.finalists", Required, Kind::Whole(1, 1_000)),
    field("policy.try_s", Required, Kind::Number(POSITIVE)),
    field("policy.evaluate_s", Required, Kind::Number(POSITIVE)),
    field("policy.remeasure_s", Required, Kind::Number(POSITIVE)),
    field("policy.converged_gain", Required, Kind::Number(SHARE)),
    field("policy.turns", Required, Kind::Whole(10, 10_000)),
    field("policy.retry_s", Optional, Kind::Number(POSITIVE)),
    field("policy.statistics.noise", Optional, Kind::Number(SHARE)),
    field(
        "policy.statistics.contenders",
        Optional,
        Kind::Whole(1, 1_000),
    ),
    field("policy.statistics.reserve", Optional, Kind::Number(SHARE)),
    field("staff.milestone_every", Optional, Kind::Whole(0, 1_000_000)),
    field("staff.audits", Optional, Kind::Truth),
    field("staff.fixers", Optional, Kind::Whole(0, 10)),
    field(
        "staff.analyze",
        Optional,
        Kind::Choice(&["never", "orphans", "all"]),
    ),
    field("staff.error_window", Optional, Kind::Whole(0, 200)),
    field("staff.error_share", Optional, Kind::Number(PART)),
    field("staff.stall_after", Optional, Kind::Whole(0, 1_000_000)),
    field("staff.quiet_s", Optional, Kind::Number(NOT_NEGATIVE)),
    field("policy.search.exploit_from", Optional, Kind::Number(PART)),
    field("policy.search.refine_from", Optional, Kind::Number(PART)),
    field("policy.search.ensemble_from", Optional, Kind::Number(PART)),
    field("policy.search.explore_least", Optional, Kind::Number(SHARE)),
    field("policy.search.explore_most", Optional, Kind::Number(SHARE)),
    field("policy.search.ablation_most", Optional, Kind::Number(SHARE)),
    field("policy.search.top", Optional, Kind::Whole(1, 1_000)),
    field("policy.search.near_text", Optional, Kind::Number(PART)),
    field("policy.search.near_numbers", Optional, Kind::Number(SHARE)),
    field("policy.search.near_params", Optional, Kind::Number(SHARE)),
    field("policy.search.replicates", Optional, Kind::Whole(0, 1_000)),
    field(
        "policy.search.stagnation",
        Optional,
        Kind::Whole(1, 1_000_000),
    ),
    field("policy.search.escape", Optional, Kind::Whole(1, 1_000_000)),
];

/// Whether a path stays below the folder it is relative to.
pub(super) fn is_below(path: &str) -> bool {
    let steps: Vec<&str> = path.split('/').collect();
    !path.contains(['\\', '\0', '\n'])
        && steps
            .iter()
            .all(|step| !step.is_empty() && *step != ".." && *step != ".")
}

/// The manifest in `text`, unless an error is among its problems.
pub(super) fn check(text: &str) -> (Option<Manifest>, Vec<Problem>) {
    let (document, mistakes) = DeTable::parse_recoverable(text);
    let line = |at: usize| line_of(text, at);
    if !mistakes.is_empty() {
        let problems = mistakes
            .iter()
            .map(|mistake| {
                let what = format!("no TOML: {}", mistake.message().trim());
                Problem::error(MANIFEST, what).at(mistake.span().map(|span| line(span.start)))
            })
            .collect();
        return (None, problems);
    }
    let mut found = BTreeMap::new();
    flatten("", document.get_ref(), &mut found);
    let tables = tables();
    let mut problems = Vec::new();
    for (path, entry) in &found {
        let at = line(entry.at);
        match FIELDS.iter().find(|field| field.path == path) {
            Some(field) => {
                if let Some(problem) = check_value(field, entry.value) {
                    problems.push(problem.at(at));
                }
            }
            None if tables.contains(&path.as_str()) => {
                if !entry.value.is_table() {
                    let what = format!("`{path}` is {}", shown(entry.value));
                    problems.push(
                        Problem::error(MANIFEST, what)
                            .at(at)
                            .about(path)
                            .value(shown(entry.value))
                            .allowed("a table"),
                    );
                }
            }
            None => problems.push(unknown(path).at(at)),
        }
    }
    for field in FIELDS {
        let table = field.path.rsplit_once('.').map(|(table, _)| table);
        let needed = match field.presence {
            Required => true,
            WithTable => table.is_some_and(|table| found.contains_key(table)),
            Optional => false,
        };
        if needed && !found.contains_key(field.path) {
            let line = table.and_then(|table| found.get(table)).map(|t| line(t.at));
            let path = field.path;
            problems.push(
                Problem::error(MANIFEST, format!("`{path}` is missing"))
                    .at(line)
                    .about(path)
                    .allowed(allowed(field.kind)),
            );
        }
    }
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    if !problems.is_empty() {
        return (None, problems);
    }
    let manifest: Manifest = match toml::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => {
            let at = error.span().map(|span| line(span.start));
            let what = error.message().trim().to_owned();
            return (None, vec![Problem::error(MANIFEST, what).at(at)]);
        }
    };
    let line_at = |path: &str| found.get(path).map(|entry| line(entry.at));
    problems.extend(check_meaning(&manifest, line_at));
    (Some(manifest), problems)
}

/// A value of the document and where its key is.
struct Entry<'t> {
    value: &'t DeValue<'t>,
    at: usize,
}

/// Every key of the document by its dotted path. Tables that the schema does
/// not know are one entry, whatever is in them.
fn flatten<'t>(above: &str, table: &'t DeTable<'t>, into: &mut BTreeMap<String, Entry<'t>>) {
    for (key, value) in table {
        let path = if above.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{above}.{}", key.get_ref())
        };
        let entry = Entry {
            value: value.get_ref(),
            at: key.span().start,
        };
        if let DeValue::Table(inner) = value.get_ref()
            && tables().contains(&path.as_str())
        {
            flatten(&path, inner, into);
        }
        into.insert(path, entry);
    }
}

fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = FIELDS
        .iter()
        .filter_map(|field| field.path.rsplit_once('.').map(|(table, _)| table))
        .collect();
    tables.dedup();
    tables
}

fn unknown(path: &str) -> Problem {
    let names: Vec<&str> = FIELDS
        .iter()
        .map(|field| field.path)
        .chain(tables())
        .collect();
    let mut what = format!("`{path}` is no field of a manifest");
    if let Some(near) = nearest(path, names.iter().copied()) {
        what += &did_you_mean(near);
    }
    let siblings: Vec<&str> = match path.rsplit_once('.') {
        Some((table, _)) => names
            .iter()
            .filter_map(|name| name.strip_prefix(table)?.strip_prefix('.'))
            .filter(|name| !name.contains('.'))
            .collect(),
        None => names
            .iter()
            .copied()
            .filter(|name| !name.contains('.'))
            .collect(),
    };
    Problem::error(MANIFEST, what)
        .about(path)
        .allowed(siblings.join(", "))
}

fn allowed(kind: Kind) -> String {
    match kind {
        Kind::Text(rule) => rule.allowed.to_owned(),
        Kind::Choice(choices) => choices.join(", "),
        Kind::Whole(least, most) if least == most => least.to_string(),
        Kind::Whole(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Number(rule) => rule.allowed.to_owned(),
        Kind::Truth => "true, false".to_owned(),
        Kind::Texts(rule) => format!("a list of at least one text, each {}", rule.allowed),
    }
}

fn check_value(field: &Field, value: &DeValue<'_>) -> Option<Problem> {
    let right = match field.kind {
        Kind::Text(rule) => value.as_str().is_some_and(rule.holds),
        Kind::Choice(choices) => value.as_str().is_some_and(|text| choices.contains(&text)),
        Kind::Whole(least, most) => {
            whole(value).is_some_and(|number| (least..=most).contains(&number))
        }
        Kind::Number(rule) => number(value).is_some_and(rule.holds),
        Kind::Truth => value.as_bool().is_some(),
        Kind::Texts(rule) => value.as_array().is_some_and(|items| {
            !items.is_empty()
                && items
                    .iter()
                    .all(|item| item.get_ref().as_str().is_some_and(rule.holds))
        }),
    };
    (!right).then(|| {
        let path = field.path;
        Problem::error(MANIFEST, format!("`{path}` is {}", shown(value)))
            .about(path)
            .value(shown(value))
            .allowed(allowed(field.kind))
    })
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A number, written as a whole one or not.
fn number(value: &DeValue<'_>) -> Option<f64> {
    match value.as_float() {
        Some(float) => float.as_str().parse().ok(),
        None => whole(value).map(|number| number as f64),
    }
}

/// A value as it may appear in a message: short, of one line.
fn shown(value: &DeValue<'_>) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        DeValue::String(text) => format!("{:?}", text.as_ref()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "a table".to_owned(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}…")
}

/// Line of a byte offset, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// What no single field shows.
fn check_meaning(
    manifest: &Manifest,
    line: impl Fn(&str) -> Option<usize>,
) -> impl Iterator<Item = Problem> {
    let mut problems = Vec::new();
    if manifest.lab.is_empty() && manifest.evaluation.is_none() {
        problems.push(
            Problem::error(
                MANIFEST,
                "nothing measures: there is neither a lab nor an evaluation",
            )
            .about("lab")
            .allowed("`lab`, or a table `[evaluation]` with `prepare`, `run` and `score`, or both"),
        );
    }
    if let Some(commands) = &manifest.evaluation {
        let all = [
            ("evaluation.prepare", &commands.prepare),
            ("evaluation.run", &commands.run),
            ("evaluation.score", &commands.score),
        ];
        for (path, command) in all {
            let program = command.first().map_or("", String::as_str);
            if program.starts_with('-') || (program.contains('/') && !is_below(program)) {
                problems.push(
                    Problem::error(MANIFEST, format!("`{path}` starts `{program}`"))
                        .at(line(path))
                        .about(path)
                        .value(program)
                        .allowed("`python`, a program by its name, or a path below the evaluation's folder"),
                );
            }
        }
    }
    if let Some((path, allowed)) = manifest.policy.search.fault() {
        problems.push(
            Problem::error(
                MANIFEST,
                format!("`{path}` comes before the stage ahead of it"),
            )
            .at(line(path))
            .about(path)
            .allowed(allowed),
        );
    }
    problems.extend(
        metric::contradiction(&manifest.metric).map(|problem| problem.at(line("metric.direction"))),
    );
    problems.into_iter()
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
