//! Which metric an evaluation has, and how it is computed.

use protocol::Direction::{self, Maximise, Minimise};

use super::python::{Value, program};
use super::{Brief, Undesignable};
use crate::explore::TaskKind;

/// What predictions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Numbers,
    Classes,
    Probabilities,
}

/// The unit of a metric's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Target,
    TargetSquared,
    Pure,
    Nats,
}

/// A metric that scorers can be written for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    name: &'static str,
    /// Other names, without anything but small letters and digits.
    aliases: &'static [&'static str],
    direction: Direction,
    /// Whether the contract knows its formula.
    formula: bool,
    takes: Takes,
    unit: Unit,
    code: &'static str,
}

macro_rules! metrics {
    ($($name:literal $aliases:expr, $direction:ident, $formula:literal, $takes:ident, $unit:ident;)+) => {
        [$(Known {
            name: $name,
            aliases: &$aliases,
            direction: $direction,
            formula: $formula,
            takes: Takes::$takes,
            unit: Unit::$unit,
            code: include_str!(concat!("python/metrics/", $name, ".py")),
        }),+]
    };
}

const KNOWN: [Known; 14] = metrics![
    "rmse" ["rootmeansquarederror"], Minimise, true, Numbers, Target;
    "mae" ["meanabsoluteerror"], Minimise, true, Numbers, Target;
    "mse" ["meansquarederror"], Minimise, false, Numbers, TargetSquared;
    "mape" ["meanabsolutepercentageerror"], Minimise, true, Numbers, Pure;
    "smape" [], Minimise, true, Numbers, Pure;
    "rmsle" [], Minimise, false, Numbers, Pure;
    "r2" ["rsquared", "r2score"], Maximise, true, Numbers, Pure;
    "mase" [], Minimise, true, Numbers, Pure;
    "accuracy" ["acc"], Maximise, true, Classes, Pure;
    "error_rate" ["errorrate"], Minimise, false, Classes, Pure;
    "balanced_accuracy" ["balancedaccuracy"], Maximise, false, Classes, Pure;
    "f1_macro" ["f1macro", "macrof1", "f1"], Maximise, true, Classes, Pure;
    "logloss" ["crossentropy"], Minimise, true, Probabilities, Nats;
    "auc" ["rocauc", "auroc"], Maximise, true, Probabilities, Pure;
];

const SCORE: &str = include_str!("python/score.py");
const NUMBER: &str = include_str!("python/score_number.py");
const NUMBERS: &str = include_str!("python/score_numbers.py");
const CLASSES: &str = include_str!("python/score_classes.py");
const PROBABILITIES: &str = include_str!("python/score_probabilities.py");

/// What places in running text are scored by, unless a measure of classes is
/// asked for.
const OF_TEXT: &str = "logloss";

/// The metric of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    known: Known,
    /// Its unit.
    pub(super) unit: String,
}

/// The metric that is asked for, or guessed, or usual.
pub(super) fn choose(brief: &Brief<'_>, classes: bool) -> Result<Choice, Undesignable> {
    let guessed = brief.findings.guess.metric.as_ref();
    let asked = brief
        .metric
        .map(|m| m.formula.as_deref().unwrap_or(&m.name))
        .or(guessed.map(|m| m.name.as_str()));
    let running = brief.findings.guess.kind == TaskKind::LanguageModelling;
    let usual = match (running, classes) {
        (true, _) => OF_TEXT,
        (false, true) => "accuracy",
        (false, false) => "rmse",
    };
    let fits = |known: &&Known| (known.takes != Takes::Numbers) == classes;
    // What counts every byte of running text has no value at places of it.
    let asked = asked.filter(|name| !running || find(name).as_ref().is_some_and(fits));
    let name = asked.unwrap_or(usual);
    let Some(known) = find(name) else {
        let names = KNOWN.iter().filter(fits).map(|k| k.name);
        let names: Vec<&str> = names.collect();
        return Err(Undesignable::new(
            format!("there is no scorer for the metric `{name}`"),
            format!("choose one of {}", names.join(", ")),
        ));
    };
    if !fits(&known) {
        let what = if classes { "classes" } else { "amounts" };
        return Err(Undesignable::new(
            format!("the task is to predict {what}, which `{name}` can't score"),
            format!("choose another metric, for example {usual}"),
        ));
    }
    defined(brief, known)?;
    let asked = brief.metric.map_or("", |m| m.unit.trim());
    let plain = if asked.is_empty() { "1" } else { asked };
    let percent = asked.starts_with('%') || asked.eq_ignore_ascii_case("percent");
    let unit = match known.unit {
        Unit::Target => plain.to_owned(),
        // A unit that speaks of the square already is one.
        Unit::TargetSquared if plain.contains(['²', '^']) => plain.to_owned(),
        Unit::TargetSquared => format!("({plain})^2"),
        Unit::Pure if percent && known.formula => "%".to_owned(),
        Unit::Pure => "1".to_owned(),
        Unit::Nats => "nats".to_owned(),
    };
    Ok(Choice {
        known: *known,
        unit,
    })
}

