//! Are the parts what the contract says, and do they fit each other?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::places as in_texts;
use crate::audit::facts::Facts;
use crate::audit::finding::{Finding, short};
use crate::audit::prepared::{Part, ROW_ID};
use crate::audit::table::{Table, is_missing, number};

/// Fewest rows of a hidden part.
const FEWEST_HIDDEN: usize = 8;
/// Fewest training rows.
const FEWEST_TRAIN: usize = 16;

/// Looks at files, columns, names, sizes and targets.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = columns(facts);
    found.extend(names(facts));
    if let Some(places) = facts.raw.places() {
        found.extend(in_texts::overlap(facts, places));
        found.extend(in_texts::targets(facts, places));
    } else {
        found.extend(overlap(facts));
        found.extend(same_targets(facts));
    }
    found.extend(sizes(facts));
    found.extend(degenerate(facts));
    found
}

fn finding(did: &str, saw: &str, means: &str) -> Finding {
    Finding::new("structure", did, saw, means)
}

fn columns(facts: &Facts<'_>) -> Vec<Finding> {
    let target = &facts.contract.task.target;
    let mut found = Vec::new();
    let mut expected: Vec<&String> = facts.prepared.train.header.iter().collect();
    expected.retain(|h| *h != target);
    for split in &facts.prepared.splits {
        let name = split.part.name();
        let did =
            format!("compared the columns of `public/{name}/inputs.csv` and `public/train.csv`");
        let columns: Vec<&String> = split.inputs.header.iter().collect();
        if columns.contains(&target) {
            found.push(finding(
                &did,
                &format!("the inputs have the target `{}`", short(target)),
                "Candidates read the answers off; leave the target out of the inputs.",
            ));
        } else if columns != expected {
            let differing = columns
                .iter()
                .find(|c| !expected.contains(c))
                .or_else(|| expected.iter().find(|c| !columns.contains(c)));
            let saw = differing.map_or_else(
                || "they are in another order".to_owned(),
                |c| format!("only one of them has `{}`", short(c)),
            );
            found.push(finding(
                &did,
                &saw,
                "Candidates learn from columns that they must also find in the inputs, in the same order.",
            ));
        }
    }
    found
}

fn ids(table: &Table) -> Vec<&str> {
    table
        .column(ROW_ID)
        .map(|column| table.cells(column).collect())
        .unwrap_or_default()
}

fn names(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut listed: HashMap<&str, Part> = HashMap::new();
    for origin in &facts.prepared.origins {
        if listed.insert(&origin.row_id, origin.part).is_some() {
            found.push(finding(
                "looked for each row_id in `private/rows.csv`",
                &format!("`{}` is there twice", short(&origin.row_id)),
                "A row_id must name one row of one part.",
            ));
            return found;
        }
    }
    let mut seen = BTreeSet::new();
    let train = (
        Part::Train,
        "public/train.csv".to_owned(),
        ids(&facts.prepared.train),
    );
    let inputs = facts.prepared.splits.iter().map(|s| {
        let name = format!("public/{}/inputs.csv", s.part.name());
        (s.part, name, ids(&s.inputs))
    });
    for (part, file, ids) in std::iter::once(train).chain(inputs) {
        let count = ids.len();
        for id in ids {
            if !seen.insert(id) {
                found.push(finding(
                    "looked for row_ids that are used twice",
                    &format!("`{}` in `{file}` is not the only one", short(id)),
                    "A row is in two parts, or two rows share a name.",
                ));
                return found;
            }
            if listed.get(id) != Some(&part) {
                let saw = match listed.get(id) {
                    None => format!("`{}` of `{file}` is not listed", short(id)),
                    Some(other) => {
                        format!("`{}` of `{file}` is listed as {}", short(id), other.name())
                    }
                };
                found.push(finding(
                    "compared the parts with `private/rows.csv`",
                    &saw,
                    "`rows.csv` must say of each row which part it is in and which raw row it comes from.",
                ));
                return found;
            }
        }
        let wanted = listed.values().filter(|p| **p == part).count();
        if wanted != count {
            found.push(finding(
                "compared the parts with `private/rows.csv`",
                &format!(
                    "it lists {wanted} rows of {}, `{file}` has {count}",
                    part.name()
                ),
                "Rows that are listed must be there.",
            ));
        }
    }
    for split in &facts.prepared.splits {
        let answers = ids(&split.answers);
        let a: BTreeSet<&str> = answers.iter().copied().collect();
        let b: BTreeSet<&str> = ids(&split.inputs).into_iter().collect();
        if a != b || a.len() != answers.len() {
            found.push(finding(
                &format!(
                    "compared the rows of inputs and answers of {}",
                    split.part.name()
                ),
                &format!(
                    "{} inputs, {} answers, {} in both",
                    b.len(),
                    answers.len(),
                    a.intersection(&b).count()
                ),
                "Each row that candidates see must have exactly one answer, and the reverse; \
                 rows without an answer are never scored.",
            ));
        }
    }
    found
}

