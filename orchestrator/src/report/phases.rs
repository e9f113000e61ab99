//! The report's part on phases 0 to 2: how the evaluation came to be.

use std::fmt::Write;

use super::markdown::{number, plain};
use crate::core::rounds::Round;
use crate::core::state::State;

/// Writes it; nothing for a campaign that a lab measures.
pub(super) fn write(out: &mut String, state: &State) -> std::fmt::Result {
    if let Some(adapter) = &state.adapter {
        let how = if adapter.drafted { "drafted" } else { "chosen" };
        writeln!(
            out,
            "## Adapter\n\n`{}` was {how}, because {}. Changes since: {}.\n",
            adapter.name,
            plain(&adapter.why),
            state.patches
        )?;
    }
    if state.plan.is_some() {
        writeln!(
            out,
            "## Exploration\n\nThe plan is `plan.md`, what was learned `learnings.md`, the report \
             `data_report/`, the plots `plots/`.\n"
        )?;
    }
    if state.rounds.is_empty() {
        return Ok(());
    }
    writeln!(out, "## How the evaluation was built\n")?;
    let verdict = match &state.frozen {
        Some((_, hash)) => format!("It passed and is frozen as `{hash}`."),
        None => "None has passed so far.".to_owned(),
    };
    writeln!(out, "{verdict}\n")?;
    if let Some(baseline) = &state.measured {
        let metric = state.settings.as_ref().map_or("", |s| &s.metric.name);
        writeln!(
            out,
            "The best trivial prediction is {}: {metric} = {} on `search`.\n",
            plain(&baseline.name),
            number(baseline.value, baseline.ci)
        )?;
    }
    writeln!(out, "| round | mechanical audit | critic | tester |")?;
    writeln!(out, "|---|---|---|---|")?;
    for round in &state.rounds {
        let audit = match &round.audit {
            None => "-".to_owned(),
            Some(audit) if audit.passed => match audit.mutants {
                Some([changed, killed]) => {
                    format!("nothing found; {killed} of {changed} mutants of the scorer rejected")
                }
                None => "nothing found".to_owned(),
            },
            Some(audit) => format!("{} faults", audit.faults.len()),
        };
        let review = |review: &Option<crate::core::rounds::Review>| match review {
            None => "-".to_owned(),
            Some(review) if review.faults.is_empty() => "nothing found".to_owned(),
            Some(review) => {
                let blocking = review.faults.iter().filter(|f| f.blocking).count();
                format!("{} faults, {blocking} blocking", review.faults.len())
            }
        };
        writeln!(
            out,
            "| {} | {audit} | {} | {} |",
            round.number,
            review(&round.critic),
            review(&round.tester)
        )?;
    }
    writeln!(out)?;
    for round in &state.rounds {
        faults(out, round)?;
    }
    Ok(())
}

fn faults(out: &mut String, round: &Round) -> std::fmt::Result {
    if round.faults().next().is_none() {
        return Ok(());
    }
    writeln!(out, "Round {}:\n", round.number)?;
    for (finder, fault) in round.faults() {
        let weight = if fault.blocking {
            ""
        } else {
            " (not blocking)"
        };
        writeln!(
            out,
            "- {}, {}{weight}: {}",
            finder.word(),
            plain(&fault.check),
            plain(&fault.detail)
        )?;
    }
    writeln!(out)
}
