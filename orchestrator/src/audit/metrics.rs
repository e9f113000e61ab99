//! Reference implementations of the well-known formulas.

use std::collections::{BTreeMap, BTreeSet};

use super::contract::Formula;

/// Predictions in the order of the answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Classes.
    Classes(Vec<String>),
    /// A probability for each of these classes, row by row.
    Probabilities(Vec<String>, Vec<Vec<f64>>),
}

impl Predictions {
    /// Those of these rows.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(p) => Self::Numbers(rows.iter().map(|row| p[*row]).collect()),
            Self::Classes(p) => Self::Classes(rows.iter().map(|row| p[*row].clone()).collect()),
            Self::Probabilities(classes, p) => {
                let rows = rows.iter().map(|row| p[*row].clone()).collect();
                Self::Probabilities(classes.clone(), rows)
            }
        }
    }
}

/// Answers, as text.
pub type Answers<'a> = &'a [String];

/// The values that a formula may have here: one, or several where usage
/// differs. Empty where this program does not know. Relative formulas are
/// fractions, not hundredths.
pub fn reference(
    formula: Formula,
    answers: Answers<'_>,
    predictions: &Predictions,
    known: &[String],
) -> Vec<f64> {
    match predictions {
        Predictions::Numbers(p) => {
            let Some(y) = super::facts::numbers(answers.iter().map(String::as_str)) else {
                return Vec::new();
            };
            numeric(formula, &y, p)
        }
        Predictions::Classes(p) => match formula {
            Formula::Accuracy => vec![accuracy(answers, p)],
            Formula::F1Macro => f1_macro(answers, p, known),
            _ => Vec::new(),
        },
        Predictions::Probabilities(classes, p) => match formula {
            Formula::Logloss => vec![logloss(answers, classes, p)],
            Formula::Auc => auc(answers, classes, p),
            _ => Vec::new(),
        },
    }
}

fn mean_of(y: &[f64], p: &[f64], each: impl Fn(f64, f64) -> f64) -> f64 {
    y.iter().zip(p).map(|(y, p)| each(*y, *p)).sum::<f64>() / y.len() as f64
}

fn numeric(formula: Formula, y: &[f64], p: &[f64]) -> Vec<f64> {
    match formula {
        Formula::Rmse => vec![mse(y, p).sqrt()],
        Formula::Mae => vec![mae(y, p)],
        Formula::Mape => vec![mean_of(y, p, |y, p| (y - p).abs() / y.abs())],
        Formula::Smape => {
            let half = mean_of(y, p, |y, p| {
                let size = y.abs() + p.abs();
                if size > 0.0 {
                    (y - p).abs() / size
                } else {
                    0.0
                }
            });
            vec![2.0 * half, half]
        }
        Formula::R2 => {
            let middle = stats::mean(y).unwrap_or(0.0);
            let total: f64 = y.iter().map(|y| (y - middle).powi(2)).sum();
            vec![1.0 - mse(y, p) * y.len() as f64 / total]
        }
        _ => Vec::new(),
    }
}

/// Mean squared error.
pub fn mse(y: &[f64], p: &[f64]) -> f64 {
    mean_of(y, p, |y, p| (y - p).powi(2))
}

/// Mean absolute error.
pub fn mae(y: &[f64], p: &[f64]) -> f64 {
    mean_of(y, p, |y, p| (y - p).abs())
}

/// Share of equal classes.
fn accuracy(y: Answers<'_>, p: &[String]) -> f64 {
    y.iter().zip(p).filter(|(y, p)| y == p).count() as f64 / y.len() as f64
}

/// F1 averaged over the classes of answers and predictions, of the answers
/// alone, and of everything known.
fn f1_macro(y: Answers<'_>, p: &[String], known: &[String]) -> Vec<f64> {
    let over = |classes: BTreeSet<&String>| {
        let sum: f64 = classes
            .iter()
            .map(|class| {
                let count = |f: &dyn Fn(bool, bool) -> bool| {
                    y.iter()
                        .zip(p)
                        .filter(|(y, p)| f(y == class, p == class))
                        .count() as f64
                };
                let hits = count(&|y, p| y && p);
                let size = count(&|y, _| y) + count(&|_, p| p);
                if size > 0.0 { 2.0 * hits / size } else { 0.0 }
            })
            .sum();
        sum / classes.len() as f64
    };
    vec![
        over(y.iter().chain(p).collect()),
        over(y.iter().collect()),
        over(known.iter().chain(y).chain(p).collect()),
    ]
}

