//! What agents are shown of the campaign, as JSON.

use protocol::{Candidate, Split};
use serde_json::{Value, json};

use super::lessons;
use super::propose::stagnation;
use crate::core::agent::Role;
use crate::core::event::Score;
use crate::core::lineage::Change;
use crate::core::rank;
use crate::core::state::{Agent, State, Try};

/// JSON has no infinity: null stands for unlimited.
pub(super) fn finite(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else {
        Value::Null
    }
}

/// A score with its verdict.
pub fn score(score: &Score) -> Value {
    json!({
        "verdict": score.verdict.word(),
        "reason": score.verdict.reason(),
        "value": score.value,
        "ci": score.ci,
        "n": score.n,
    })
}

/// Quick looks that an agent may still take at `now_ms`.
pub fn tries_left(state: &State, agent: &Agent, now_ms: i64) -> u32 {
    let Some(settings) = &state.settings else {
        return 0;
    };
    let late = agent
        .tries_until_wall_s
        .is_some_and(|until| state.budget(now_ms).wall_s.spent >= until);
    if late {
        0
    } else {
        settings.policy.tries_per_worker.saturating_sub(agent.tries)
    }
}

/// Whether an agent is shown what there is of a task: baselines to compare with
/// know of nothing but their own.
pub(super) fn sees(state: &State, agent: Option<&Agent>, task: &str) -> bool {
    let settings = state.settings.as_ref();
    let alone = settings.is_some_and(|settings| !settings.strategy.has_strategist());
    let own = || state.experiments.get(&agent?.experiment?);
    !alone || own().is_some_and(|own| own.task == task)
}

/// The board, as `agent` sees it.
pub fn board(state: &State, agent: Option<&Agent>, now_ms: i64) -> Value {
    let Some(settings) = &state.settings else {
        return Value::Null;
    };
    let budget = state.budget(now_ms);
    let assignment = agent.and_then(|agent| {
        let experiment = state.experiments.get(&agent.experiment?)?;
        Some(json!({
            "experiment": experiment.id,
            "task": experiment.task,
            "templates": experiment.templates,
            "hypothesis": experiment.hypothesis,
            "tries_left": tries_left(state, agent, now_ms),
        }))
    });
    let tasks: Vec<Value> = state
        .tasks
        .iter()
        .filter(|task| sees(state, agent, &task.name))
        .map(|task| task_json(state, task))
        .collect();
    let experiments: Vec<Value> = state
        .experiments
        .values()
        .filter(|e| sees(state, agent, &e.task))
        .map(|e| {
            json!({
                "experiment": e.id,
                "name": e.name,
                "task": e.task,
                "state": e.state.word(),
                "result": e.last(Split::Search).map(|a| score(&a.measurement.score)),
                "kind": e.kind,
                "parent": e.parent,
                "change": e.change.as_ref().map(Change::text),
                "replicates": e.replicates,
            })
        })
        .collect();
    let (playbook, left_out) = if settings.strategy.has_strategist() {
        let own = assignment.as_ref().and_then(|own| own["task"].as_str());
        lessons::told(state, own)
    } else {
        (Vec::new(), 0)
    };
    json!({
        "schema": 1,
        "seed": settings.seed,
        "metric": {
            "name": settings.metric.name,
            "direction": settings.metric.direction,
            "baseline_value": state.baseline(),
        },
        "policy": {
            "finalists": settings.policy.finalists,
            "looks": settings.strategy.has_looks(),
            "converged_gain": settings.policy.converged_gain,
            // A short round of work on one task, in seconds.
            "round_s": 6.0 * settings.policy.try_s
                + settings.policy.evaluate_s
                + settings.policy.remeasure_s,
        },
        "stage": {
            "name": state.stage(),
            "rule": state.stage().rule(&settings.policy.search),
        },
        "budget": {
            "experiments_left": finite(budget.experiments.left()),
            "wall_s_left": finite((budget.wall_s.left() - state.reserve_s()).max(0.0)),
        },
        "assignment": assignment,
        "tasks": tasks,
        "experiments": experiments,
        "notes": &state.steering.notes[..],
        "playbook": playbook,
        "playbook_left_out": left_out,
    })
}

