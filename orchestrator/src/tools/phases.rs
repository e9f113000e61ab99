//! Answers that belong to the phases before the experiments.

use serde_json::json;

use super::Reply;
use super::answer::Documents;
use super::work_args::{FinishExploration, FinishReview, FinishWork, UpdatePlan};
use crate::core::agent::{AnswerStatus, Role};
use crate::core::event::{Body, Event};
use crate::core::rounds::{Review, Round};
use crate::core::state::{Agent, State};
use crate::explore::Plan;

fn current(state: &State, documents: &dyn Documents) -> Result<Option<Plan>, Reply> {
    let Some(body) = &state.plan else {
        return Ok(None);
    };
    let text = documents.document(body).map_err(Reply::failed)?;
    Ok(Some(Plan::parse(text.as_str().unwrap_or_default())))
}

/// Writes a plan anew, checks items, or both. The driver stores the text.
pub(super) fn update_plan(
    state: &State,
    documents: &dyn Documents,
    agent: &Agent,
    wanted: &UpdatePlan,
) -> Result<Reply, Reply> {
    let mut plan = match &wanted.text {
        Some(text) => Plan::parse(text),
        None => current(state, documents)?
            .ok_or_else(|| Reply::failed("there is no plan yet: give its text"))?,
    };
    for item in &wanted.check {
        plan.check(item)
            .map_err(|error| Reply::failed(error.to_string()))?;
    }
    let open: Vec<&str> = plan.open().map(|item| item.text.as_str()).collect();
    let answer = json!({ "open": open, "items": plan.items().count() });
    Ok(Reply {
        events: vec![Event::PlanChanged {
            agent: agent.id,
            text: Body::Inline(plan.to_string().into()),
        }],
        answer: Some((AnswerStatus::Ok, answer)),
        files: None,
    })
}

fn ends(events: Vec<Event>, summary: &str) -> Reply {
    Reply {
        events,
        answer: Some((AnswerStatus::Ends, json!({ "summary": summary }))),
        files: None,
    }
}

/// The end of work that is judged by others. A builder that can't build loses
/// its round.
pub(super) fn finish_work(agent: &Agent, finish: FinishWork) -> Reply {
    let cannot = finish.cannot;
    let events = match (&cannot, agent.round) {
        (Some(why), Some(round)) if agent.role == Role::Builder => vec![Event::RoundUndone {
            round,
            what: format!("the builder can't do it: {why}"),
        }],
        (Some(_) | None, _) => Vec::new(),
    };
    let mut reply = ends(events, &finish.summary);
    if let (Some((_, body)), Some(why)) = (&mut reply.answer, cannot) {
        body["cannot"] = json!(why);
    }
    reply
}

/// What an assistant's work came to.
pub(super) fn assistant(
    state: &State,
    documents: &dyn Documents,
    agent: &Agent,
    call: u32,
) -> Result<Reply, Reply> {
    let found = state.agents.values().find(|other| {
        other
            .under
            .is_some_and(|under| under.agent == agent.id && under.call == call)
    });
    let Some(assistant) = found else {
        return Err(Reply::failed("you may have no assistants"));
    };
    let words = match &assistant.last_words {
        Some(body) => documents.document(body).map_err(Reply::failed)?,
        None => serde_json::Value::Null,
    };
    Ok(Reply::ok(json!({
        "agent": assistant.id,
        "ended": assistant.run.ending(),
        "answer": words,
        "usd": assistant.paid.usd,
        "tokens": assistant.paid.tokens,
    })))
}

/// The end of the exploration: nothing is open, or there is a reason.
pub(super) fn finish_exploration(
    state: &State,
    documents: &dyn Documents,
    finish: &FinishExploration,
) -> Result<Reply, Reply> {
    let plan = current(state, documents)?.unwrap_or_default();
    plan.may_finish(finish.open_because.as_deref())
        .map_err(|error| Reply::failed(error.to_string()))?;
    Ok(ends(Vec::new(), &finish.summary))
}

/// The end of a review.
pub(super) fn finish_review(agent: &Agent, finish: FinishReview) -> Result<Reply, Reply> {
    let Some(round) = agent.round else {
        return Err(Reply::failed("you review no evaluation"));
    };
    if agent.role != Role::Critic && agent.role != Role::Tester {
        return Err(Reply::failed("you are no reviewer"));
    }
    let summary = finish.summary.clone();
    let review = Review {
        agent: agent.id,
        summary: finish.summary,
        faults: finish.faults,
    };
    Ok(ends(
        vec![Event::ReviewDone {
            round,
            role: agent.role,
            review: Box::new(review),
        }],
        &summary,
    ))
}

/// What an agent that works in folders has to do and with what. Its paths
/// begin in its working folder.
pub(super) fn assignment(
    state: &State,
    documents: &dyn Documents,
    agent: &Agent,
) -> Result<serde_json::Value, Reply> {
    let facts = match &state.adapter {
        Some(resolved) => documents.document(&resolved.facts).map_err(Reply::failed)?,
        None => serde_json::Value::Null,
    };
    let settings = state.settings.as_ref();
    let leader = agent.under.and_then(|under| state.agents.get(&under.agent));
    let up = match leader.unwrap_or(agent).role {
        Role::Explorer | Role::Builder => "..",
        Role::Supervisor
        | Role::Critic
        | Role::Tester
        | Role::Strategist
        | Role::Worker
        | Role::Assistant
        | Role::Reporter
        | Role::Auditor
        | Role::Fixer
        | Role::Analyst => "../..",
    };
    // A single file lies in the data folder under its own name.
    let files = facts["files"].as_array().map_or(&[][..], Vec::as_slice);
    let name = facts["name"].as_str().unwrap_or_default();
    let data = match files {
        [file] if file["path"] == facts["name"] => format!("{up}/data/{name}"),
        _ => format!("{up}/data"),
    };
    let faults: Vec<_> = state
        .rounds
        .iter()
        .rev()
        .filter(|round| Some(round.number) != agent.round)
        .flat_map(Round::faults)
        .map(|(by, fault)| json!({ "by": by.word(), "check": fault.check, "detail": fault.detail }))
        .collect();
    Ok(json!({
        "role": agent.role.word(),
        "objective": settings.map(|s| s.objective.as_str()),
        "metric": settings.map(|s| json!({
            "name": s.metric.name, "unit": s.metric.unit, "direction": s.metric.direction,
        })),
        "data": data,
        "folder": format!("{up}/data"),
        "workspace": format!("{up}/workspace"),
        "evaluation": format!("{up}/evaluation"),
        "timeout_s": settings.and_then(|s| s.evaluation).map(|e| e.timeout_s),
        "round": agent.round,
        "rounds": settings.and_then(|s| s.evaluation).map(|e| e.rounds),
        // Reviewers share nothing with the builder, so not its history either.
        "findings": if agent.role == Role::Builder { faults } else { Vec::new() },
        "facts": facts,
    }))
}
