//! Cheap predictors that must not be good: one feature, two features, a
//! name, a place in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::audit::contract::Kind;
use crate::audit::facts::Facts;
use crate::audit::finding::{Finding, short};
use crate::audit::prepared::{Part, ROW_ID, Split};
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
    found.extend(groups(facts));
    found.extend(identifiers(facts));
    found.extend(order(facts));
    found
}

/// How much better than the best constant predictions are.
pub fn skill(classes: bool, predicted: &[Answer], answers: &[Answer]) -> f64 {
    let loss = |predicted: &dyn Fn(usize) -> Answer| -> f64 {
        answers
            .iter()
            .enumerate()
            .map(|(n, answer)| match (predicted(n), answer) {
                (Answer::Number(p), Answer::Number(a)) => (p - a).powi(2),
                (p, a) => f64::from(u8::from(p != *a)),
            })
            .sum()
    };
    let constant = if classes {
        mode(answers.iter().cloned())
    } else {
        mean(answers.iter().cloned())
    };
    let Some(constant) = constant else { return 0.0 };
    let base = loss(&|_| constant.clone());
    if base > 0.0 {
        1.0 - loss(&|n| predicted[n].clone()) / base
    } else {
        0.0
    }
}

/// A target as a predictor sees it.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Answer {
    /// Of a regression or a forecast.
    Number(f64),
    /// Of a classification.
    Class(String),
}

fn answer(classes: bool, cell: &str) -> Option<Answer> {
    if classes {
        Some(Answer::Class(cell.to_owned()))
    } else {
        number(cell).map(Answer::Number)
    }
}

fn mode(answers: impl Iterator<Item = Answer>) -> Option<Answer> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for answer in answers {
        if let Answer::Class(class) = answer {
            *counts.entry(class).or_default() += 1;
        }
    }
    let best = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(Answer::Class(best.0))
}

fn mean(answers: impl Iterator<Item = Answer>) -> Option<Answer> {
    let values: Vec<f64> = answers
        .filter_map(|a| match a {
            Answer::Number(n) => Some(n),
            Answer::Class(_) => None,
        })
        .collect();
    stats::mean(&values).map(Answer::Number)
}

fn summary(classes: bool, answers: impl Iterator<Item = Answer>) -> Option<Answer> {
    if classes {
        mode(answers)
    } else {
        mean(answers)
    }
}

/// Predicts by the mean or the mode of the training rows with the same value.
fn by_value(classes: bool, train: &[(&str, Answer)], hidden: &[&str]) -> Option<Vec<Answer>> {
    let mut groups: HashMap<&str, Vec<Answer>> = HashMap::new();
    for (value, answer) in train {
        groups.entry(value).or_default().push(answer.clone());
    }
    let fallback = summary(classes, train.iter().map(|(_, a)| a.clone()))?;
    let known: HashMap<&str, Answer> = groups
        .into_iter()
        .filter_map(|(v, a)| Some((v, summary(classes, a.into_iter())?)))
        .collect();
    Some(
        hidden
            .iter()
            .map(|v| known.get(v).cloned().unwrap_or_else(|| fallback.clone()))
            .collect(),
    )
}

/// Predicts by the training row with the nearest number, between its
/// neighbours where the answer is a number.
fn by_nearest(train: &[(f64, Answer)], hidden: &[f64]) -> Vec<Answer> {
    let mut sorted = train.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    hidden
        .iter()
        .map(|x| {
            let at = sorted.partition_point(|(v, _)| v < x);
            let right = &sorted[at.min(sorted.len() - 1)];
            let left = &sorted[at.saturating_sub(1)];
            match (&left.1, &right.1) {
                (Answer::Number(a), Answer::Number(b)) => {
                    let width = right.0 - left.0;
                    let share = if width > 0.0 {
                        ((x - left.0) / width).clamp(0.0, 1.0)
                    } else {
                        0.5
                    };
                    Answer::Number(a + share * (b - a))
                }
                _ if (x - left.0).abs() <= (right.0 - x).abs() => left.1.clone(),
                _ => right.1.clone(),
            }
        })
        .collect()
}

/// The best that a column does at predicting hidden rows from training rows.
fn column_skill(
    classes: bool,
    train: &[(&str, Answer)],
    hidden: &[&str],
    answers: &[Answer],
) -> f64 {
    let mut best: f64 = 0.0;
    let distinct: BTreeSet<&str> = train.iter().map(|(v, _)| *v).collect();
    if distinct.len() * 2 <= train.len()
        && let Some(predicted) = by_value(classes, train, hidden)
    {
        best = best.max(skill(classes, &predicted, answers));
    }
    let numbers: Option<Vec<(f64, Answer)>> = train
        .iter()
        .map(|(v, a)| Some((number(v)?, a.clone())))
        .collect();
    let places: Option<Vec<f64>> = hidden.iter().map(|v| number(v)).collect();
    if let (Some(numbers), Some(places)) = (numbers, places)
        && !numbers.is_empty()
    {
        best = best.max(skill(classes, &by_nearest(&numbers, &places), answers));
        if !classes {
            best = best.max(skill(classes, &by_line(&numbers, &places), answers));
        }
    }
    best
}

