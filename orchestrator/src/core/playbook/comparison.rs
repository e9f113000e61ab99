//! What an entry compares, read from the candidates and not from its words,
//! and every pair of measurements that compares the same.

use std::collections::BTreeMap;

use protocol::{Candidate, Split};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::{Effect, Number, ratio};
use super::{Entry, Evidence};
use crate::core::event::Score;
use crate::core::state::State;

/// Two measurements whose ratio is an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// With the technique.
    pub with: Evidence,
    /// Without it; the baseline, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<Evidence>,
}

/// What is compared with what. Two entries with the same comparison are about
/// the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparison {
    /// The best of a template with the baseline.
    Baseline {
        /// The template.
        template: String,
    },
    /// The best of one template with the best of another.
    Template {
        /// The one.
        with: String,
        /// The other.
        without: String,
    },
    /// One value of a parameter with another one, all else equal.
    Parameter {
        /// The template.
        template: String,
        /// The parameter.
        parameter: String,
        /// The one value; null where it was left out.
        with: Value,
        /// The other value; null where it was left out.
        without: Value,
    },
}

impl Comparison {
    /// The same with both sides changed for each other; none against the
    /// baseline.
    pub(super) fn reversed(&self) -> Option<Self> {
        match self {
            Self::Baseline { .. } => None,
            Self::Template { with, without } => Some(Self::Template {
                with: without.clone(),
                without: with.clone(),
            }),
            Self::Parameter {
                template,
                parameter,
                with,
                without,
            } => Some(Self::Parameter {
                template: template.clone(),
                parameter: parameter.clone(),
                with: without.clone(),
                without: with.clone(),
            }),
        }
    }

    /// What two measurements of one task compare, if it is one thing.
    pub(super) fn of(with: &Look<'_>, without: Option<&Look<'_>>) -> Option<Self> {
        let template = with.template.to_owned();
        let Some(without) = without else {
            return Some(Self::Baseline { template });
        };
        if with.template != without.template {
            return Some(Self::Template {
                with: template,
                without: without.template.to_owned(),
            });
        }
        let mut names: Vec<&String> = with.params.keys().chain(without.params.keys()).collect();
        names.sort();
        names.dedup();
        let mut differing = names
            .into_iter()
            .filter(|name| with.value(name) != without.value(name));
        match (differing.next(), differing.next()) {
            (Some(parameter), None) => Some(Self::Parameter {
                template,
                parameter: parameter.clone(),
                with: with.value(parameter).clone(),
                without: without.value(parameter).clone(),
            }),
            _ => None,
        }
    }
}

/// One verified measurement of a template's point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub evidence: Evidence,
    pub template: &'a str,
    pub params: &'a BTreeMap<String, Value>,
    pub number: Number,
}

impl Look<'_> {
    /// A parameter's value; null stands for the lab's own.
    fn value(&self, name: &str) -> &Value {
        self.params.get(name).unwrap_or(&Value::Null)
    }

    /// All but one parameter, as a key.
    fn rest(&self, name: &str) -> String {
        let rest = self.params.iter().filter(|(known, _)| *known != name);
        let rest: BTreeMap<&String, &Value> = rest.collect();
        // Texts as keys: a map of them is always JSON.
        serde_json::to_string(&rest).unwrap_or_default()
    }
}

/// An effect with the measurements behind it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub effect: Effect,
    pub evidence: Vec<Evidence>,
}

impl Seen {
    /// Whether all of it are full evaluations.
    pub(super) fn is_evaluated(&self) -> bool {
        let mut evidence = self.evidence.iter();
        evidence.all(|evidence| matches!(evidence, Evidence::Experiment(_)))
    }
}

/// The measurement under a name: its task and, where the candidate came of a
/// template, the point.
pub(super) fn find(state: &State, evidence: Evidence) -> Option<(&str, &Candidate, Number)> {
    let number = |score: &Score| {
        Some(Number {
            value: score.verified()?,
            ci: score.ci,
        })
    };
    match evidence {
        Evidence::Experiment(id) => {
            let experiment = state.experiments.get(&id)?;
            // What was demoted is no evidence.
            if experiment.demoted().is_some() {
                return None;
            }
            let attempt = experiment.last(Split::Search)?;
            let (candidate, _) = experiment.candidate.as_ref()?;
            let number = number(&attempt.measurement.score)?;
            Some((&experiment.task, candidate, number))
        }
        Evidence::Try(id) => {
            let look = state.tries.get(&id)?;
            Some((&look.task, &look.candidate, number(&look.score)?))
        }
    }
}

/// The point that was measured under a name, if a template's.
pub(super) fn look(state: &State, evidence: Evidence) -> Option<Look<'_>> {
    let (_, candidate, number) = find(state, evidence)?;
    let Candidate::Template { template, params } = candidate else {
        return None;
    };
    number.is_positive().then_some(Look {
        evidence,
        template,
        params,
        number,
    })
}

/// What the baseline is, as a number that everybody agrees on.
pub(super) fn baseline(state: &State) -> Option<Number> {
    let value = state.baseline()?;
    Some(Number {
        value,
        ci: Some(protocol::Interval(value, value)),
    })
}

