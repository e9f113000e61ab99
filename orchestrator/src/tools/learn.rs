//! Turning an agent's claims into playbook entries: the numbers are ours.

use serde_json::{Value, json};

use super::Reply;
use super::args::PlaybookClaim;
use crate::core::event::Event;
use crate::core::ids::AgentId;
use crate::core::playbook::{Claim, Entry, Pair, assess, draft};
use crate::core::state::State;

pub(super) fn add(state: &State, by: AgentId, claims: Vec<PlaybookClaim>) -> Result<Reply, Reply> {
    let mut written = Vec::new();
    for claim in claims {
        let wanted_not = !claim.do_not.is_empty();
        let entry =
            draft(state, by, wanted(claim)).map_err(|error| Reply::failed(error.to_string()))?;
        let shown = shown(state, &entry, wanted_not);
        written.push((entry, shown));
    }
    let (entries, shown): (Vec<Entry>, Vec<Value>) = written.into_iter().unzip();
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

fn wanted(claim: PlaybookClaim) -> Claim {
    let pairs = claim.compare.iter().map(|pair| Pair {
        with: pair.with,
        without: pair.without,
    });
    Claim {
        pairs: pairs.collect(),
        claim: claim.claim,
        scope: claim.scope,
        do_: claim.do_,
        do_not: claim.do_not,
    }
}

/// What the agent is told of its entry.
fn shown(state: &State, entry: &Entry, wanted_not: bool) -> Value {
    let mut shown = json!({
        "claim": entry.claim,
        "effect": entry.effect,
        "confidence": entry.confidence,
    });
    let known = state
        .known(entry)
        .map(|place| (place, &state.playbook[place]));
    if let Some((place, known)) = known {
        // How the entry that it is taken into stands before.
        let stands = assess(state, place + 1, known);
        shown["known_as"] = json!({
            "entry": place + 1,
            "claim": known.claim,
            "effect": stands.effect,
            "confidence": stands.confidence,
        });
    }
    if wanted_not && entry.do_not.is_empty() {
        shown["note"] = json!("do_not was left out: nothing was clearly measured to lose");
    }
    shown
}
