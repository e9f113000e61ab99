//! What those are shown who take up an experiment of somebody else, and what
//! becomes of what they say.

use protocol::{Split, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Documents;
use super::staff::{candidate, changes, inspection, measurement};
use super::{Reply, limits};
use crate::core::agent::AnswerStatus;
use crate::core::event::Event;
use crate::core::staff::StaffEvent;
use crate::core::state::{Agent, Experiment, State};
use crate::core::words::SENTENCE;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishRepair {
    /// What the cause of the failure is or was, in a sentence or two; what was
    /// ruled out, if it is not known.
    #[schemars(length(max = SENTENCE))]
    pub diagnosis: String,
    /// Whether nobody should try again.
    #[serde(default)]
    pub give_up: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishAnalysis {
    /// What the experiment teaches, in a sentence or two.
    #[schemars(length(max = SENTENCE))]
    pub conclusion: String,
}

pub(super) fn finish_repair(agent: &Agent, finish: FinishRepair) -> Result<Reply, Reply> {
    concluded(agent, finish.diagnosis, finish.give_up, "diagnosis")
}

pub(super) fn finish_analysis(agent: &Agent, finish: FinishAnalysis) -> Result<Reply, Reply> {
    concluded(agent, finish.conclusion, false, "conclusion")
}

fn concluded(agent: &Agent, text: String, hopeless: bool, field: &str) -> Result<Reply, Reply> {
    let experiment = agent
        .experiment
        .ok_or_else(|| Reply::failed("you have no experiment"))?;
    limits::not_empty(field, &text)?;
    let answer = json!({ "summary": text });
    Ok(Reply {
        events: vec![Event::Staff {
            what: Box::new(StaffEvent::Concluded {
                experiment,
                agent: agent.id,
                text,
                hopeless,
            }),
        }],
        answer: Some((AnswerStatus::Ends, answer)),
        files: None,
    })
}

/// Why an experiment has no number: what its check or its measurement said.
pub(crate) fn failure(state: &State, e: &Experiment) -> Value {
    let measured = e.last(Split::Search);
    let measured = measured.map(|attempt| &attempt.measurement.score.verdict);
    let verdict = measured.or_else(|| state.staff.refusals.get(&e.id));
    let staff = state.staff_settings();
    let stage = match verdict {
        Some(Verdict::Rejected { stage, .. }) => stage.as_str(),
        Some(Verdict::Crashed { .. } | Verdict::TimedOut { .. }) => "run",
        Some(Verdict::Ok) | None => "check",
    };
    // Of a long message the end is shown, too: compilers say there what counts.
    let reason = verdict.map_or("", Verdict::reason);
    let (first, rest) = reason.split_once('\n').unwrap_or((reason, ""));
    json!({
        "stage": stage,
        "verdict": verdict.map_or("rejected", Verdict::word),
        "reason": first,
        "output": rest,
        "attempt": state.staff.fixers.get(&e.id).map_or(1, Vec::len).max(1),
        "attempts": staff.map_or(1, |staff| staff.fixers),
    })
}

/// What is added to the assignment of one who repairs or looks back.
pub(super) fn second_hand(
    state: &State,
    documents: &dyn Documents,
    agent: &Agent,
    mut assignment: Value,
) -> Result<Value, Reply> {
    let e = agent
        .experiment
        .and_then(|id| state.experiments.get(&id))
        .ok_or_else(|| Reply::failed("you have no experiment"))?;
    let inspection = inspection(state, documents, e)?;
    let measurements: Vec<Value> = e
        .attempts
        .iter()
        .map(|attempt| measurement(attempt, documents))
        .collect();
    let said = state.staff.conclusions.get(&e.id);
    let said = said.map_or(&[][..], Vec::as_slice);
    assignment["state"] = json!(e.state.word());
    assignment["candidate"] = candidate(e);
    assignment["changes"] = changes(e, &inspection);
    assignment["failure"] = failure(state, e);
    assignment["measurements"] = json!(measurements);
    assignment["said"] = said.iter().map(|known| json!(known.text)).collect();
    assignment["folder"] = json!(format!("../../experiments/{}", e.folder()));
    Ok(assignment)
}
