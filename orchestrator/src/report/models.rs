//! What several models were used for and have found, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::markdown::{number, plain, standing};
use crate::core::agent::Role;
use crate::core::coverage::{self, Coverage, ModelBoard};
use crate::core::event::Logged;
use crate::core::models::ModelUse;
use crate::core::settings::Settings;
use crate::core::state::State;

/// Version of the document.
const SCHEMA: u32 = 1;

/// The models of a campaign, in a sentence.
pub(super) fn named(settings: &Settings) -> String {
    let models = settings.all_models();
    let list: Vec<String> = models.iter().map(|model| format!("`{model}`")).collect();
    match list.len() {
        1 => format!("model {}", list.concat()),
        _ => format!("models {}", list.join(", ")),
    }
}

/// What each model was used for.
pub(super) fn uses_json(state: &State) -> Vec<Value> {
    let uses = state.model_uses();
    let all: usize = uses.iter().map(ModelUse::all_agents).sum();
    uses.iter().map(|used| use_json(used, all)).collect()
}

fn use_json(used: &ModelUse, all: usize) -> Value {
    let agents: serde_json::Map<String, Value> = used
        .agents
        .iter()
        .map(|(role, count)| (role.word().to_owned(), json!(count)))
        .collect();
    let share = (all > 0).then(|| used.all_agents() as f64 / all as f64);
    json!({
        "model": used.model,
        "agents": used.all_agents(),
        "agents_by_role": agents,
        "share": share,
        "let_down": used.let_down,
        "experiments": used.experiments,
        "verified": used.verified,
        "improved": used.improved,
        "tokens": used.paid.tokens,
        "cost_usd": used.paid.usd,
        "unsettled_usd": used.unsettled.usd,
        "unsettled_tokens": used.unsettled.tokens,
        "out": used.out,
    })
}

/// `alphalab leaderboard --by-model --json`.
pub fn by_model(state: &State, log: &[Logged]) -> Value {
    let boards = coverage::boards(state);
    let covered = coverage::coverage(state, &boards);
    let curves = coverage::curves(state, log);
    let metric = state.settings.as_ref().map(|s| &s.metric);
    let models: Vec<Value> = boards
        .iter()
        .zip(uses_json(state))
        .map(|(board, used)| {
            let curve = curves.iter().find(|curve| curve.model == board.model);
            json!({
                "model": board.model,
                "used": used,
                "rows": board.rows.iter().map(|row| json!({
                    "task": row.task,
                    "experiment": row.experiment.to_string(),
                    "name": row.name,
                    "value": row.value,
                    "ci": row.ci,
                    "n": row.n,
                    "split": "search",
                    "standing": row.standing,
                    "select_value": row.select,
                })).collect::<Vec<_>>(),
                "only_verified": covered.only_verified(&board.model),
                "only_won": covered.only_won(&board.model),
                "curve": curve.map(|curve| &curve.points),
            })
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "metric": metric.map(|m| m.name.as_str()),
        "unit": metric.map(|m| m.unit.as_str()),
        "direction": metric.map(|m| m.direction),
        "baseline": state.baseline(),
        "models": models,
        "coverage": covered,
    })
}

/// The report's part on a campaign with several models; nothing for others.
pub(super) fn write(out: &mut String, state: &State) -> std::fmt::Result {
    if !state.has_several_models() {
        return Ok(());
    }
    let boards = coverage::boards(state);
    let covered = coverage::coverage(state, &boards);
    let uses = state.model_uses();
    writeln!(out, "## Models\n")?;
    writeln!(
        out,
        "A bandit per role has chosen the model of each agent by what models had gained per cost \
         before. `share` is of all agents; `improved` counts candidates that were better than all before \
         them on their task.\n"
    )?;
    used(out, &uses)?;
    by_role(out, &uses)?;
    best(out, &boards, &covered)?;
    writeln!(out, "![best so far by model](models.svg)\n")
}

fn used(out: &mut String, uses: &[ModelUse]) -> std::fmt::Result {
    let all: usize = uses.iter().map(ModelUse::all_agents).sum();
    writeln!(
        out,
        "| model | agents | share | let down | experiments | verified | improved | tokens | US dollars |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for used in uses {
        writeln!(
            out,
            "| {} | {} | {:.0}% | {} | {} | {} | {} | {} | {:.4} |",
            plain(&used.model),
            used.all_agents(),
            100.0 * used.all_agents() as f64 / all.max(1) as f64,
            used.let_down,
            used.experiments,
            used.verified,
            used.improved,
            used.paid.tokens,
            used.paid.usd,
        )?;
    }
    writeln!(out)?;
    for used in uses {
        if let Some(why) = &used.out {
            writeln!(out, "- {} is out: {}", plain(&used.model), plain(why))?;
        }
    }
    if uses.iter().any(|used| used.out.is_some()) {
        writeln!(out)?;
    }
    Ok(())
}

fn by_role(out: &mut String, uses: &[ModelUse]) -> std::fmt::Result {
    let models: Vec<String> = uses.iter().map(|used| plain(&used.model)).collect();
    writeln!(out, "| agents by role | {} |", models.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(uses.len()))?;
    for role in Role::ALL {
        let counts: Vec<usize> = uses
            .iter()
            .map(|used| used.agents.get(&role).copied().unwrap_or(0))
            .collect();
        if counts.iter().any(|count| *count > 0) {
            let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
            writeln!(out, "| {} | {} |", role.word(), counts.join(" | "))?;
        }
    }
    writeln!(out)
}

fn best(out: &mut String, boards: &[ModelBoard], covered: &Coverage) -> std::fmt::Result {
    writeln!(
        out,
        "The best of each model on `search`, where all candidates were measured alike, and against the \
         baseline.\n"
    )?;
    let models: Vec<String> = boards.iter().map(|board| plain(&board.model)).collect();
    writeln!(out, "| task | {} |", models.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(boards.len()))?;
    for task in &covered.tasks {
        let cells: Vec<String> = boards
            .iter()
            .map(|board| {
                let row = board.rows.iter().find(|row| row.task == task.task);
                row.map_or("-".to_owned(), |row| {
                    let (value, how) = (number(row.value, row.ci), standing(row.standing));
                    format!("{value}, {how} ({})", row.experiment)
                })
            })
            .collect();
        writeln!(out, "| {} | {} |", plain(&task.task), cells.join(" | "))?;
    }
    writeln!(out)?;
    for board in boards {
        let list = |names: Vec<&str>| match names[..] {
            [] => "none".to_owned(),
            _ => plain(&names.join(", ")),
        };
        writeln!(
            out,
            "- Only {}: won {}; verified {}.",
            plain(&board.model),
            list(covered.only_won(&board.model)),
            list(covered.only_verified(&board.model))
        )?;
    }
    for overlap in &covered.overlaps {
        let [one, other] = &overlap.models;
        writeln!(
            out,
            "- Both {} and {}: won {}, verified {} of {} tasks.",
            plain(one),
            plain(other),
            overlap.won,
            overlap.verified,
            covered.tasks.len()
        )?;
    }
    writeln!(out)
}
