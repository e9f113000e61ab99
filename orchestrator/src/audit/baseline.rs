//! The best trivial prediction, scored by the evaluation itself: what a
//! candidate must beat to have learnt anything.

use protocol::{Direction, Interval};
use stats::{Resampling, percentile};

use super::checks::score::Scored;
use super::facts::{Facts, numbers};
use super::metrics::{self, Predictions};
use super::prepared::{Part, ROW_ID, Split};
use super::probes::{Ask, Probe};
use super::table::number;
use crate::core::measurement::{Again, Baseline};

/// Share of a column's training cells that must be numbers for it to be
/// copied.
const FILLED: f64 = 0.9;
/// Resamples of the interval, and most rows that all of them have together.
const RESAMPLES: usize = 1000;
const FEWEST_RESAMPLES: usize = 200;
const MOST_ROWS: usize = 10_000_000;

/// A column of the inputs as the prediction of a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    /// The column.
    pub name: String,
    /// Its values in the order of the answers, the training rows' mean where
    /// one is missing.
    pub values: Vec<f64>,
}

impl Copied {
    /// The column that is nearest to the target in the training rows, if it is
    /// nearer than the target's mean: the last value of a series, say.
    pub fn of(facts: &Facts<'_>, split: &Split) -> Option<Self> {
        let train = &facts.prepared.train;
        let targets: Vec<f64> = numbers(facts.targets(train))?;
        let mean = stats::mean(&targets)?;
        let error = |values: &mut dyn Iterator<Item = f64>| -> f64 {
            values.zip(&targets).map(|(x, y)| (x - y).powi(2)).sum()
        };
        let mut best = (error(&mut targets.iter().map(|_| mean)), None);
        for name in facts.features() {
            let Some(column) = train.column(name) else {
                continue;
            };
            let cells: Vec<Option<f64>> = train.cells(column).map(number).collect();
            let filled = cells.iter().flatten().count();
            if (filled as f64) < FILLED * cells.len() as f64 {
                continue;
            }
            let error = error(&mut cells.iter().map(|cell| cell.unwrap_or(mean)));
            if error < best.0 {
                best = (error, Some(name));
            }
        }
        let name = best.1?;
        let column = split.inputs.column(name)?;
        let inputs = split.inputs.index(split.inputs.column(ROW_ID)?);
        let asked = split.answers.cells(split.answers.column(ROW_ID)?);
        let values = asked.map(|id| {
            let row = inputs.get(id).map(|row| &split.inputs.rows[*row]);
            row.and_then(|row| number(&row[column])).unwrap_or(mean)
        });
        Some(Self {
            name: name.to_owned(),
            values: values.collect(),
        })
    }
}

/// The best of the trivial predictions on `search`.
pub fn measure(scored: &Scored<'_>) -> Option<Baseline> {
    let better = |a: f64, b: f64| match scored.contract.metric.direction {
        Direction::Minimise => a < b,
        Direction::Maximise => a > b,
    };
    let mut best: Option<(&Probe, f64)> = None;
    for (probe, outcome) in scored.probes.iter().zip(scored.outcomes) {
        let trivial = matches!(probe.ask, Ask::Constant | Ask::Median | Ask::Copy(_));
        let Some(value) = outcome.value().filter(|value| value.is_finite()) else {
            continue;
        };
        if trivial && probe.part == Part::Search && best.is_none_or(|(_, b)| better(value, b)) {
            best = Some((probe, value));
        }
    }
    let (probe, value) = best?;
    // What is measured there is compared there.
    let select = scored.probes.iter().zip(scored.outcomes);
    let select = select
        .filter(|(other, _)| other.part == Part::Select && other.ask == probe.ask)
        .find_map(|(other, outcome)| Some((other, outcome.value().filter(|v| v.is_finite())?)));
    Some(Baseline {
        name: name(probe),
        value,
        ci: interval(scored, probe, value),
        select: select.map(|(other, value)| Again {
            value,
            ci: interval(scored, other, value),
        }),
    })
}

/// A prediction in words.
fn name(probe: &Probe) -> String {
    match (&probe.ask, &probe.predictions) {
        (Ask::Copy(column), _) => format!("a copy of `{column}`"),
        (Ask::Median, _) => "the median of the training rows".to_owned(),
        (_, Some(Predictions::Probabilities(..))) => {
            "the classes' shares of the training rows".to_owned()
        }
        (_, Some(Predictions::Classes(_))) => "the most frequent training class".to_owned(),
        _ => "the mean of the training rows".to_owned(),
    }
}

/// The 95% interval over resampled rows, where the formula is known and rows
/// don't belong together by time or group.
fn interval(scored: &Scored<'_>, probe: &Probe, value: f64) -> Option<Interval> {
    let metric = &scored.contract.metric;
    let formula = metric.formula()?;
    let task = &scored.contract.task;
    let apart = task.time.is_none() && task.group.is_none() && !scored.contract.data.characters;
    let predictions = probe.predictions.as_ref().filter(|_| apart)?;
    let answers = &scored.answers[&probe.part];
    let train = scored.facts.targets(&scored.facts.prepared.train);
    let train: Vec<String> = train.into_iter().map(str::to_owned).collect();
    let factor = if metric.is_percent() && !formula.has_unit() {
        100.0
    } else {
        1.0
    };
    let all = |rows: &[usize]| -> Vec<f64> {
        let answers: Vec<String> = rows.iter().map(|row| answers[*row].clone()).collect();
        metrics::reference(formula, &answers, &predictions.of_rows(rows), &train)
    };
    // Usage differs for some formulas: the one that the scorer has.
    let rows: Vec<usize> = (0..answers.len()).collect();
    let far = |found: &f64| (found * factor - value).abs();
    let which = all(&rows)
        .iter()
        .enumerate()
        .min_by(|a, b| far(a.1).total_cmp(&far(b.1)))?
        .0;
    let how = Resampling {
        resamples: (MOST_ROWS / answers.len().max(1)).clamp(FEWEST_RESAMPLES, RESAMPLES),
        ..Resampling::default()
    };
    let numbers: Vec<f64> = rows.iter().map(|row| *row as f64).collect();
    let found = percentile(
        &numbers,
        |drawn| {
            let rows: Vec<usize> = drawn.iter().map(|row| *row as usize).collect();
            all(&rows).get(which).map_or(f64::NAN, |v| v * factor)
        },
        &how,
    )?;
    Some(Interval(found.lo, found.hi))
}