/// Verified points of templates on one task: full evaluations, quick looks.
type OnTask<'a> = [Vec<Look<'a>>; 2];

/// Verified points of templates, by task.
#[derive(Debug)]
pub(super) struct Measured<'a> {
    state: &'a State,
    tasks: BTreeMap<&'a str, OnTask<'a>>,
}

impl<'a> Measured<'a> {
    /// On the tasks that entries speak of.
    pub(super) fn of(state: &'a State, entries: &'a [Entry]) -> Self {
        let named = entries.iter().flat_map(|entry| &entry.scope.tasks);
        let mut tasks: BTreeMap<&str, OnTask<'_>> = named
            .map(|task| (task.as_str(), OnTask::default()))
            .collect();
        if tasks.is_empty() {
            return Self { state, tasks };
        }
        let experiments = state.experiments.values();
        let experiments = experiments.map(|e| (0, e.task.as_str(), Evidence::Experiment(e.id)));
        let tries = state.tries.values();
        let tries = tries.map(|t| (1, t.task.as_str(), Evidence::Try(t.id)));
        for (kind, task, evidence) in experiments.chain(tries) {
            if let Some(on_task) = tasks.get_mut(task) {
                on_task[kind].extend(look(state, evidence));
            }
        }
        Self { state, tasks }
    }
}

/// Everything that compares the same on these tasks, from the whole campaign:
/// nobody chooses what counts. Quick looks are only compared with quick looks.
pub(super) fn matching(
    measured: &Measured<'_>,
    comparison: &Comparison,
    tasks: &[String],
) -> Vec<Seen> {
    let state = measured.state;
    let mut seen = Vec::new();
    for task in tasks {
        let Some(kinds) = measured.tasks.get(task.as_str()) else {
            continue;
        };
        match comparison {
            Comparison::Baseline { template } => {
                let best = kinds.iter().find_map(|k| best(state, k, template));
                seen.extend(best.zip(baseline(state)).and_then(|(best, baseline)| {
                    Some(Seen {
                        effect: ratio(best.number, baseline)?,
                        evidence: vec![best.evidence],
                    })
                }));
            }
            Comparison::Template { with, without } => {
                let both = |kind| {
                    let sides = (best(state, kind, with)?, best(state, kind, without)?);
                    ratio(sides.0.number, sides.1.number).map(|effect| Seen {
                        effect,
                        evidence: vec![sides.0.evidence, sides.1.evidence],
                    })
                };
                let both = kinds.iter().find_map(|kind| both(kind));
                seen.extend(both);
            }
            Comparison::Parameter {
                template,
                parameter,
                with,
                without,
            } => {
                for kind in kinds {
                    let of_template = kind.iter().filter(|look| look.template == template);
                    seen.extend(blocks(of_template, parameter, with, without));
                }
            }
        }
    }
    seen
}

fn best<'a, 'b>(state: &State, looks: &'b [Look<'a>], template: &str) -> Option<&'b Look<'a>> {
    let of_template = looks.iter().filter(|look| look.template == template);
    of_template.reduce(|a, b| {
        if state.better(b.number.value, a.number.value) {
            b
        } else {
            a
        }
    })
}

/// One effect for each setting of the other parameters: the mean of one value
/// against the mean of the other. So no measurement counts twice.
fn blocks<'a>(
    looks: impl Iterator<Item = &'a Look<'a>>,
    parameter: &str,
    with: &Value,
    without: &Value,
) -> Vec<Seen> {
    type Side<'a> = Vec<&'a Look<'a>>;
    let mut blocks: BTreeMap<String, (Side<'a>, Side<'a>)> = BTreeMap::new();
    for look in looks {
        let value = look.value(parameter);
        if value == with {
            blocks.entry(look.rest(parameter)).or_default().0.push(look);
        } else if value == without {
            blocks.entry(look.rest(parameter)).or_default().1.push(look);
        }
    }
    let mean = |side: &Side<'_>| {
        let numbers: Vec<Number> = side.iter().map(|look| look.number).collect();
        Number::mean(&numbers)
    };
    let seen = blocks.into_values().filter_map(|(with, without)| {
        let effect = ratio(mean(&with)?, mean(&without)?)?;
        let evidence = with.iter().chain(&without).map(|look| look.evidence);
        Some(Seen {
            effect,
            evidence: evidence.collect(),
        })
    });
    seen.collect()
}

/// The effects of pairs that somebody named.
pub(super) fn named(state: &State, pairs: &[Pair]) -> Vec<Seen> {
    let effect = |pair: &Pair| {
        let (_, _, with) = find(state, pair.with)?;
        let without = match pair.without {
            Some(evidence) => find(state, evidence)?.2,
            None => baseline(state)?,
        };
        ratio(with, without)
    };
    let seen = pairs.iter().filter_map(|pair| {
        let evidence = [Some(pair.with), pair.without];
        Some(Seen {
            effect: effect(pair)?,
            evidence: evidence.into_iter().flatten().collect(),
        })
    });
    seen.collect()
}
