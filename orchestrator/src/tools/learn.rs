//! Turning an agent's claims into playbook entries: the numbers are ours.

use protocol::{Interval, Split};
use serde_json::json;

use super::Reply;
use super::args::{Compare, PlaybookClaim};
use crate::core::event::{Event, Score};
use crate::core::ids::AgentId;
use crate::core::playbook::{Effect, Entry, Evidence, Number, confidence, pool, ratio};
use crate::core::state::State;

/// Most entries one call may add.
const MAX_ENTRIES: usize = 32;

pub(super) fn add(state: &State, by: AgentId, claims: Vec<PlaybookClaim>) -> Result<Reply, Reply> {
    if claims.len() > MAX_ENTRIES {
        return Err(Reply::failed(format!(
            "at most {MAX_ENTRIES} entries at once"
        )));
    }
    let entries = claims
        .into_iter()
        .map(|claim| entry(state, by, claim))
        .collect::<Result<Vec<_>, _>>()?;
    let shown: Vec<_> = entries
        .iter()
        .map(|e| json!({ "claim": e.claim, "effect": e.effect, "confidence": e.confidence }))
        .collect();
    Ok(Reply {
        events: entries
            .into_iter()
            .map(|entry| Event::PlaybookEntryAdded {
                entry: Box::new(entry),
            })
            .collect(),
        ..Reply::ok(json!({ "added": shown }))
    })
}

fn entry(state: &State, by: AgentId, claim: PlaybookClaim) -> Result<Entry, Reply> {
    let mut effects = Vec::new();
    for pair in &claim.compare {
        effects.push((pair, effect(state, *pair)?));
    }
    let sizes: Vec<Effect> = effects.iter().map(|(_, effect)| *effect).collect();
    let pooled = pool(&sizes);
    // A pair whose effect clearly points the other way contradicts the claim.
    let against = |effect: &Effect| {
        let (Some(pooled), Some(ci)) = (pooled, effect.ci) else {
            return false;
        };
        if pooled.ratio >= 1.0 {
            ci.hi() < 1.0
        } else {
            ci.lo() > 1.0
        }
    };
    let mut supporting = Vec::new();
    let mut contradicting = Vec::new();
    let mut evaluated = true;
    for (pair, effect) in &effects {
        let side = if against(effect) {
            &mut contradicting
        } else {
            &mut supporting
        };
        for evidence in [Some(pair.with), pair.without].into_iter().flatten() {
            evaluated &= matches!(evidence, Evidence::Experiment(_));
            if !side.contains(&evidence) {
                side.push(evidence);
            }
        }
    }
    let confidence = confidence(pooled, evaluated, !contradicting.is_empty());
    Ok(Entry {
        claim: claim.claim,
        scope: claim.scope,
        do_: claim.do_,
        do_not: claim.do_not,
        effect: pooled,
        supporting,
        contradicting,
        confidence,
        by,
    })
}

fn effect(state: &State, pair: Compare) -> Result<Effect, Reply> {
    let with = number(state, pair.with)?;
    let without = if let Some(evidence) = pair.without {
        number(state, evidence)?
    } else {
        let value = state
            .baseline()
            .ok_or_else(|| Reply::failed("the baseline was not measured: name what to compare"))?;
        Number {
            value,
            ci: Some(Interval(value, value)),
        }
    };
    ratio(with, without).ok_or_else(|| Reply::failed("a ratio needs two positive numbers"))
}

fn number(state: &State, evidence: Evidence) -> Result<Number, Reply> {
    let score: Option<&Score> = match evidence {
        Evidence::Experiment(id) => state
            .experiments
            .get(&id)
            // What was demoted is no evidence.
            .filter(|e| e.demoted().is_none())
            .and_then(|e| e.last(Split::Search))
            .map(|attempt| &attempt.measurement.score),
        Evidence::Try(id) => state.tries.get(&id).map(|look| &look.score),
    };
    score
        .and_then(|score| {
            Some(Number {
                value: score.verified()?,
                ci: score.ci,
            })
        })
        .ok_or_else(|| Reply::failed(format!("{evidence:?} has no verified number")))
}
