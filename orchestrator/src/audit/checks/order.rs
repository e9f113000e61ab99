//! The order of the inputs must not give answers away.
//!
//! Each answer is predicted from its neighbours in the file. Few shuffled rows
//! agree with their neighbours by chance, so what is found is compared with
//! what other orders of the same answers give: only an order that stands out
//! among them is one that somebody can use.

use std::collections::BTreeMap;

use stats::Rng;

use crate::audit::contract::Kind;
use crate::audit::facts::Facts;
use crate::audit::finding::Finding;
use crate::audit::table::number;

/// Skill below which an order is of no use, however surely it is there. Skill
/// is 0 for the best constant and 1 for the answer.
const USEFUL: f64 = 0.3;
/// Fewest hidden rows for the check, and most rows that are looked at.
const FEWEST: usize = 20;
const MOST: usize = 1000;
/// How often, for a whole evaluation whose rows are in random order, the check
/// is wrong: once in so many evaluations at most.
const WRONG_ONCE_IN: usize = 10_000;
/// Hidden parts, each with its share of that.
const PARTS: usize = 3;
/// Other orders that are tried of a part.
const ORDERS: usize = WRONG_ONCE_IN * PARTS - 1;

/// Looks at the inputs of each hidden part.
pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.raw.time.is_some() || facts.contract.task.kind == Kind::Forecast {
        return Vec::new();
    }
    let mut found = Vec::new();
    for split in &facts.prepared.splits {
        let answers = facts.answered(split);
        let cells: Vec<&str> = answers.iter().map(|(_, answer)| *answer).collect();
        let Some(skill) = telling(&cells, facts.classes(), split.part as u64) else {
            continue;
        };
        found.push(Finding::new(
            "row-order",
            &format!(
                "predicted each answer of {} from the rows before and after it in the inputs",
                split.part.name()
            ),
            &format!(
                "that explains {:.0}% of what a constant gets wrong, and none of {ORDERS} random orders explains as much",
                100.0 * skill
            ),
            "The order of the inputs gives the answers away; shuffle them.",
        ));
    }
    found
}

/// The skill of neighbours, if it is of use and no work of chance.
fn telling(cells: &[&str], classes: bool, seed: u64) -> Option<f64> {
    let cells = &cells[..cells.len().min(MOST)];
    let mut codes: BTreeMap<&str, f64> = BTreeMap::new();
    let mut values: Vec<f64> = Vec::with_capacity(cells.len());
    for &cell in cells {
        if classes {
            let next = codes.len() as f64;
            values.push(*codes.entry(cell).or_insert(next));
        } else {
            values.push(number(cell)?);
        }
    }
    if values.len() < FEWEST {
        return None;
    }
    let constant = if classes {
        of_mode(&values)
    } else {
        of_mean(&values)
    };
    let skill = |values: &[f64]| 1.0 - loss(values, classes) / constant;
    let seen = skill(&values);
    if constant <= 0.0 || seen <= USEFUL {
        return None;
    }
    let mut rng = Rng::new(seed);
    let mut other = values.clone();
    for _ in 0..ORDERS {
        rng.shuffle(&mut other);
        if skill(&other) >= seen {
            return None;
        }
    }
    Some(seen)
}

/// What predictions from neighbours get wrong: the middle of two numbers, the
/// class before.
fn loss(values: &[f64], classes: bool) -> f64 {
    let last = values.len() - 1;
    (0..=last)
        .map(|n| {
            let before = values[if n > 0 { n - 1 } else { 1 }];
            if classes {
                return f64::from(u8::from((before - values[n]).abs() > 0.5));
            }
            let after = if n < last { values[n + 1] } else { before };
            (f64::midpoint(before, after) - values[n]).powi(2)
        })
        .sum()
}

/// What the most frequent class gets wrong.
fn of_mode(values: &[f64]) -> f64 {
    let mut counts = vec![0_usize; values.len()];
    for value in values {
        counts[*value as usize] += 1;
    }
    (values.len() - counts.into_iter().max().unwrap_or(0)) as f64
}

/// What the mean gets wrong.
fn of_mean(values: &[f64]) -> f64 {
    let mean = stats::mean(values).unwrap_or(0.0);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[f64]) -> Vec<String> {
        values.iter().map(f64::to_string).collect()
    }

    fn looks(values: &[f64], classes: bool) -> Option<f64> {
        let cells = words(values);
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        telling(&cells, classes, 7)
    }

    /// Random orders of few rows; says in how many the skill alone would have
    /// been an alarm.
    fn alarms(rows: usize, classes: bool) -> (usize, usize) {
        let mut rng = Rng::new(11);
        let (mut by_skill, mut by_check) = (0, 0);
        for _ in 0..2000 {
            let values: Vec<f64> = (0..rows)
                .map(|_| {
                    if classes {
                        rng.index(2) as f64
                    } else {
                        rng.normal()
                    }
                })
                .collect();
            let constant = if classes {
                of_mode(&values)
            } else {
                of_mean(&values)
            };
            by_skill += usize::from(1.0 - loss(&values, classes) / constant > USEFUL);
            by_check += usize::from(looks(&values, classes).is_some());
        }
        (by_skill, by_check)
    }

    #[test]
    fn few_rows_in_random_order_are_no_alarm() {
        let (by_skill, by_check) = alarms(20, true);
        assert!(by_skill >= 10, "chance makes a skill of 0.3: {by_skill}");
        assert_eq!(by_check, 0);
        assert_eq!(alarms(20, false).1, 0);
    }

    #[test]
    fn sorted_rows_are_found_even_if_they_are_few() {
        let sorted: Vec<f64> = (0..24).map(|n| f64::from(n * n)).collect();
        assert!(looks(&sorted, false).is_some_and(|skill| skill > 0.9));
        let classes: Vec<f64> = (0..24).map(|n| f64::from(n / 12)).collect();
        assert!(looks(&classes, true).is_some_and(|skill| skill > 0.8));
    }

    #[test]
    fn an_order_with_noise_is_found_among_many_rows() {
        let mut rng = Rng::new(3);
        let nearly: Vec<f64> = (0..300)
            .map(|n| f64::from(n) + 60.0 * rng.normal())
            .collect();
        assert!(looks(&nearly, false).is_some());
        let mut mixed = nearly;
        rng.shuffle(&mut mixed);
        assert_eq!(looks(&mixed, false), None);
    }

    #[test]
    fn equal_answers_and_words_say_nothing() {
        assert_eq!(looks(&[4.0; 30], false), None);
        assert_eq!(looks(&[0.0; 30], true), None);
        assert_eq!(telling(&["x"; 30], false, 1), None);
    }
}
