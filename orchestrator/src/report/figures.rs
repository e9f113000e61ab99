//! References to measured numbers, and what they come to.
//!
//! Whoever writes about a campaign names a number by its reference; the number
//! itself is put there from the log.

use std::collections::BTreeMap;

use protocol::{Interval, Split};

use super::markdown::number;
use crate::core::board::BoardState;
use crate::core::ids::ExperimentId;
use crate::core::playbook::{Number, assess, ratio};
use crate::core::rank::{self, Summary};
use crate::core::state::{Experiment, State};
use crate::exec::report_path;

/// A number with what it is a number of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    value: f64,
    ci: Option<Interval>,
    /// What stands behind the number, in Markdown.
    source: String,
}

impl Figure {
    /// As it is shown to people.
    pub(super) fn shown(&self) -> String {
        let whole = self.ci.is_none() && self.value.fract() == 0.0;
        let value = if whole {
            format!("{:.0}", self.value)
        } else {
            number(self.value, self.ci)
        };
        if self.source.is_empty() {
            value
        } else {
            format!("{value} ({})", self.source)
        }
    }
}

/// A measured number that can be referred to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// How.
    pub reference: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// Measured on which split.
    pub split: Split,
    /// The number.
    pub value: f64,
    /// Its 95% interval.
    pub ci: Option<Interval>,
}

/// Splits that are spoken of while a campaign goes on.
const SPLITS: [(Split, &str); 2] = [(Split::Search, "search"), (Split::Select, "select")];

/// Every measured number, by experiment.
pub fn references(state: &State) -> Vec<Reference> {
    let metric = state
        .settings
        .as_ref()
        .map_or("", |s| s.metric.name.as_str());
    let mut found = Vec::new();
    for e in state.experiments.values() {
        for (split, word) in SPLITS {
            if let Some((value, ci, _)) = measured(e, split) {
                found.push(Reference {
                    reference: format!("{}.{word}.{metric}", e.id),
                    experiment: e.id,
                    split,
                    value,
                    ci,
                });
            }
        }
    }
    found
}

fn measured(e: &Experiment, split: Split) -> Option<(f64, Option<Interval>, u32)> {
    let value = e.verified(split)?;
    let score = &e.last(split)?.measurement.score;
    Some((value, score.ci, score.n))
}

/// What a reference comes to, or why it comes to nothing.
pub(super) fn resolve(state: &State, reference: &str) -> Result<Figure, String> {
    let reference = reference.trim();
    if let Some((with, without)) = reference.split_once('/') {
        return compared(state, with.trim(), without.trim());
    }
    let parts: Vec<&str> = reference.split('.').collect();
    match parts.as_slice() {
        ["baseline"] => baseline(state),
        ["summary", which] => summary(&rank::leaderboard(state).summary, which),
        ["count", which] => counted(state, which),
        ["playbook", place] => learned(state, place),
        [experiment, split] => of_experiment(state, experiment, split),
        [experiment, split, metric] => of_metric(state, experiment, split, metric),
        _ => Err(
            "it is none of EXPERIMENT.search, EXPERIMENT.select, A / B, baseline, \
                  summary.WHICH, count.WHICH, playbook.NUMBER"
                .to_owned(),
        ),
    }
}

fn experiment<'a>(state: &'a State, name: &str) -> Result<&'a Experiment, String> {
    name.strip_prefix('e')
        .and_then(|digits| digits.parse().ok())
        .and_then(|id| state.experiments.get(&ExperimentId(id)))
        .ok_or_else(|| format!("there is no experiment `{name}`"))
}

fn of_metric(state: &State, name: &str, split: &str, metric: &str) -> Result<Figure, String> {
    let settings = state.settings.as_ref();
    let known = settings.map_or("", |s| s.metric.name.as_str());
    if metric == known {
        of_experiment(state, name, split)
    } else {
        Err(format!("nothing is measured as `{metric}`, but `{known}`"))
    }
}

fn of_experiment(state: &State, name: &str, split: &str) -> Result<Figure, String> {
    let e = experiment(state, name)?;
    let (split, word) = SPLITS
        .into_iter()
        .find(|(_, word)| *word == split)
        .ok_or_else(|| format!("`{split}` is no split to refer to: search, select"))?;
    if let Some(ruling) = e.demoted() {
        return Err(format!("{} was demoted: {}", e.id, ruling.reason));
    }
    let (value, ci, n) =
        measured(e, split).ok_or_else(|| format!("{} has no verified number on `{word}`", e.id))?;
    Ok(Figure {
        value,
        ci,
        source: format!("{}, {word}, n = {n}", link(e, split)),
    })
}

