//! Is the metric the formula, and does it have the unit, that it claims?

use std::collections::BTreeSet;

use super::score::{Scored, same};
use crate::audit::contract::Formula;
use crate::audit::facts::numbers;
use crate::audit::finding::{Finding, short};
use crate::audit::metrics::{self, Predictions};
use crate::audit::prepared::Part;
use crate::audit::probes::{Ask, SCALE};

/// What the contract says must fit itself.
pub(super) fn claims(scored: &Scored<'_>) -> Vec<Finding> {
    let metric = &scored.contract.metric;
    let Some(formula) = metric.formula() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if formula.direction() != metric.direction {
        found.push(Finding::new(
            "direction",
            &format!("compared `metric.direction` with the formula {formula:?}"),
            "they contradict each other",
            "The search would look for the worst; turn the direction round.",
        ));
    }
    if let Some(named) = Formula::named(&metric.name)
        && named != formula
    {
        found.push(Finding::new(
            "reference",
            &format!("compared `metric.name` with `metric.formula` ({formula:?})"),
            &format!("the name `{}` stands for {named:?}", metric.name),
            "One of them is wrong.",
        ));
    }
    let nats = formula == Formula::Logloss;
    if !formula.has_unit() && !nats && !metric.is_pure() {
        found.push(Finding::new(
            "unit",
            &format!("compared `metric.unit` with the formula {formula:?}"),
            &format!(
                "`{}` is a unit, but the formula gives a pure number",
                short(&metric.unit)
            ),
            "Use \"1\", or \"%\" if the scorer multiplies by 100.",
        ));
    }
    found
}

/// The value must be the formula's.
pub(super) fn reference(scored: &Scored<'_>) -> Vec<Finding> {
    let metric = &scored.contract.metric;
    let Some(formula) = metric.formula() else {
        return Vec::new();
    };
    if formula == Formula::Mase {
        return mase(scored);
    }
    let factor = if metric.is_percent() && !formula.has_unit() {
        100.0
    } else {
        1.0
    };
    let train: Vec<String> = scored
        .facts
        .targets(&scored.facts.prepared.train)
        .into_iter()
        .map(str::to_owned)
        .collect();
    // Usage differs for some formulas; one of them must fit all probes.
    let mut fitting: Option<BTreeSet<usize>> = None;
    let mut worst = None;
    for (probe, outcome) in scored.probes.iter().zip(scored.outcomes) {
        let (Some(predictions), Some(value)) = (&probe.predictions, outcome.value()) else {
            continue;
        };
        // At the optimum rounding and clipping rule, and where both are 0 usage
        // does.
        if matches!(
            probe.ask,
            Ask::Oracle | Ask::Anti | Ask::Median | Ask::Copy(_)
        ) {
            continue;
        }
        let answers = &scored.answers[&probe.part];
        let wanted = metrics::reference(formula, answers, predictions, &train);
        if wanted.is_empty() {
            continue;
        }
        let fits: BTreeSet<usize> = (0..wanted.len())
            .filter(|v| same(wanted[*v] * factor, value))
            .collect();
        let left = match &fitting {
            None => fits,
            Some(before) => before.intersection(&fits).copied().collect(),
        };
        if left.is_empty() && worst.is_none() {
            worst = Some((probe, value, wanted[0] * factor));
        }
        fitting = Some(left);
    }
    let Some((probe, value, wanted)) = worst else {
        return Vec::new();
    };
    let guess = match &probe.predictions {
        Some(Predictions::Numbers(p)) => {
            numbers(scored.answers[&probe.part].iter().map(String::as_str))
                .and_then(|y| metrics::guess(value, &y, p))
        }
        _ => None,
    };
    let ratio = value / wanted;
    let hint = match guess {
        Some(name) => format!("the value is that of {name}"),
        None if same(ratio, 100.0) || same(ratio, 0.01) => {
            format!(
                "that is a factor of {ratio}: unit `{}`",
                short(&metric.unit)
            )
        }
        None => format!("that is {ratio:.4} times as much"),
    };
    vec![Finding::new(
        "reference",
        &format!(
            "compared noisy predictions on {} with the formula {formula:?}",
            probe.part.name()
        ),
        &format!("the scorer says {value}, the formula {wanted}; {hint}"),
        "The metric is not what it is called: check the root, the mean, the denominator, the rows that are left out, \
         and the unit.",
    )]
}

