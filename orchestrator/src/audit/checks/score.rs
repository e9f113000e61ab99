//! Does the scorer measure what it says?

use std::collections::BTreeMap;

use protocol::Direction;

use super::formula;
use crate::audit::contract::{Contract, Formula};
use crate::audit::facts::Facts;
use crate::audit::finding::{Finding, short};
use crate::audit::prepared::Part;
use crate::audit::probes::{Ask, NOISE, Probe};
use crate::audit::run::Done;

/// Relative difference up to which two values are the same.
const SAME: f64 = 1e-9;
/// Exit code of a refusal; other failures refuse too, if less politely.
pub const REFUSED: i32 = 3;

/// What a scorer made of a probe.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value.
    Value {
        /// The metric.
        value: f64,
        /// Answers that it says it scored.
        n: Option<f64>,
    },
    /// No value, and it said so by its exit code.
    Refused(String),
    /// It ended well but printed no usable value.
    Unusable(String),
}

impl Outcome {
    /// Reads what a scorer printed.
    pub fn of(done: &Done, metric: &str) -> Self {
        if done.code != 0 {
            return Self::Refused(done.complaint());
        }
        let line = done.stdout.lines().rev().find(|l| !l.trim().is_empty());
        let line = line.unwrap_or_default();
        let Ok(serde_json::Value::Object(object)) = serde_json::from_str(line) else {
            return Self::Unusable(format!(
                "the last line of stdout is `{}`, no JSON object",
                short(line)
            ));
        };
        match object.get(metric).and_then(serde_json::Value::as_f64) {
            Some(value) => Self::Value {
                value,
                n: object.get("n").and_then(serde_json::Value::as_f64),
            },
            None => Self::Unusable(format!("`{}` has no number `{metric}`", short(line))),
        }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value { value, .. } => Some(*value),
            Self::Refused(_) | Self::Unusable(_) => None,
        }
    }
}

/// Probes with what became of them.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// The contract, which a mutant may have changed.
    pub contract: &'a Contract,
    /// The data.
    pub facts: Facts<'a>,
    /// The probes.
    pub probes: &'a [Probe],
    /// One outcome for each.
    pub outcomes: &'a [Outcome],
    /// The answers of each split.
    pub answers: &'a BTreeMap<Part, Vec<String>>,
}

pub(super) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME * a.abs().max(b.abs()) + 1e-12
}

impl Scored<'_> {
    fn of(&self, part: Part, ask: &Ask) -> Option<&Outcome> {
        let place = self
            .probes
            .iter()
            .position(|p| p.part == part && p.ask == *ask)?;
        self.outcomes.get(place)
    }

    pub(super) fn value(&self, part: Part, ask: &Ask) -> Option<f64> {
        self.of(part, ask)?.value()
    }

    /// Whether `a` is better than `b` by more than rounding.
    fn better(&self, a: f64, b: f64) -> bool {
        let margin = SAME * a.abs().max(b.abs()) + 1e-12;
        match self.contract.metric.direction {
            Direction::Minimise => a < b - margin,
            Direction::Maximise => a > b + margin,
        }
    }
}

/// Judges a scorer by its outcomes.
pub fn judge(scored: &Scored<'_>) -> Vec<Finding> {
    let usable = runs(scored);
    if !usable.is_empty() {
        return usable;
    }
    let mut found = formula::claims(scored);
    found.extend(direction(scored));
    found.extend(formula::reference(scored));
    found.extend(refusals(scored));
    found.extend(invariance(scored));
    found.extend(counts(scored));
    found.extend(formula::unit(scored));
    found.extend(every_row(scored));
    found
}

/// The oracle must get a value.
fn runs(scored: &Scored<'_>) -> Vec<Finding> {
    for part in Part::HIDDEN {
        for ask in [Ask::Oracle, Ask::Noise(1)] {
            let saw = match scored.of(part, &ask) {
                None | Some(Outcome::Value { .. }) => continue,
                Some(Outcome::Refused(why)) => format!("it was refused with {why}"),
                Some(Outcome::Unusable(why)) => why.clone(),
            };
            let what = if ask == Ask::Oracle {
                "the answers themselves"
            } else {
                "proper predictions"
            };
            return vec![Finding::new(
                "scorer-runs",
                &format!(
                    "scored {what} on {} with nothing in reach but `public/`, answers and artifacts",
                    part.name()
                ),
                &saw,
                "The scorer must work from `public/` and its three folders alone and print one JSON object with the metric's name \
                 on its last line.",
            )];
        }
    }
    Vec::new()
}