fn logloss(y: Answers<'_>, classes: &[String], p: &[Vec<f64>]) -> f64 {
    let sum: f64 = y
        .iter()
        .zip(p)
        .map(|(y, p)| {
            let place = classes.iter().position(|c| c == y);
            -place.map_or(0.0, |c| p[c]).ln()
        })
        .sum();
    sum / y.len() as f64
}

/// For two classes the area; for more, the mean of one against the rest, over
/// the classes that occur.
fn auc(y: Answers<'_>, classes: &[String], p: &[Vec<f64>]) -> Vec<f64> {
    let areas: Vec<f64> = classes
        .iter()
        .enumerate()
        .filter_map(|(c, class)| {
            let scores: Vec<f64> = p.iter().map(|row| row[c]).collect();
            let positive: Vec<bool> = y.iter().map(|y| y == class).collect();
            area(&positive, &scores)
        })
        .collect();
    if classes.len() == 2 {
        areas
    } else {
        stats::mean(&areas).into_iter().collect()
    }
}

/// Probability that a positive scores above a negative, ties half.
fn area(positive: &[bool], scores: &[f64]) -> Option<f64> {
    let of = |wanted: bool| -> Vec<f64> {
        positive
            .iter()
            .zip(scores)
            .filter(|(p, _)| **p == wanted)
            .map(|(_, s)| *s)
            .collect()
    };
    let (up, down) = (of(true), stats::sorted(&of(false)));
    if up.is_empty() || down.is_empty() {
        return None;
    }
    let wins: f64 = up
        .iter()
        .map(|s| {
            let below = down.partition_point(|d| d < s);
            let upto = down.partition_point(|d| d <= s);
            f64::midpoint(below as f64, upto as f64)
        })
        .sum();
    Some(wins / (up.len() * down.len()) as f64)
}

/// Mean absolute errors of the naive forecasts of every season, on a series.
pub fn naive_scales(series: &[f64]) -> BTreeMap<usize, f64> {
    const LONGEST: usize = 400;
    (1..series.len().min(LONGEST))
        .map(|season| {
            (
                season,
                mae(&series[season..], &series[..series.len() - season]),
            )
        })
        .collect()
}