/// Predicts by the straight line through the training rows.
fn by_line(train: &[(f64, Answer)], hidden: &[f64]) -> Vec<Answer> {
    let pairs: Vec<(f64, f64)> = train
        .iter()
        .filter_map(|(x, a)| match a {
            Answer::Number(y) => Some((*x, *y)),
            Answer::Class(_) => None,
        })
        .collect();
    let n = pairs.len() as f64;
    let x = pairs.iter().map(|p| p.0).sum::<f64>() / n;
    let y = pairs.iter().map(|p| p.1).sum::<f64>() / n;
    let xx: f64 = pairs.iter().map(|p| (p.0 - x).powi(2)).sum();
    let xy: f64 = pairs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    hidden
        .iter()
        .map(|v| Answer::Number(y + slope * (v - x)))
        .collect()
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

/// Weights of a linear model, by the normal equations of scaled columns.
fn least_squares(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let width = x.first()?.len();
    let scale: Vec<f64> = (0..width)
        .map(|c| {
            x.iter()
                .map(|row| row[c].abs())
                .fold(0.0, f64::max)
                .max(1e-300)
        })
        .collect();
    let mut system = vec![vec![0.0; width + 1]; width];
    for (row, y) in x.iter().zip(y) {
        for a in 0..width {
            for b in 0..width {
                system[a][b] += row[a] / scale[a] * (row[b] / scale[b]);
            }
            system[a][width] += row[a] / scale[a] * y;
        }
    }
    for (a, row) in system.iter_mut().enumerate() {
        // A little ridge: columns may depend on each other.
        row[a] += 1e-10 * x.len() as f64;
    }
    for pivot in 0..width {
        let best = (pivot..width)
            .max_by(|a, b| system[*a][pivot].abs().total_cmp(&system[*b][pivot].abs()))?;
        system.swap(pivot, best);
        let top = system[pivot].clone();
        if top[pivot].abs() < 1e-300 {
            return None;
        }
        for (place, row) in system.iter_mut().enumerate() {
            if place != pivot {
                let factor = row[pivot] / top[pivot];
                for (cell, above) in row.iter_mut().zip(&top) {
                    *cell -= factor * above;
                }
            }
        }
    }
    Some(
        (0..width)
            .map(|a| system[a][width] / system[a][a] / scale[a])
            .collect(),
    )
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

/// Neighbours in the file must not have the same answer.
fn order(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.raw.time.is_some() || facts.contract.task.kind == Kind::Forecast {
        return Vec::new();
    }
    let classes = facts.classes();
    let mut found = Vec::new();
    for split in &facts.prepared.splits {
        let skill = place_skill(facts, split, classes);
        if skill > SUSPICIOUS {
            found.push(Finding::new(
                "row-order",
                &format!(
                    "predicted each answer of {} from the rows before and after it in the inputs",
                    split.part.name()
                ),
                &format!(
                    "that explains {:.0}% of what a constant gets wrong",
                    100.0 * skill
                ),
                "The order of the inputs gives the answers away; shuffle them.",
            ));
        }
    }
    found
}

fn place_skill(facts: &Facts<'_>, split: &Split, classes: bool) -> f64 {
    let answers: Option<Vec<Answer>> = facts
        .answered(split)
        .into_iter()
        .map(|(_, a)| answer(classes, a))
        .collect();
    let Some(answers) = answers.filter(|a| a.len() >= FEWEST) else {
        return 0.0;
    };
    let predicted: Vec<Answer> = (0..answers.len())
        .map(|n| {
            let before = if n > 0 { &answers[n - 1] } else { &answers[1] };
            let after = answers.get(n + 1).unwrap_or(before);
            match (before, after) {
                (Answer::Number(a), Answer::Number(b)) => Answer::Number(f64::midpoint(*a, *b)),
                _ => before.clone(),
            }
        })
        .collect();
    skill(classes, &predicted, &answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Vec<Answer> {
        values.iter().copied().map(Answer::Number).collect()
    }

    #[test]
    fn skill_is_one_for_the_answer_and_zero_for_the_mean() {
        let answers = numbers(&[1.0, 2.0, 6.0]);
        assert!((skill(false, &answers, &answers) - 1.0).abs() < 1e-12);
        assert!(skill(false, &numbers(&[3.0; 3]), &answers).abs() < 1e-12);
    }

    #[test]
    fn a_number_that_orders_the_answers_predicts() {
        let train: Vec<(String, Answer)> = (0..50)
            .map(|i| (format!("{}", i * 2), Answer::Number(f64::from(i * i))))
            .collect();
        let train: Vec<(&str, Answer)> =
            train.iter().map(|(v, a)| (v.as_str(), a.clone())).collect();
        let hidden = numbers(&[1.0, 100.0, 400.0]);
        assert!(column_skill(false, &train, &["2", "20", "40"], &hidden) > 0.99);
        assert!(column_skill(false, &train, &["90", "4", "30"], &hidden) < 0.3);
    }

    #[test]
    fn least_squares_recovers_weights() {
        let x: Vec<Vec<f64>> = (0..30)
            .map(|i| vec![f64::from(i), f64::from((i * 7) % 11), 1.0])
            .collect();
        let y: Vec<f64> = x.iter().map(|r| 2.0 * r[0] - 3.0 * r[1] + 5.0).collect();
        let weights = least_squares(&x, &y).expect("weights");
        for (weight, wanted) in weights.iter().zip([2.0, -3.0, 5.0]) {
            assert!((weight - wanted).abs() < 1e-5, "{weights:?}");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(number_in("row-0042-x").as_deref(), Some("0042"));
        assert_eq!(words_in("pos_17"), "pos_");
    }
}
