//! Amounts and classes of a table's rows.

use super::python::{Value, program};
use super::remedies::{Copies, Remedies};
use super::source::RawTable;
use super::{Brief, Designed, Undesignable};
use crate::audit::prepared::ROW_ID;
use crate::explore::{Column, Role, TaskKind};

/// Shares of the rows.
pub(super) const SHARES: &[(&str, f64)] = &[
    ("train", 0.6),
    ("search", 0.16),
    ("select", 0.12),
    ("sealed", 0.12),
];
/// Smallest share of a class in a split by time.
const SMALLEST: f64 = 0.02;
/// Words for somebody or something that has many rows.
const ENTITIES: [&str; 16] = [
    "patient",
    "customer",
    "user",
    "client",
    "subject",
    "person",
    "member",
    "account",
    "household",
    "session",
    "visitor",
    "player",
    "student",
    "driver",
    "employee",
    "participant",
];

pub(super) fn design(
    brief: &Brief<'_>,
    raw: &RawTable,
    remedies: &Remedies,
) -> Result<Designed, Undesignable> {
    let guess = &brief.findings.guess;
    let Some(target) = &guess.target else {
        return Err(Undesignable::new(
            "no column can be told to be the one to predict",
            "name it in the objective",
        ));
    };
    let classes = guess.kind != TaskKind::Regression;
    if target == ROW_ID {
        return Err(Undesignable::new(
            format!("the target is called `{ROW_ID}`, as the column that names rows is"),
            "give it another name",
        ));
    }
    let strange = brief
        .statistics
        .and_then(|s| s.columns.get(target)?.not_numbers);
    if let Some(count) = strange.filter(|count| *count > 0 && !classes) {
        return Err(Undesignable::new(
            format!("{count} values of the target `{target}` are no numbers"),
            "repair them, or drop their rows",
        ));
    }
    let time = time(brief, remedies, classes);
    let group = group(brief, remedies).filter(|_| time.is_none());
    let features: Vec<&Column> = brief
        .schema
        .columns
        .iter()
        .filter(|c| !matches!(c.role, Role::Identifier | Role::Constant | Role::Empty))
        .filter(|c| c.name != ROW_ID && c.name != *target && Some(&c.name) != group.as_ref())
        .filter(|c| !remedies.left_out.contains_key(&c.name))
        .collect();
    if features.is_empty() {
        return Err(Undesignable::new(
            "no column is left to predict from",
            "give columns that are known before the target is",
        ));
    }
    let names =
        |columns: &[&Column]| -> Vec<String> { columns.iter().map(|c| c.name.clone()).collect() };
    // A measured number differs from row to row without naming it.
    let unique =
        |c: &Column| c.kind != "number" && c.distinct_exact && c.distinct == brief.schema.rows;
    let compared: Vec<&Column> = features.iter().copied().filter(|c| !unique(c)).collect();
    let copies = remedies.copies != Copies::None || tell_apart(brief, &compared);
    let numbers: Vec<&Column> = compared
        .iter()
        .copied()
        .filter(|c| matches!(c.kind.as_str(), "number" | "integer") && !c.nullable)
        .filter(|c| c.distinct * 2 >= brief.schema.rows)
        .collect();
    let text = guess
        .text_column
        .as_ref()
        .filter(|_| remedies.copies == Copies::Near || guess.kind == TaskKind::TextClassification);
    let near = remedies.copies == Copies::Near && text.is_none() && numbers.len() >= 2;
    let list = |wanted: bool, columns: &[&Column]| {
        Value::Texts(if wanted { names(columns) } else { Vec::new() })
    };
    let left: Vec<(String, String)> = remedies.left_out.clone().into_iter().collect();
    let mut constants = raw.constants();
    constants.extend([
        (
            "TARGET",
            Value::Text(target.clone()),
            "Column that is predicted; rows without it are left out.",
        ),
        ("CLASSES", Value::Flag(classes), "Whether it holds classes."),
        (
            "FEATURES",
            Value::Texts(names(&features)),
            "Columns that are shown, as they are: nothing is fitted or filled in here.",
        ),
        (
            "LEFT_OUT",
            Value::Reasons(left),
            "Columns that are not shown, and why.",
        ),
        ("SHARES", Value::Shares(SHARES), "Shares of the rows."),
        (
            "SHUFFLE",
            Value::Number(remedies.shuffle),
            "Added to the seed, where another order gave answers away by chance.",
        ),
    ]);
    let mut pieces = vec![include_str!("python/save.py")];
    pieces.extend(raw.pieces());
    pieces.push(include_str!("python/table.py"));
    let about = if let Some(time) = &time {
        constants.push((
            "TIME",
            Value::Text(time.clone()),
            "Column of times; the parts follow each other in time.",
        ));
        pieces.push(include_str!("python/times.py"));
        pieces.push(include_str!("python/table_by_time.py"));
        "Early rows are learnt from, later ones are hidden: search, then select, then sealed."
    } else {
        constants.extend([
            (
                "STRATIFIED",
                Value::Flag(classes && !remedies.plain),
                "Whether each part gets its share of each class.",
            ),
            (
                "GROUP",
                Value::optional(group.as_ref()),
                "Rows of one value of this column stay together.",
            ),
            (
                "COPIES",
                list(copies, &compared),
                "Rows that are equal in all of these stay together.",
            ),
            (
                "NEAR_NUMBERS",
                list(near, &numbers),
                "Rows that are almost equal in all of these stay together.",
            ),
            (
                "NEAR_TEXT",
                Value::optional(text),
                "Rows whose texts share most pairs of words stay together.",
            ),
        ]);
        pieces.push(include_str!("python/split.py"));
        if near {
            constants.push((
                "REACH",
                Value::Number(20),
                "How near, in hundredths of the usual distance to the nearest row.",
            ));
            pieces.push(include_str!("python/near_numbers.py"));
        }
        if text.is_some() {
            constants.push((
                "ALIKE",
                Value::Number(60),
                "Hundredths of the pairs of words that texts must share to be alike.",
            ));
            pieces.push(include_str!("python/near_sets.py"));
            pieces.push(include_str!("python/near_texts.py"));
        }
        pieces.push(include_str!("python/table_by_chance.py"));
        "Rows are shuffled into four parts; what belongs together stays in one."
    };
    pieces.push(include_str!("python/table_main.py"));
    let prepare = program(
        &format!("Predicts `{target}` of the rows of a table.\n\n{about}"),
        &constants,
        &pieces,
    );
    let text = |value: &String| toml::Value::String(value.clone());
    let mut task = vec![("target", text(target))];
    task.extend(time.as_ref().map(|t| ("time", text(t))));
    task.extend(group.as_ref().map(|g| ("group", text(g))));
    let identifiers: Vec<toml::Value> = brief
        .schema
        .columns
        .iter()
        .filter(|c| {
            c.role == Role::Identifier && c.name != *target && Some(&c.name) != group.as_ref()
        })
        .map(|c| text(&c.name))
        .collect();
    if !identifiers.is_empty() {
        task.push(("identifiers", toml::Value::Array(identifiers)));
    }
    Ok(Designed {
        kind: if classes {
            "classification"
        } else {
            "regression"
        },
        target: target.clone(),
        task,
        data: raw.contract(),
        prepare,
    })
}