/// What else a value could be, for messages.
pub fn guess(value: f64, y: &[f64], p: &[f64]) -> Option<&'static str> {
    let n = y.len();
    let size = n as f64;
    if n < 3 {
        return None;
    }
    let rmse = mse(y, p).sqrt();
    let mut errors: Vec<f64> = y.iter().zip(p).map(|(y, p)| (y - p).abs()).collect();
    errors = stats::sorted(&errors);
    let shift = mse(&y[1..], &p[..n - 1]).sqrt();
    let candidates = [
        ("the mean squared error, without the root", mse(y, p)),
        ("the root mean squared error", rmse),
        ("the mean absolute error", mae(y, p)),
        ("the sum of squared errors", mse(y, p) * size),
        ("the sum of absolute errors", mae(y, p) * size),
        ("the root of the sum of squares", rmse * size.sqrt()),
        ("a division by n - 1", rmse * (size / (size - 1.0)).sqrt()),
        ("a division by n - 1", mae(y, p) * size / (size - 1.0)),
        ("the first row left out", mse(&y[1..], &p[1..]).sqrt()),
        (
            "the last row left out",
            mse(&y[..n - 1], &p[..n - 1]).sqrt(),
        ),
        ("the first row left out", mae(&y[1..], &p[1..])),
        ("the last row left out", mae(&y[..n - 1], &p[..n - 1])),
        ("predictions shifted by one row", shift),
        (
            "the median absolute error",
            stats::median(&errors).unwrap_or(f64::NAN),
        ),
        ("the largest error", errors[n - 1]),
        ("the mean signed error", mean_of(y, p, |y, p| p - y)),
        (
            "a relative error over predictions instead of answers",
            mean_of(y, p, |y, p| (y - p).abs() / p.abs()),
        ),
        (
            "hundredths",
            100.0 * mean_of(y, p, |y, p| (y - p).abs() / y.abs()),
        ),
    ];
    candidates
        .into_iter()
        .flat_map(|(name, v)| [(name, v), (name, -v)])
        .find(|(_, v)| (v - value).abs() <= 1e-9 * v.abs())
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(items: &[&str]) -> Vec<String> {
        items.iter().map(|s| (*s).to_owned()).collect()
    }

    fn near(got: f64, wanted: f64) {
        assert!(
            (got - wanted).abs() <= 1e-12 * wanted.abs().max(1.0),
            "{got} is not {wanted}"
        );
    }

    // The examples of scikit-learn's documentation of mean_squared_error,
    // mean_absolute_error, mean_absolute_percentage_error and r2_score:
    // y_true = [3, -0.5, 2, 7], y_pred = [2.5, 0.0, 2, 8].
    const Y: [f64; 4] = [3.0, -0.5, 2.0, 7.0];
    const P: [f64; 4] = [2.5, 0.0, 2.0, 8.0];

    #[test]
    fn errors_of_numbers_as_scikit_learn_has_them() {
        near(numeric(Formula::Rmse, &Y, &P)[0], 0.375_f64.sqrt());
        near(numeric(Formula::Mae, &Y, &P)[0], 0.5);
        near(numeric(Formula::Mape, &Y, &P)[0], 0.327_380_952_380_952_4);
        near(numeric(Formula::R2, &Y, &P)[0], 0.948_608_137_044_967_9);
    }

    #[test]
    fn smape_of_one_row_by_hand() {
        // |100 - 110| over the mean of 100 and 110.
        near(numeric(Formula::Smape, &[100.0], &[110.0])[0], 10.0 / 105.0);
        near(numeric(Formula::Smape, &[0.0], &[0.0])[0], 0.0);
    }

    #[test]
    fn classes_as_scikit_learn_has_them() {
        // accuracy_score([0, 1, 2, 3], [0, 2, 1, 3]) = 0.5 and
        // f1_score([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], average="macro") = 0.26666...
        near(
            accuracy(&text(&["0", "1", "2", "3"]), &text(&["0", "2", "1", "3"])),
            0.5,
        );
        let y = text(&["0", "1", "2", "0", "1", "2"]);
        let p = text(&["0", "2", "1", "0", "0", "1"]);
        near(f1_macro(&y, &p, &[])[0], 0.266_666_666_666_666_66);
    }

    #[test]
    fn probabilities_as_scikit_learn_has_them() {
        // log_loss(["spam", "ham", "ham", "spam"],
        //          [[.1, .9], [.9, .1], [.8, .2], [.35, .65]]) = 0.21616...
        let y = text(&["spam", "ham", "ham", "spam"]);
        let p = vec![
            vec![0.1, 0.9],
            vec![0.9, 0.1],
            vec![0.8, 0.2],
            vec![0.35, 0.65],
        ];
        let loss = logloss(&y, &text(&["ham", "spam"]), &p);
        assert!((loss - 0.216_161_874_682_148).abs() < 1e-5, "{loss}");
        // roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) = 0.75
        let scores = [0.1, 0.4, 0.35, 0.8];
        near(
            area(&[false, false, true, true], &scores).expect("an area"),
            0.75,
        );
        assert_eq!(area(&[true], &[0.5]), None);
    }

    #[test]
    fn naive_scales_by_hand() {
        let scales = naive_scales(&[1.0, 3.0, 2.0, 5.0]);
        near(scales[&1], 2.0);
        near(scales[&2], 1.5);
    }

    #[test]
    fn a_missing_root_is_named() {
        let guessed = guess(0.375, &Y, &P).expect("a guess");
        assert!(guessed.contains("without the root"), "{guessed}");
    }
}
