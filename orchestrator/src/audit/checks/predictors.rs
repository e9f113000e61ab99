//! Cheap predictors that must not be good: one feature, two features, a
//! name, a place in the file.

use std::collections::BTreeSet;

use super::order;
use crate::audit::facts::Facts;
use crate::audit::finding::{Finding, short};
use crate::audit::prepared::{Part, ROW_ID};
use crate::audit::skill::{Answer, answer, by_value, column_skill, least_squares, skill};
use crate::audit::table::number;

/// Skill above which one column is taken to hold the answer. Skill is 0 for
/// the best constant and 1 for the answer.
const GIVEN_AWAY: f64 = 0.995;
/// Skill that a name or a place in the file must not reach.
const SUSPICIOUS: f64 = 0.3;
/// Fewest hidden rows for these checks.
const FEWEST: usize = 20;
/// Most columns that are tried in pairs.
const PAIRED: usize = 40;

/// Tries the predictors.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = single(facts);
    if found.is_empty() {
        found.extend(pairs(facts));
    }
    // Places in texts have no raw columns that could be a group's name.
    if facts.raw.places().is_none() {
        found.extend(groups(facts));
    }
    found.extend(identifiers(facts));
    found.extend(order::check(facts));
    found
}

/// Training and hidden rows by a feature.
struct Rows<'a> {
    classes: bool,
    train: Vec<(&'a [String], Answer)>,
    hidden: Vec<(&'a [String], Answer)>,
}

impl<'a> Rows<'a> {
    fn of(facts: &Facts<'a>) -> Option<Self> {
        let classes = facts.classes();
        let train = &facts.prepared.train;
        let target = train.column(&facts.contract.task.target)?;
        let rows = Self {
            classes,
            train: train
                .rows
                .iter()
                .filter_map(|row| Some((row.as_slice(), answer(classes, &row[target])?)))
                .collect(),
            hidden: facts
                .hidden()
                .into_iter()
                .filter_map(|(row, a)| Some((row, answer(classes, a)?)))
                .collect(),
        };
        (rows.hidden.len() >= FEWEST && !rows.train.is_empty()).then_some(rows)
    }

    fn answers(&self) -> Vec<Answer> {
        self.hidden.iter().map(|(_, a)| a.clone()).collect()
    }

    /// Skill of one column, given its places in training and hidden rows.
    fn skill(&self, train: usize, hidden: usize) -> f64 {
        let known: Vec<(&str, Answer)> = self
            .train
            .iter()
            .map(|(row, a)| (row[train].as_str(), a.clone()))
            .collect();
        let asked: Vec<&str> = self
            .hidden
            .iter()
            .map(|(row, _)| row[hidden].as_str())
            .collect();
        column_skill(self.classes, &known, &asked, &self.answers())
    }
}

/// Places of the features in training rows and in inputs.
fn places<'a>(facts: &Facts<'a>) -> Vec<(&'a str, usize, usize)> {
    let Some(split) = facts.prepared.splits.first() else {
        return Vec::new();
    };
    facts
        .features()
        .into_iter()
        .filter_map(|name| {
            let train = facts.prepared.train.column(name)?;
            Some((name, train, split.inputs.column(name)?))
        })
        .collect()
}

fn single(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(rows) = Rows::of(facts) else {
        return Vec::new();
    };
    // The last value of a slow series is nearly the next: only an exact copy
    // counts there.
    let timed = facts.raw.time.is_some();
    let enough = if timed && !rows.classes {
        1.0 - 1e-9
    } else {
        GIVEN_AWAY
    };
    let mut found = Vec::new();
    for (name, train, hidden) in places(facts) {
        let copies = rows.hidden.iter().all(|(row, a)| match a {
            Answer::Number(a) => number(&row[hidden]) == Some(*a),
            Answer::Class(a) => row[hidden] == *a,
        });
        let skill = if copies {
            1.0
        } else {
            rows.skill(train, hidden)
        };
        if skill >= enough {
            let saw = if copies {
                "it is the answer".to_owned()
            } else {
                format!(
                    "it explains {:.2}% of what a constant gets wrong",
                    100.0 * skill
                )
            };
            found.push(Finding::new(
                "single-feature",
                &format!("predicted hidden answers from the column `{}` alone", short(name)),
                &saw,
                "The column is the target under another name, or is only known once the target is; leave it out.",
            ));
        }
    }
    found
}