/// More noise must be worse, the answers best, their reverse bad.
fn direction(scored: &Scored<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for part in Part::HIDDEN {
        let values: Option<Vec<f64>> = std::iter::once(Ask::Oracle)
            .chain((0..NOISE.len()).map(Ask::Noise))
            .map(|ask| scored.value(part, &ask))
            .collect();
        let Some(values) = values else { continue };
        let oracle = values[0];
        let last = values[values.len() - 1];
        let listed: Vec<String> = values.iter().map(|v| format!("{v:.4}")).collect();
        let did = format!(
            "scored the answers of {} themselves and with growing noise",
            part.name()
        );
        if scored.better(last, oracle) {
            found.push(Finding::new(
                "direction",
                &did,
                &format!("the values {} get better in the declared direction", listed.join(", ")),
                "The direction is wrong way round, or the sign of the metric is; the search would look for the worst.",
            ));
        } else if !scored.better(oracle, last) {
            found.push(Finding::new(
                "direction",
                &did,
                &format!("the value stays {oracle}"),
                "The metric does not look at the predictions.",
            ));
        } else if let Some(at) =
            (1..values.len()).find(|k| scored.better(values[*k], values[k - 1]))
        {
            found.push(Finding::new(
                "monotone",
                &did,
                &format!("the values {} get better at step {at}", listed.join(", ")),
                "A worse prediction must not get a better score; errors cancel, are clipped or are left out.",
            ));
        }
        if !found.is_empty() {
            return found;
        }
    }
    let part = Part::Search;
    let oracle = scored.value(part, &Ask::Oracle);
    for (ask, name) in [
        (Ask::Constant, "the best constant"),
        (Ask::Anti, "the answers reversed"),
    ] {
        if let (Some(oracle), Some(value)) = (oracle, scored.value(part, &ask))
            && !scored.better(oracle, value)
        {
            found.push(Finding::new(
                "oracle",
                &format!("scored {name} and the answers themselves"),
                &format!("{value} is no worse than {oracle}"),
                "Nothing may be as good as the answers; the metric compares with something else.",
            ));
        }
    }
    let optimum = match scored.contract.metric.formula() {
        Some(Formula::R2 | Formula::Accuracy | Formula::F1Macro | Formula::Auc) => {
            Some(if scored.contract.metric.is_percent() {
                100.0
            } else {
                1.0
            })
        }
        Some(_) => Some(0.0),
        None => None,
    };
    if let (Some(optimum), Some(oracle)) = (optimum, oracle)
        && (oracle - optimum).abs() > 1e-4
    {
        found.push(Finding::new(
            "oracle",
            "scored the answers themselves",
            &format!("the value is {oracle}, the best possible is {optimum}"),
            "Predictions are matched with the wrong answers, or the formula is another one.",
        ));
    }
    found
}

/// What can't be scored must not get a value.
fn refusals(scored: &Scored<'_>) -> Vec<Finding> {
    let mut accepted = Vec::new();
    for (probe, outcome) in scored.probes.iter().zip(scored.outcomes) {
        let Ask::Refuse(why) = &probe.ask else {
            continue;
        };
        match outcome {
            Outcome::Refused(_) => {}
            Outcome::Value { value, .. } => accepted.push(format!("{why}: {value}")),
            Outcome::Unusable(said) => accepted.push(format!("{why}: ended well, but {said}")),
        }
    }
    accepted.dedup();
    if accepted.is_empty() {
        return Vec::new();
    }
    let proper = scored.value(Part::Search, &Ask::Noise(1));
    let proper = proper.map_or(String::new(), |v| {
        format!("; without the fault the value is {v}")
    });
    vec![Finding::new(
        "refusals",
        "scored predictions that can't be scored",
        &format!("accepted although {}{proper}", accepted.join("; although ")),
        "Refuse with exit code 3: a candidate gets a better score, or one over another denominator, by leaving out \
         what is hard.",
    )]
}

