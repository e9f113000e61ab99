//! The report's part on where candidates come from: the tree of what goes on
//! from what, and what the winners' changes are worth.

use std::collections::BTreeMap;
use std::fmt::Write;

use protocol::Split;

use super::markdown::{number, plain};
use crate::core::ids::ExperimentId;
use crate::core::state::{Experiment, State};

/// Levels of the tree that are indented.
const DEEPEST: usize = 12;

/// Writes both; nothing where there is neither.
pub(super) fn write(out: &mut String, state: &State) -> std::fmt::Result {
    ablations(out, state)?;
    let mut children: BTreeMap<ExperimentId, Vec<ExperimentId>> = BTreeMap::new();
    for e in state.experiments.values() {
        if let Some(parent) = e.parent {
            children.entry(parent).or_default().push(e.id);
        }
    }
    if children.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## Lineage\n\nEach candidate below the one it goes on from, with what it changes there.\n"
    )?;
    // A parent is older than its children, so that there is no circle.
    let roots = children.keys().rev();
    let roots = roots.filter_map(|id| state.experiments.get(id));
    let mut open: Vec<(ExperimentId, usize)> = roots
        .filter(|e| e.parent.is_none())
        .map(|e| (e.id, 0))
        .collect();
    while let Some((id, depth)) = open.pop() {
        let Some(e) = state.experiments.get(&id) else {
            continue;
        };
        line(out, e, depth)?;
        let below = children.get(&id).into_iter().flatten();
        open.extend(below.rev().map(|id| (*id, depth + 1)));
    }
    writeln!(out)
}

fn line(out: &mut String, e: &Experiment, depth: usize) -> std::fmt::Result {
    let result = match e.last(Split::Search) {
        None => e.state.word().to_owned(),
        Some(attempt) => {
            let score = &attempt.measurement.score;
            score.verified().map_or_else(
                || score.verdict.word().to_owned(),
                |value| number(value, score.ci),
            )
        }
    };
    let result = match e.demoted() {
        Some(_) => format!("{result}, demoted"),
        None => result,
    };
    let change = e.change.as_ref().map(|change| plain(&change.text()));
    let change = change.map_or_else(String::new, |change| format!("; {change}"));
    let again = e
        .replicates
        .map_or_else(String::new, |id| format!(", {id} again"));
    writeln!(
        out,
        "{}- {} on {}, {}{again}: {result}{change}",
        "  ".repeat(depth.min(DEEPEST)),
        e.id,
        plain(&e.task),
        e.kind.word(),
    )
}

fn ablations(out: &mut String, state: &State) -> std::fmt::Result {
    if state.ablations.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## What the winners' changes are worth\n\nOne parameter of the winner at its default, all else as it is. \
         The factor is the metric with the change over the metric without it, with its 95% interval: the \
         winner as it was measured again (split `select`, or `search` where it was not), the other on \
         `search`.\n\n\
         | task | winner | changed | undone to | with it | without it | factor | experiment |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for plan in &state.ablations {
        let winner = plan.of.and_then(|id| state.experiments.get(&id));
        let with = winner.and_then(|e| state.fair_score(e));
        let with = with.and_then(|(score, _)| Some(number(score.verified()?, score.ci)));
        for undone in &plan.undone {
            let without = state.experiments.get(&undone.experiment);
            let factor = plan.of.and_then(|of| state.worth(of, undone.experiment));
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                plain(&plan.task),
                plan.of.map_or_else(|| "-".to_owned(), |id| id.to_string()),
                plain(&undone.param),
                plain(&undone.value.to_string()),
                with.as_deref().unwrap_or("-"),
                without.map_or_else(
                    || "-".to_owned(),
                    |e| super::markdown::score(e, Split::Search)
                ),
                factor.map_or_else(|| "-".to_owned(), |f| number(f.ratio, f.ci)),
                undone.experiment,
            )?;
        }
        if plan.undone.is_empty() {
            writeln!(
                out,
                "| {} | {} | nothing that a parameter could undo | | | | | |",
                plain(&plan.task),
                plan.of.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            )?;
        }
    }
    writeln!(out)
}
