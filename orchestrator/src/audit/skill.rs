//! How well simple predictors do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::table::number;

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

/// The target in a cell; `None` if a number is asked for and there is none.
pub fn answer(classes: bool, cell: &str) -> Option<Answer> {
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
pub fn by_value(classes: bool, train: &[(&str, Answer)], hidden: &[&str]) -> Option<Vec<Answer>> {
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
pub fn column_skill(
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

/// Weights of a linear model, by the normal equations of scaled columns.
pub fn least_squares(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
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
}
