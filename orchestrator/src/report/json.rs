//! The stable JSON documents.

use protocol::Direction;
use serde_json::{Value, json};

use crate::core::board;
use crate::core::budget::Ledger;
use crate::core::lineage::Change;
use crate::core::rank::{self, Leaderboard};
use crate::core::state::State;

/// Version of these documents.
const SCHEMA: u32 = 1;

/// `alphalab leaderboard --json`.
pub fn leaderboard(state: &State) -> Value {
    let board = rank::leaderboard(state);
    let settings = state.settings.as_ref();
    let metric = settings.map(|s| &s.metric);
    let rows: Vec<Value> = board
        .rows
        .iter()
        .map(|row| {
            json!({
                "rank": row.rank,
                "experiment": row.experiment.to_string(),
                "name": row.name,
                "task": row.task,
                "model": row.model,
                "verdict": "ok",
                "value": row.value,
                "ci": row.ci,
                "n": row.n,
                "split": "select",
                "track": row.track,
                "cost_usd": state.experiments.get(&row.experiment).map_or(0.0, |e| state.cost_usd(e)),
                "simulated": row.simulated,
                "caveats": row.caveats,
                "standing": row.standing,
                "ci_widened": row.ci_widened,
                "q": row.q,
                "new_best": row.new_best,
                "sealed": row.sealed.as_ref().map(|score| json!({
                    "verdict": score.verdict.word(),
                    "value": score.verified(),
                    "ci": score.ci,
                    "n": score.n,
                })),
                "search_value": row.search_value,
                "kind": state.experiments.get(&row.experiment).map(|e| e.kind),
                "parent": state.experiments.get(&row.experiment).and_then(|e| e.parent),
                "change": state.experiments.get(&row.experiment)
                    .and_then(|e| e.change.as_ref())
                    .map(Change::text),
                "hash": row.hash,
                "report": row.report,
                "apart": row.apart,
                "also": row.also,
            })
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "metric": metric.map(|m| m.name.as_str()),
        "unit": metric.map(|m| m.unit.as_str()),
        "direction": metric.map_or(Direction::Maximise, |m| m.direction),
        "simulated": state.is_simulated(),
        "baseline": baseline(state),
        "rows": rows,
        "summary": summary(&board),
        "also": board.also,
        "statistics": super::statistics::document(state, &board),
        "unverified": board.unverified,
    })
}

/// The summary, with the shares under the ratios that they belong to.
fn summary(board: &Leaderboard) -> Value {
    let mut document = json!(board.summary);
    if let Value::Object(fields) = &mut document {
        fields.remove("fast");
        if let Some(shares) = board.summary.fast {
            let shares = rank::FAST.iter().zip(shares);
            let shares: serde_json::Map<_, _> = shares
                .map(|(ratio, share)| (format!("{ratio:.1}"), json!(share)))
                .collect();
            fields.insert("fast_p".to_owned(), Value::Object(shares));
        }
    }
    document
}

/// What candidates are compared with; without a value where nobody has
/// measured one, and nothing on a simulator.
fn baseline(state: &State) -> Option<Value> {
    let name = state.baseline_name()?;
    let ci = state.measured.as_ref().and_then(|measured| measured.ci);
    let select = state.measured.as_ref().and_then(|measured| measured.select);
    let mut document = json!({ "name": name, "value": state.baseline(), "ci": ci });
    if let Some(select) = select {
        document["select"] = json!(select);
    }
    Some(document)
}

/// `alphalab status --json`, as of `now_ms`; `live` says whether a process is
/// driving the campaign.
pub fn status(state: &State, now_ms: i64, live: bool) -> Value {
    let budget = state.budget(if live { now_ms } else { state.clock.last_ms() });
    let ledger = |ledger: Ledger| {
        json!({
            "limit": ledger.limit,
            "spent": ledger.spent,
            "reserved": ledger.reserved,
            "unsettled": ledger.unsettled,
        })
    };
    let counts: serde_json::Map<String, Value> = board::ALL
        .iter()
        .map(|column| {
            let n = state
                .experiments
                .values()
                .filter(|e| e.state == *column)
                .count();
            (column.word().to_owned(), json!(n))
        })
        .collect();
    let board = rank::leaderboard(state);
    let best = board.rows.first().map(|row| {
        json!({
            "experiment": row.experiment.to_string(),
            "task": row.task,
            "value": row.value,
            "ci": row.ci,
        })
    });
    let shares: serde_json::Map<String, Value> = state
        .settings
        .iter()
        .flat_map(|settings| &settings.shares)
        .filter_map(|(role, share)| {
            let of = state.share(*role)?;
            let document =
                json!({ "share": share, "usd": ledger(of.usd), "tokens": ledger(of.tokens) });
            Some((role.word().to_owned(), document))
        })
        .collect();
    let models = super::models::uses_json(state);
    let mut document = json!({
        "schema": SCHEMA,
        "models": models,
        "phase": state.phase,
        "stage": state.stage_in_force().map(|stage| json!({
            "name": stage,
            "part_spent": state.part_spent(),
        })),
        "state": word(state, live),
        "counts": counts,
        "budget": {
            "experiments": ledger(budget.experiments),
            "usd": ledger(budget.usd),
            "tokens": ledger(budget.tokens),
            "wall_s": ledger(budget.wall_s),
            "gpu_h": ledger(budget.gpu_h),
        },
        "shares": shares,
        "forecast": budget.forecast().filter(|_| live),
        "best": best,
        "comparisons": comparisons(state),
        "simulated": state.is_simulated(),
        "baseline": baseline(state),
        "events": state.seq,
        "tries": state.tries.len(),
        "evaluation": state.frozen.as_ref().map(|(_, hash)| hash),
        "web": state.settings.as_ref().and_then(|settings| settings.web.as_ref()),
    });
    if !state.staff.watched.open.is_empty() {
        document["alarms"] = json!(state.staff.watched.open);
    }
    if !state.staff.paused.is_empty() {
        document["paused"] = json!(state.staff.paused);
    }
    if let Some(what) = state.waits_for().filter(|_| live) {
        document["waits_for"] = json!(what);
    }
    document
}

/// What was more than noise, and who leads on each task all the same.
fn comparisons(state: &State) -> Value {
    let significance = &state.significance;
    let leading: Vec<Value> = state
        .tasks
        .iter()
        .filter_map(|task| {
            let (experiment, value) = state.leading(&task.name)?;
            Some(json!({
                "task": task.name,
                "experiment": experiment.to_string(),
                "value": value,
                "new_best": significance.is_new_best(experiment),
            }))
        })
        .collect();
    json!({
        "tests": significance.tests(),
        "new_bests": significance.new_bests.len(),
        "last_new_best": significance.new_bests.last().map(super::statistics::test),
        "leading": leading,
    })
}

/// A campaign that says it is running without a process was interrupted.
pub(super) fn word(state: &State, live: bool) -> &'static str {
    use crate::core::state::RunState::{Finished, New, Running, Stopped};
    match state.run {
        Running if !live => "interrupted",
        New | Running | Stopped | Finished(_) => state.run.word(),
    }
}