/// An experiment with a link to the report behind its number.
fn link(e: &Experiment, split: Split) -> String {
    let attempt = e.last(split).map_or(1, |attempt| attempt.number);
    let path = report_path(std::path::Path::new(&e.folder()), attempt);
    format!("[{}](../experiments/{})", e.id, path.display())
}

fn baseline(state: &State) -> Result<Figure, String> {
    let value = state
        .baseline()
        .ok_or_else(|| "the baseline was not measured".to_owned())?;
    Ok(Figure {
        value,
        ci: state.measured.as_ref().and_then(|measured| measured.ci),
        source: "the baseline".to_owned(),
    })
}

/// A ratio of two measured numbers, with its interval.
fn compared(state: &State, with: &str, without: &str) -> Result<Figure, String> {
    // What is shown is made from what was understood: the words of a reference
    // are an agent's.
    let number_of = |name: &str| {
        let parts: Vec<&str> = name.split('.').collect();
        let (figure, shown) = match parts.as_slice() {
            ["baseline"] => (baseline(state)?, "baseline".to_owned()),
            [experiment, split] => (
                of_experiment(state, experiment, split)?,
                format!("{experiment}.{split}"),
            ),
            [experiment, split, metric] => (
                of_metric(state, experiment, split, metric)?,
                format!("{experiment}.{split}"),
            ),
            _ => return Err("a side of `A / B` is EXPERIMENT.SPLIT or baseline".to_owned()),
        };
        let exact = (name == "baseline").then_some(Interval(figure.value, figure.value));
        let number = Number {
            value: figure.value,
            ci: figure.ci.or(exact),
        };
        Ok::<_, String>((number, shown))
    };
    let ((with, with_shown), (without, without_shown)) = (number_of(with)?, number_of(without)?);
    let effect =
        ratio(with, without).ok_or_else(|| "a ratio needs two positive numbers".to_owned())?;
    Ok(Figure {
        value: effect.ratio,
        ci: effect.ci,
        source: format!("{with_shown} over {without_shown}"),
    })
}

fn summary(of: &Summary, which: &str) -> Result<Figure, String> {
    let count = |n: usize| Some(n as f64);
    let known: BTreeMap<&str, Option<f64>> = BTreeMap::from([
        ("tasks", count(of.tasks)),
        ("attempted", count(of.attempted)),
        ("verified", count(of.verified)),
        ("won", of.won.and_then(count)),
        ("lost", of.lost.and_then(count)),
        ("geomean", of.geomean),
        ("geomean_apart", of.geomean_apart),
        ("geomean_deployed", of.geomean_deployed),
        ("mean", of.mean),
        ("median", of.median),
    ]);
    plain(&known, which)
}

fn counted(state: &State, which: &str) -> Result<Figure, String> {
    let count = |wanted: fn(&Experiment) -> bool| {
        let all = state.experiments.values();
        Some(all.filter(|e| wanted(e)).count() as f64)
    };
    let known = BTreeMap::from([
        ("experiments", count(|_| true)),
        ("measured", count(|e| e.last(Split::Search).is_some())),
        ("verified", count(|e| e.verified(Split::Search).is_some())),
        ("failed", count(|e| e.state == BoardState::Failed)),
        ("cancelled", count(|e| e.state == BoardState::Cancelled)),
        ("demoted", count(|e| e.demoted().is_some())),
        ("looks", Some(state.tries.len() as f64)),
    ]);
    plain(&known, which)
}

fn plain(known: &BTreeMap<&str, Option<f64>>, which: &str) -> Result<Figure, String> {
    let names = || known.keys().copied().collect::<Vec<_>>().join(", ");
    let value = known
        .get(which)
        .ok_or_else(|| format!("`{which}` is none of {}", names()))?
        .ok_or_else(|| format!("there is no `{which}` yet"))?;
    Ok(Figure {
        value,
        ci: None,
        source: String::new(),
    })
}

/// The effect of an entry of the playbook, counted from 1.
fn learned(state: &State, place: &str) -> Result<Figure, String> {
    let (number, entry) = place
        .parse::<usize>()
        .ok()
        .and_then(|number| Some((number, state.playbook.get(number.checked_sub(1)?)?)))
        .ok_or_else(|| format!("the playbook has {} entries", state.playbook.len()))?;
    let effect = assess(state, number, entry)
        .effect
        .ok_or_else(|| format!("the effect of entry {place} was not measured"))?;
    Ok(Figure {
        value: effect.ratio,
        ci: effect.ci,
        source: format!("playbook, entry {place}"),
    })
}