fn task_json(state: &State, task: &crate::core::state::Task) -> Value {
    // Best verified number after each worker's round, in order.
    let mut by_round: Vec<Option<f64>> = Vec::new();
    let mut best: Option<f64> = None;
    for agent in state.agents.values() {
        let on_task = agent
            .experiment
            .and_then(|id| state.experiments.get(&id))
            .is_some_and(|e| e.task == task.name);
        if !on_task || agent.is_live() || agent.role != Role::Worker {
            continue;
        }
        for e in state.experiments_on(&task.name) {
            if e.owner == Some(agent.id)
                && let Some(value) = e.verified(Split::Search)
                && best.is_none_or(|known| state.better(value, known))
            {
                best = Some(value);
            }
        }
        by_round.push(best);
    }
    let most = state.settings.as_ref().map_or(1, |s| s.policy.search.top);
    let mut document = json!({
        "task": task.name,
        "closed": task.closed,
        "paused": state.staff.paused.get(&task.name),
        "templates": task.inspected.as_ref().map(|i| &i.templates),
        "rounds": by_round.len(),
        "best_after_round": by_round,
        "tries": state.tries_on(&task.name).count(),
        "stage": state.stage_of(&task.name),
        "allowed": state.allowed_on(&task.name),
        "top": state.top(&task.name, most as usize),
        "untried": state.untried(&task.name).collect::<Vec<_>>(),
    });
    stagnation(state, &task.name, &mut document);
    document
}

/// Earlier quick looks at a task.
pub(super) fn tried(state: &State, task: &str) -> Value {
    state.tries_on(task).map(try_json).collect()
}

/// Points of a task's spaces that were measured, with their results.
pub(super) fn measured(state: &State, task: &str) -> Value {
    let measured = state.experiments_on(task).filter_map(|e| {
        let Some((Candidate::Template { template, params }, _)) = &e.candidate else {
            return None;
        };
        let attempt = e.last(Split::Search)?;
        Some(json!({
            "experiment": e.id,
            "template": template,
            "params": params,
            "result": score(&attempt.measurement.score),
        }))
    });
    measured.collect()
}

pub(super) fn try_json(look: &Try) -> Value {
    let (template, params) = match &look.candidate {
        Candidate::Template { template, params } => (json!(template), json!(params)),
        Candidate::Files { .. } => (Value::Null, Value::Null),
    };
    json!({
        "try": look.id,
        "template": template,
        "params": params,
        "result": score(&look.score),
    })
}

/// The leaderboard, short, as `agent` sees it. Numbers over all tasks are for
/// those only who see all tasks.
pub(super) fn leaderboard(state: &State, agent: &Agent) -> Value {
    let board = rank::leaderboard(state);
    let seen = |task: &str| sees(state, Some(agent), task);
    let all = state.tasks.iter().all(|task| seen(&task.name));
    let rows = board.rows.iter().filter(|row| seen(&row.task));
    let rows = rows.zip(1..).map(|(row, place): (_, u32)| {
        let e = state.experiments.get(&row.experiment);
        json!({
            "rank": place,
            "experiment": row.experiment,
            "task": row.task,
            "value": row.value,
            "ci": row.ci,
            "standing": row.standing,
            "kind": e.map(|e| e.kind),
            "parent": e.and_then(|e| e.parent),
            "change": e.and_then(|e| e.change.as_ref()).map(Change::text),
        })
    });
    let unverified = board.unverified.iter().filter(|known| seen(&known.task));
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "unverified": unverified.collect::<Vec<_>>(),
        "summary": all.then_some(board.summary),
    })
}