fn overlap(facts: &Facts<'_>) -> Vec<Finding> {
    let mut parts: BTreeMap<usize, BTreeSet<Part>> = BTreeMap::new();
    for origin in &facts.prepared.origins {
        let row = facts.raw.stored(origin.raw);
        parts.entry(row).or_default().insert(origin.part);
    }
    let shared: Vec<_> = parts.iter().filter(|(_, p)| p.len() > 1).collect();
    let Some((row, in_parts)) = shared.first() else {
        return Vec::new();
    };
    let names: Vec<&str> = in_parts.iter().map(|p| p.name()).collect();
    vec![Finding::new(
        "overlap",
        "looked for raw rows that are in more than one part",
        &format!(
            "{} of them, the first is raw row {row} in {}",
            shared.len(),
            names.join(" and ")
        ),
        "What is scored was seen before; give each raw row to one part.",
    )]
}

/// Compares the targets of every part with the raw ones.
fn same_targets(facts: &Facts<'_>) -> Vec<Finding> {
    let origins = facts.prepared.by_id();
    let mut found = Vec::new();
    let train = ("public/train.csv".to_owned(), &facts.prepared.train);
    let answers = facts
        .prepared
        .splits
        .iter()
        .map(|s| (format!("private/{}/answers.csv", s.part.name()), &s.answers));
    // Classes may have other names than in the raw data, one for one.
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut back: BTreeMap<String, String> = BTreeMap::new();
    for (file, table) in std::iter::once(train).chain(answers) {
        let mut wrong = 0;
        let mut first = None;
        for (id, value) in ids(table).into_iter().zip(facts.targets(table)) {
            let Some(origin) = origins.get(id) else {
                continue;
            };
            let raw = facts.raw.target_of(origin.raw);
            let same = if facts.classes() {
                let to = renamed
                    .entry(raw.to_owned())
                    .or_insert_with(|| value.to_owned());
                let from = back
                    .entry(value.to_owned())
                    .or_insert_with(|| raw.to_owned());
                to == value && from == raw
            } else {
                match (number(raw), number(value)) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
                    _ => raw.trim() == value.trim(),
                }
            };
            if !same {
                wrong += 1;
                first.get_or_insert_with(|| {
                    format!(
                        "`{}` has `{}`, raw row {} has `{}`",
                        short(id),
                        short(value),
                        facts.raw.stored(origin.raw),
                        short(raw)
                    )
                });
            }
        }
        if let Some(first) = first {
            found.push(Finding::new(
                "targets",
                &format!("compared the targets in `{file}` with the raw rows that `rows.csv` names"),
                &format!("{wrong} of {} differ; {first}", table.rows.len()),
                "Targets were shifted, shuffled, scaled or rounded on the way; scores would be of something else.",
            ));
        }
    }
    found
}

fn sizes(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut need = |part: Part, rows: usize, fewest: usize| {
        if rows < fewest {
            found.push(finding(
                &format!("counted the rows of {}", part.name()),
                &format!("{rows}, fewer than {fewest}"),
                "A score over so few rows is noise; give the part more.",
            ));
        }
    };
    need(Part::Train, facts.prepared.train.rows.len(), FEWEST_TRAIN);
    for split in &facts.prepared.splits {
        need(split.part, split.answers.rows.len(), FEWEST_HIDDEN);
    }
    found
}

fn degenerate(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let train: BTreeSet<&str> = facts.targets(&facts.prepared.train).into_iter().collect();
    for split in &facts.prepared.splits {
        let did = format!("looked at the answers of {}", split.part.name());
        let answers = facts.targets(&split.answers);
        let distinct: BTreeSet<&str> = answers.iter().copied().collect();
        // A class may well be called "none".
        let empty = |a: &str| {
            if facts.classes() {
                a.trim().is_empty()
            } else {
                is_missing(a)
            }
        };
        if answers.iter().any(|a| empty(a)) {
            found.push(finding(
                &did,
                "some are empty",
                "A row without an answer can't be scored; leave it out of the part.",
            ));
        } else if !facts.classes() && answers.iter().any(|a| number(a).is_none()) {
            found.push(finding(
                &did,
                "some are no numbers",
                "The target of this kind of task is a number.",
            ));
        } else if distinct.len() == 1 && answers.len() > 1 {
            found.push(finding(
                &did,
                &format!("all of them are `{}`", short(answers[0])),
                "A constant predictor is perfect; the split was made in an order that sorts the target.",
            ));
        } else if let Some(unseen) = distinct.iter().find(|a| !train.contains(*a))
            && facts.classes()
        {
            found.push(finding(
                &did,
                &format!("the class `{}` is never seen in training", short(unseen)),
                "No candidate can learn it; stratify the split, or leave the class out.",
            ));
        }
    }
    found
}
