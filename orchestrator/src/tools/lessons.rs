//! What agents are told of the playbook, as JSON.

use serde_json::{Value, json};

use super::args::ReadPlaybook;
use crate::core::playbook::{Lesson, Loser, Origin, Relevance, lessons, select};
use crate::core::state::State;
use crate::model::estimate::text_tokens;

/// Tokens of the lessons that an agent is told without asking, at most, as they
/// are estimated.
pub const TOLD_TOKENS: u64 = 4_000;
/// Entries of one page.
const PAGE: usize = 40;

/// One lesson. `origin` is there where it was measured in another campaign.
fn lesson(state: &State, lesson: &Lesson<'_>) -> Value {
    let entry = lesson.entry;
    let origin = entry.prior.as_ref().map(|prior| {
        json!({
            "campaign": state.carried.as_ref().map(Origin::short),
            "name": state.carried.as_ref().map(|origin| &origin.name),
            "effect": prior.effect,
            "campaigns_ago": prior.age,
            "measured_again": lesson.age == 0,
        })
    });
    let loser = lesson.loser.map(|loser| match loser {
        Loser::With => "with",
        Loser::Without => "without",
    });
    json!({
        "entry": lesson.number,
        "claim": entry.claim,
        "scope": entry.scope,
        "comparison": entry.comparison,
        "do": entry.do_,
        "do_not": lesson.do_not(),
        "effect": lesson.effect,
        "loser": loser,
        "confidence": lesson.confidence,
        "supporting": lesson.supporting.len(),
        "contradicting": lesson.contradicting.len(),
        "origin": origin,
    })
}

/// The lessons worth most for work on `task`, or for whoever decides between
/// tasks, and how many there are beside them.
pub(super) fn told(state: &State, task: Option<&str>) -> (Vec<Value>, usize) {
    let all = lessons(state);
    let relevance = task.map_or(Relevance::Open, Relevance::Task);
    let cost = |one: &Lesson<'_>| text_tokens(&lesson(state, one).to_string());
    let selection = select(state, &all, relevance, TOLD_TOKENS, cost);
    let shown = selection.shown.iter();
    (
        shown.map(|one| lesson(state, one)).collect(),
        selection.left_out,
    )
}

/// A page of all lessons that are not retired.
pub(super) fn page(state: &State, wanted: &ReadPlaybook) -> Value {
    let all = lessons(state);
    let on_task = |lesson: &&Lesson<'_>| {
        let tasks = &lesson.entry.scope.tasks;
        wanted.task.as_ref().is_none_or(|task| tasks.contains(task))
    };
    let from = wanted.from.unwrap_or(1) as usize;
    let mut rest = all
        .iter()
        .filter(|lesson| !lesson.retired && lesson.number >= from)
        .filter(on_task);
    let page: Vec<Value> = rest
        .by_ref()
        .take(PAGE)
        .map(|one| lesson(state, one))
        .collect();
    json!({
        "entries": page,
        "next": rest.next().map(|lesson| lesson.number),
        "retired": all.iter().filter(|lesson| lesson.retired).count(),
    })
}