/// The scale must be a naive forecast's error on the training rows.
fn mase(scored: &Scored<'_>) -> Vec<Finding> {
    let facts = &scored.facts;
    let Some(times) = facts.times() else {
        return Vec::new();
    };
    // Several series have several naive errors.
    if facts.raw.group.is_some() || facts.raw.series.is_some() {
        return Vec::new();
    }
    let mut scale: Option<f64> = None;
    for (probe, outcome) in scored.probes.iter().zip(scored.outcomes) {
        let (Some(Predictions::Numbers(p)), Some(value)) = (&probe.predictions, outcome.value())
        else {
            continue;
        };
        let Some(y) = numbers(scored.answers[&probe.part].iter().map(String::as_str)) else {
            continue;
        };
        if probe.ask == Ask::Oracle || value <= 0.0 {
            continue;
        }
        let now = metrics::mae(&y, p) / value;
        let before = *scale.get_or_insert(now);
        if (now - before).abs() > 1e-6 * before.abs() {
            return vec![Finding::new(
                "reference",
                "divided the mean absolute error of several predictions by what the scorer says",
                &format!("the scale is {before} once and {now} another time"),
                "MASE divides by one number, the naive forecast's error on the training rows, for every prediction \
                 and every split.",
            )];
        }
    }
    let Some(scale) = scale else {
        return Vec::new();
    };
    let series = |rows: &mut dyn Iterator<Item = usize>| -> Vec<f64> {
        let mut rows: Vec<usize> = rows.collect();
        rows.sort_by_key(|row| times[*row]);
        numbers(rows.iter().map(|r| facts.raw.target_of(*r))).unwrap_or_default()
    };
    let train = facts.rows_of(Part::Train);
    let first_hidden = facts
        .prepared
        .hidden()
        .iter()
        .map(|r| times[*r])
        .min()
        .unwrap_or(0);
    let last_train = train.iter().map(|r| times[*r]).max().unwrap_or(0);
    let sources = [
        series(&mut train.iter().copied()),
        series(&mut (0..facts.raw.len()).filter(|r| times[*r] < first_hidden)),
        series(&mut (0..facts.raw.len()).filter(|r| times[*r] <= last_train)),
    ];
    let fits = sources
        .iter()
        .flat_map(|s| metrics::naive_scales(s).into_values())
        .any(|s| (s - scale).abs() <= 1e-6 * s.abs());
    if fits {
        return Vec::new();
    }
    vec![Finding::new(
        "reference",
        "compared the scale of the metric with the error of naive forecasts of every season on the training rows",
        &format!("no season up to 400 rows gives {scale}"),
        "MASE divides by the naive forecast's mean absolute error on the training rows; a scale from hidden rows, \
         or over the wrong count, makes scores incomparable.",
    )]
}

/// A metric with the target's unit must scale with it.
pub(super) fn unit(scored: &Scored<'_>) -> Vec<Finding> {
    let metric = &scored.contract.metric;
    let part = Part::Search;
    let (Some(proper), Some(scaled)) = (
        scored.value(part, &Ask::Noise(1)),
        scored.value(part, &Ask::Scaled),
    ) else {
        return Vec::new();
    };
    let squared = ["^2", "**2", "²", "squared", "square"]
        .iter()
        .any(|s| metric.unit.contains(s));
    let wanted = match metric.formula() {
        // Its scale is a number of its own.
        Some(Formula::Mase) => return Vec::new(),
        Some(formula) if formula.has_unit() => SCALE,
        Some(_) => 1.0,
        None if metric.is_pure() => return Vec::new(),
        None if squared => SCALE * SCALE,
        None => SCALE,
    };
    let ratio = scaled / proper;
    if (ratio - wanted).abs() <= 1e-6 * wanted || proper.abs() < 1e-12 {
        return Vec::new();
    }
    vec![Finding::new(
        "unit",
        &format!("made answers and predictions {SCALE} times as large"),
        &format!(
            "the value became {ratio:.4} times as large instead of {wanted} (unit `{}`)",
            short(&metric.unit)
        ),
        "The value does not have the unit that is declared: a square without a root, a constant that is added, or a \
         relative error.",
    )]
}