/// The column by which rows are split in time.
fn time(brief: &Brief<'_>, remedies: &Remedies, classes: bool) -> Option<String> {
    let guess = &brief.findings.guess;
    let column = remedies.time.as_ref().or(guess.time_column.as_ref())?;
    let whole = |c: &&Column| c.name == *column && !c.nullable;
    brief.schema.columns.iter().find(whole)?;
    // Rare classes may be missing from a stretch of time.
    let target = brief.statistics.and_then(|s| s.target.as_ref());
    let rare = target.is_none_or(|t| t.classes.iter().any(|c| c.share < SMALLEST));
    let unfit = remedies.without_time || (classes && rare);
    (!unfit).then(|| column.clone())
}

/// The column whose values stay on one side: one that was found, or one that
/// names somebody with several rows.
fn group(brief: &Brief<'_>, remedies: &Remedies) -> Option<String> {
    let entity = || {
        let found = brief.schema.columns.iter().find(|c| {
            let name = c.name.to_lowercase();
            let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
            c.role == Role::Feature
                && matches!(c.kind.as_str(), "integer" | "string" | "category")
                && ENTITIES
                    .iter()
                    .any(|e| words.contains(e) || name == format!("{e}id"))
                && (words.len() == 1 || words.contains(&"id") || words.contains(&"no"))
                && c.distinct >= 30
                && c.distinct * 10 <= brief.schema.rows * 9
        })?;
        Some(found.name.clone())
    };
    remedies.group.clone().or_else(entity)
}

/// Whether rows that are equal in these columns are copies: rows of a few
/// codes agree anyway.
fn tell_apart(brief: &Brief<'_>, compared: &[&Column]) -> bool {
    let different: f64 = compared.iter().map(|c| c.distinct.max(1) as f64).product();
    different > 20.0 * brief.schema.rows as f64
}