/// Whether the metric has a value for every target there is.
fn defined(brief: &Brief<'_>, known: &Known) -> Result<(), Undesignable> {
    let guess = &brief.findings.guess;
    let least = |name: &String| brief.statistics?.columns.get(name)?.min;
    let least = guess.targets.iter().filter_map(least);
    let least = least.fold(f64::INFINITY, f64::min);
    let (bad, instead) = match known.name {
        "mape" => (least <= 0.0, "smape or mae"),
        "rmsle" => (least < 0.0, "rmse"),
        _ => (false, ""),
    };
    if bad {
        return Err(Undesignable::new(
            format!("`{}` has no value for a target of {least}", known.name),
            format!("choose {instead}"),
        ));
    }
    Ok(())
}

/// The name under which evaluations have a metric, whatever an objective calls
/// it; none for one that no scorer can be written for.
pub fn canonical(name: &str) -> Option<&'static str> {
    find(name).map(|known| known.name)
}

fn find(name: &str) -> Option<&'static Known> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    KNOWN
        .iter()
        .find(|k| k.name.replace('_', "") == plain || k.aliases.contains(&plain.as_str()))
}

impl Choice {
    /// Its name, also the key in what the scorer prints.
    pub(super) fn name(&self) -> &'static str {
        self.known.name
    }

    /// `minimise` or `maximise`.
    pub(super) fn direction_word(&self) -> &'static str {
        match self.known.direction {
            Minimise => "minimise",
            Maximise => "maximise",
        }
    }

    /// The contract's name for its formula.
    pub(super) fn formula(&self) -> Option<&'static str> {
        self.known.formula.then_some(self.known.name)
    }

    /// Whether it is relative to a naive forecast.
    pub(super) fn is_scaled(&self) -> bool {
        self.known.name == "mase"
    }

    /// `score.py`.
    pub(super) fn script(&self, target: &str) -> String {
        let (end, about) = match self.known.takes {
            Takes::Numbers => (&[NUMBER, NUMBERS][..], "A prediction is a number."),
            Takes::Classes => (&[CLASSES][..], "A prediction is a class."),
            Takes::Probabilities => (
                &[NUMBER, PROBABILITIES][..],
                "A prediction is a probability for each class, in columns called p_<class>.",
            ),
        };
        let factor = if self.unit == "%" { 100 } else { 1 };
        program(
            &format!(
                "Compares predictions with the hidden answers, row by row, and prints {}.\n\n{about} \
                 What is incomplete or no prediction at all is refused.",
                self.name()
            ),
            &[
                (
                    "METRIC",
                    Value::Text(self.name().to_owned()),
                    "Key of the value in what is printed.",
                ),
                (
                    "FACTOR",
                    Value::Number(factor),
                    "100 if the unit is hundredths.",
                ),
                (
                    "TARGET",
                    Value::Text(target.to_owned()),
                    "Column of the answers.",
                ),
            ],
            &[&["\n\n", self.known.code, SCORE][..], end].concat(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn what_objectives_say_has_one_name_here() {
        for (said, name) in [
            ("roc_auc", "auc"),
            ("log_loss", "logloss"),
            ("f1", "f1_macro"),
            ("RMSE", "rmse"),
        ] {
            assert_eq!(canonical(said), Some(name));
        }
        assert_eq!(canonical("speedup"), None);
    }
}