/// A way to make one column of two: its sign and itself.
type Operation = (&'static str, fn(f64, f64) -> f64);
/// A way to look at a name: what it is called and itself.
type View = (&'static str, fn(&str) -> String);

/// Two columns whose sum, difference, product or ratio is the target.
fn pairs(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(rows) = Rows::of(facts).filter(|r| !r.classes) else {
        return Vec::new();
    };
    let answers: Vec<f64> = rows
        .hidden
        .iter()
        .filter_map(|(_, a)| match a {
            Answer::Number(n) => Some(*n),
            Answer::Class(_) => None,
        })
        .collect();
    let columns: Vec<(&str, Vec<f64>)> = places(facts)
        .into_iter()
        .filter_map(|(name, _, place)| {
            let values: Option<Vec<f64>> = rows
                .hidden
                .iter()
                .map(|(row, _)| number(&row[place]))
                .collect();
            Some((name, values?))
        })
        .take(PAIRED)
        .collect();
    let operations: [Operation; 4] = [
        ("+", |a, b| a + b),
        ("-", |a, b| a - b),
        ("*", |a, b| a * b),
        ("/", |a, b| a / b),
    ];
    for (x, (first, a)) in columns.iter().enumerate() {
        for (y, (second, b)) in columns.iter().enumerate() {
            for (sign, operation) in operations {
                if x == y || (x > y && (sign == "+" || sign == "*")) {
                    continue;
                }
                let right = a.iter().zip(b).zip(&answers).filter(|((a, b), answer)| {
                    (operation(**a, **b) - **answer).abs() <= 1e-6 * answer.abs().max(1e-6)
                });
                if right.count() * 100 >= answers.len() * 98 {
                    return vec![Finding::new(
                        "two-features",
                        &format!(
                            "compared hidden answers with `{}` {sign} `{}`",
                            short(first),
                            short(second)
                        ),
                        "they are equal",
                        "The target is made of columns that candidates see; leave out what is only known with it.",
                    )];
                }
            }
        }
    }
    linear(facts, &rows)
}

/// Is the target a weighted sum of the features, without any noise?
fn linear(facts: &Facts<'_>, rows: &Rows<'_>) -> Vec<Finding> {
    let columns: Vec<(usize, usize)> = places(facts)
        .into_iter()
        .filter(|(_, train, hidden)| {
            rows.train
                .iter()
                .all(|(row, _)| number(&row[*train]).is_some())
                && rows
                    .hidden
                    .iter()
                    .all(|(row, _)| number(&row[*hidden]).is_some())
        })
        .map(|(_, train, hidden)| (train, hidden))
        .take(PAIRED)
        .collect();
    if columns.is_empty() || rows.train.len() < 2 * columns.len() + 10 {
        return Vec::new();
    }
    let line = |row: &[String], which: &dyn Fn(&(usize, usize)) -> usize| -> Vec<f64> {
        columns
            .iter()
            .map(|c| number(&row[which(c)]).unwrap_or(0.0))
            .chain([1.0])
            .collect()
    };
    let value = |a: &Answer| match a {
        Answer::Number(n) => *n,
        Answer::Class(_) => 0.0,
    };
    let x: Vec<Vec<f64>> = rows
        .train
        .iter()
        .map(|(row, _)| line(row, &|c| c.0))
        .collect();
    let y: Vec<f64> = rows.train.iter().map(|(_, a)| value(a)).collect();
    let Some(weights) = least_squares(&x, &y) else {
        return Vec::new();
    };
    let predicted: Vec<Answer> = rows
        .hidden
        .iter()
        .map(|(row, _)| {
            let line = line(row, &|c| c.1);
            Answer::Number(line.iter().zip(&weights).map(|(a, b)| a * b).sum())
        })
        .collect();
    if skill(false, &predicted, &rows.answers()) < 1.0 - 1e-7 {
        return Vec::new();
    }
    vec![Finding::new(
        "linear-combination",
        "fitted a weighted sum of all features to the training rows",
        "it gives every hidden answer exactly",
        "The target is made of columns that candidates see; leave out what is only known with it.",
    )]
}

/// A raw column that is no feature of few values but a name of a group, each
/// of which has one target and is on both sides.
fn groups(facts: &Facts<'_>) -> Vec<Finding> {
    let classes = facts.classes();
    let train = facts.rows_of(Part::Train);
    let hidden = facts.prepared.hidden();
    let visible: BTreeSet<&str> = facts.features().into_iter().collect();
    if hidden.len() < FEWEST || facts.raw.time.is_some() {
        return Vec::new();
    }
    for column in 0..facts.raw.table.header.len() {
        let name = facts.raw.table.header[column].as_str();
        // What candidates see is tried as a single feature.
        if column == facts.raw.target || visible.contains(name) || Some(column) == facts.raw.group {
            continue;
        }
        let cell = |row: &usize| facts.raw.table.rows[*row][column].as_str();
        let value = |row: &usize| answer(classes, facts.raw.target_of(*row));
        let distinct: BTreeSet<&str> = train.iter().map(cell).collect();
        if distinct.len() < 10 || distinct.len() * 2 > train.len() {
            continue;
        }
        let known: Vec<(&str, Answer)> = train
            .iter()
            .filter_map(|r| Some((cell(r), value(r)?)))
            .collect();
        let asked: Vec<&str> = hidden.iter().map(cell).collect();
        let answers: Option<Vec<Answer>> = hidden.iter().map(value).collect();
        let (Some(answers), Some(predicted)) = (answers, by_value(classes, &known, &asked)) else {
            continue;
        };
        let skill = skill(classes, &predicted, &answers);
        if skill > 0.98 {
            return vec![Finding::new(
                "group-overlap",
                &format!(
                    "predicted hidden answers by the raw column `{}`",
                    short(name)
                ),
                &format!(
                    "it explains {:.1}% of what a constant gets wrong",
                    100.0 * skill
                ),
                "Rows of one group share their target and are on both sides; declare `task.group` and split by it.",
            )];
        }
    }
    Vec::new()
}

/// Names of rows must not predict.
fn identifiers(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(rows) = Rows::of(facts) else {
        return Vec::new();
    };
    if facts.raw.time.is_some() {
        return Vec::new();
    }
    let Some(split) = facts.prepared.splits.first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut report = |what: &str, skill: f64| {
        if skill > SUSPICIOUS {
            found.push(Finding::new(
                "identifier",
                &format!("predicted hidden answers from {what} alone"),
                &format!("it explains {:.0}% of what a constant gets wrong", 100.0 * skill),
                "A name carries the answer: rows were numbered in an order, or named in a way, that has to do with \
                 the target; shuffle before numbering.",
            ));
        }
    };
    for name in &facts.contract.task.identifiers {
        let (Some(a), Some(b)) = (facts.prepared.train.column(name), split.inputs.column(name))
        else {
            continue;
        };
        report(
            &format!("the identifier `{}`", short(name)),
            rows.skill(a, b),
        );
    }
    let (Some(a), Some(b)) = (
        facts.prepared.train.column(ROW_ID),
        split.inputs.column(ROW_ID),
    ) else {
        return found;
    };
    let answers = rows.answers();
    let views: [View; 3] = [
        ("the number in row_id", |id| {
            number_in(id).unwrap_or_default()
        }),
        ("the words in row_id", words_in),
        ("the last letter of row_id", |id| {
            id.chars().last().map(String::from).unwrap_or_default()
        }),
    ];
    for (what, view) in views {
        let known: Vec<(String, Answer)> = rows
            .train
            .iter()
            .map(|(row, x)| (view(&row[a]), x.clone()))
            .collect();
        let asked: Vec<String> = rows.hidden.iter().map(|(row, _)| view(&row[b])).collect();
        let known: Vec<(&str, Answer)> =
            known.iter().map(|(v, x)| (v.as_str(), x.clone())).collect();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        report(what, column_skill(rows.classes, &known, &asked, &answers));
    }
    found
}

/// The first number in a name.
fn number_in(id: &str) -> Option<String> {
    let start = id.find(|c: char| c.is_ascii_digit())?;
    let digits: String = id[start..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Some(digits)
}

/// A name without its digits.
fn words_in(id: &str) -> String {
    id.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(number_in("row-0042-x").as_deref(), Some("0042"));
        assert_eq!(words_in("pos_17"), "pos_");
    }
}
