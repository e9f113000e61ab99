//! From an agent's words and the measurements it names to an entry.

use super::comparison::{Comparison, baseline, find, look};
use super::effect::{Effect, pool, ratio};
use super::lesson::written;
use super::{Confidence, Entry, Evidence, Pair, Scope};
use crate::core::ids::AgentId;
use crate::core::state::State;

/// What an agent says it has learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The claim, in a sentence.
    pub claim: String,
    /// Where it was seen; the tasks are taken from the measurements.
    pub scope: Scope,
    /// What to do next time.
    pub do_: String,
    /// What to leave next time.
    pub do_not: String,
    /// The measurements it rests on.
    pub pairs: Vec<Pair>,
}

/// Why a claim is no entry.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoEntry {
    /// A measurement without a number, or none at all.
    #[error("{0} has no verified number")]
    Unverified(Evidence),
    /// There is nothing to compare with.
    #[error("the baseline was not measured: name what to compare")]
    NoBaseline,
    /// What is not comparable.
    #[error("{0} and {1} are of different tasks")]
    OtherTask(Evidence, Evidence),
    /// What was not measured in the same way.
    #[error("{0} and {1}: compare two quick looks, or two full evaluations")]
    OtherKind(Evidence, Evidence),
    /// No logarithm.
    #[error("a ratio needs two positive numbers")]
    NotPositive,
    /// Chosen measurements.
    #[error(
        "the measurements you name say {:.3}, but all that compare the same say {:.3}: look at \
         those too, and word the claim after them", named.ratio, all.ratio
    )]
    Chosen {
        /// What the named ones say.
        named: Effect,
        /// What all of them say.
        all: Effect,
    },
}

/// The entry that `by` asks for, with the numbers of the log.
pub fn draft(state: &State, by: AgentId, claim: Claim) -> Result<Entry, NoEntry> {
    let mut effects = Vec::new();
    let mut tasks = Vec::new();
    let mut comparisons: Vec<Option<Comparison>> = Vec::new();
    for pair in &claim.pairs {
        let (task, effect) = measured(state, *pair)?;
        if !tasks.contains(&task) {
            tasks.push(task);
        }
        effects.push(effect);
        let with = look(state, pair.with);
        let without = pair.without.map(|evidence| look(state, evidence));
        comparisons.push(match (with, without) {
            (Some(with), None) => Comparison::of(&with, None),
            (Some(with), Some(Some(without))) => Comparison::of(&with, Some(&without)),
            (None, _) | (_, Some(None)) => None,
        });
    }
    tasks.sort();
    let first = comparisons.first().cloned().flatten();
    let comparison = first.filter(|first| comparisons.iter().all(|c| c.as_ref() == Some(first)));
    let technique = claim.scope.technique.or_else(|| {
        comparison.as_ref().map(|comparison| match comparison {
            Comparison::Baseline { template } | Comparison::Parameter { template, .. } => {
                template.clone()
            }
            Comparison::Template { with, .. } => with.clone(),
        })
    });
    let pairs = if comparison.is_some() {
        Vec::new()
    } else {
        claim.pairs
    };
    let entry = written(
        state,
        Entry {
            claim: claim.claim,
            scope: Scope { tasks, technique },
            do_: claim.do_,
            do_not: claim.do_not,
            effect: None,
            supporting: Vec::new(),
            contradicting: Vec::new(),
            confidence: Confidence::Low,
            by,
            comparison,
            pairs,
            prior: None,
        },
    );
    // What is known already is judged by all that is known of it.
    if state.known(&entry).is_none()
        && let (Some(named), Some(all)) = (pool(&effects), entry.effect)
        && named.is_clear()
        && all.contradicts(named.raises())
    {
        return Err(NoEntry::Chosen { named, all });
    }
    Ok(entry)
}

/// The task and the effect of a pair.
fn measured(state: &State, pair: Pair) -> Result<(String, Effect), NoEntry> {
    let of = |evidence| find(state, evidence).ok_or(NoEntry::Unverified(evidence));
    let (task, _, with) = of(pair.with)?;
    let without = match pair.without {
        None => baseline(state).ok_or(NoEntry::NoBaseline)?,
        Some(evidence) => {
            let (other, _, without) = of(evidence)?;
            if other != task {
                return Err(NoEntry::OtherTask(pair.with, evidence));
            }
            let same = std::mem::discriminant(&pair.with) == std::mem::discriminant(&evidence);
            if !same {
                return Err(NoEntry::OtherKind(pair.with, evidence));
            }
            without
        }
    };
    let effect = ratio(with, without).ok_or(NoEntry::NotPositive)?;
    Ok((task.to_owned(), effect))
}