/// What must not matter.
fn invariance(scored: &Scored<'_>) -> Vec<Finding> {
    let part = Part::Search;
    let Some(proper) = scored.value(part, &Ask::Noise(1)) else {
        return Vec::new();
    };
    let known = scored.contract.metric.formula().is_some();
    let cases = [
        (
            Ask::Reordered,
            true,
            "row-alignment",
            "scored the same predictions in another order",
            "Predictions are matched by position; join them by row_id.",
        ),
        (
            Ask::AnswersReordered,
            known,
            "row-alignment",
            "scored the same predictions against the same answers in another order",
            "Answers are matched by position; join them by row_id.",
        ),
        (
            Ask::Planted,
            true,
            "planted",
            "put files with scores and answers among the artifacts",
            "The scorer reads what the candidate wrote beside predictions.csv; it must not.",
        ),
    ];
    let mut found = Vec::new();
    for (ask, applies, check, did, means) in cases {
        let saw = match scored.of(part, &ask) {
            Some(Outcome::Value { value, .. }) if !same(*value, proper) => {
                format!("the value went from {proper} to {value}")
            }
            Some(Outcome::Refused(why)) => format!("it was refused with {why}"),
            Some(Outcome::Unusable(why)) => why.clone(),
            _ => continue,
        };
        if applies {
            found.push(Finding::new(check, did, &saw, means));
        }
    }
    // Refusing a column too many is as good as ignoring it.
    let believed = scored
        .probes
        .iter()
        .zip(scored.outcomes)
        .find_map(|(probe, outcome)| match (&probe.ask, outcome.value()) {
            (Ask::PlantedColumn(name), Some(value)) if !same(value, proper) => Some((name, value)),
            _ => None,
        });
    if let Some((name, value)) = believed {
        found.push(Finding::new(
            "planted",
            &format!("added a column `{}` to the predictions", short(name)),
            &format!("the value went from {proper} to {value}"),
            "The scorer takes answers or weights from the candidate; read row_id and the prediction only.",
        ));
    }
    found
}

/// `n` must be the number of answers.
fn counts(scored: &Scored<'_>) -> Vec<Finding> {
    for (probe, outcome) in scored.probes.iter().zip(scored.outcomes) {
        let Outcome::Value { n, .. } = outcome else {
            continue;
        };
        if matches!(probe.ask, Ask::Refuse(_)) {
            continue;
        }
        let answers = scored.answers[&probe.part].len();
        if n.is_none_or(|n| (n - answers as f64).abs() > 0.0) {
            let saw = n.map_or_else(
                || "it prints no `n`".to_owned(),
                |n| format!("`n` is {n} for {answers} answers"),
            );
            return vec![Finding::new(
                "count",
                &format!(
                    "compared `n` with the number of answers of {}",
                    probe.part.name()
                ),
                &saw,
                "Some rows are left out of the score, or counted twice; every answer counts once.",
            )];
        }
    }
    Vec::new()
}

/// Where no formula is known: the first and the last row must count like the
/// others.
fn every_row(scored: &Scored<'_>) -> Vec<Finding> {
    if scored.contract.metric.formula().is_some() {
        return Vec::new();
    }
    let part = Part::Search;
    let Some(oracle) = scored.value(part, &Ask::Oracle) else {
        return Vec::new();
    };
    let mut counted = Vec::new();
    for (probe, outcome) in scored.probes.iter().zip(scored.outcomes) {
        if let (Ask::OneOff(row), Some(value)) = (&probe.ask, outcome.value()) {
            counted.push((*row, scored.better(oracle, value)));
        }
    }
    // A median does not see one row at all.
    let some = counted.iter().filter(|(_, c)| *c).count() >= 2;
    let ignored: Vec<String> = counted
        .iter()
        .filter(|(_, c)| !c)
        .map(|(r, _)| r.to_string())
        .collect();
    if !some || ignored.is_empty() {
        return Vec::new();
    }
    vec![Finding::new(
        "ignored-rows",
        "made one prediction far off and all others right",
        &format!(
            "the value stays that of the answers for row {}",
            ignored.join(", ")
        ),
        "Rows are left out of the score: a slice that begins or ends too early, or a filter.",
    )]
}
