//! What the agents beside the search are shown, and what becomes of what they
//! say.

use protocol::{Candidate, Report, Space, Split};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Reply;
use super::answer::Documents;
use super::{limits, read};
use crate::core::agent::{AnswerStatus, Role};
use crate::core::event::{Body, Event};
use crate::core::rank;
use crate::core::staff::{Evidence, Ruling, StaffEvent, Verdict};
use crate::core::state::{Agent, Attempt, Experiment, State};
use crate::core::words::{DOCUMENT, SENTENCE};
use crate::report::{self, milestone};

/// Most pieces of evidence.
const EVIDENCE: usize = 20;
/// Largest part of a lab's report that is shown in place, in bytes.
const MAX_SHOWN: usize = 32 << 10;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteMilestone {
    /// The milestone in Markdown, without links, HTML and blocks of code. Every
    /// number of a result is written as its reference, as `[[e0003.select]]`.
    #[schemars(length(max = DOCUMENT))]
    pub text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishAudit {
    /// Whether the result may count.
    pub verdict: Verdict,
    /// Why, in a sentence or two.
    #[schemars(length(max = SENTENCE))]
    pub reason: String,
    /// What it rests on; at least one piece for `demote`.
    #[serde(default)]
    #[schemars(length(max = EVIDENCE))]
    pub evidence: Vec<Evidence>,
}

fn staff(what: StaffEvent) -> Event {
    Event::Staff {
        what: Box::new(what),
    }
}

/// Takes a milestone, or says what is wrong with it. The driver writes the file.
pub(super) fn write_milestone(
    state: &State,
    agent: &Agent,
    wanted: WriteMilestone,
) -> Result<Reply, Reply> {
    if let Some(number) = written_by(state, agent) {
        return Err(Reply::failed(format!(
            "milestone {number} is written: call `finish`"
        )));
    }
    let problems = milestone::problems(state, &wanted.text);
    if !problems.is_empty() {
        let mut reply = Reply::failed("the milestone is not taken");
        if let Some((_, body)) = &mut reply.answer {
            body["problems"] = json!(problems);
        }
        return Err(reply);
    }
    let number = state.staff.milestones.len() as u32 + 1;
    let event = staff(StaffEvent::MilestoneWritten {
        number,
        agent: agent.id,
        text: Body::Inline(wanted.text.into()),
    });
    Ok(Reply {
        events: vec![event],
        ..Reply::ok(json!({ "milestone": number }))
    })
}

fn written_by(state: &State, agent: &Agent) -> Option<usize> {
    let milestones = &state.staff.milestones;
    let place = milestones.iter().position(|known| known.agent == agent.id);
    place.map(|place| place + 1)
}

/// The end of an audit. An Auditor can't say that something is better than it
/// is, and what it holds against a result has to be somewhere.
pub(super) fn finish_audit(
    state: &State,
    documents: &dyn Documents,
    agent: &Agent,
    finish: FinishAudit,
) -> Result<Reply, Reply> {
    let experiment = audited(state, agent)?;
    limits::not_empty("reason", &finish.reason)?;
    if finish.verdict == Verdict::Demote && finish.evidence.is_empty() {
        return Err(Reply::failed("`demote` needs `evidence`"));
    }
    let places = places(experiment, documents);
    let unknown = |evidence: &&Evidence| !places.contains(&evidence.place);
    if let Some(evidence) = finish.evidence.iter().find(unknown) {
        return Err(Reply::failed(format!(
            "`{}` is no place to look at: {}",
            evidence.place,
            places.join(", ")
        )));
    }
    let summary = finish.reason.clone();
    let event = staff(StaffEvent::Ruled {
        experiment: experiment.id,
        ruling: Ruling {
            agent: agent.id,
            verdict: finish.verdict,
            reason: finish.reason,
            evidence: finish.evidence,
        },
    });
    Ok(Reply {
        events: vec![event],
        answer: Some((AnswerStatus::Ends, json!({ "summary": summary }))),
        files: None,
    })
}

fn audited<'a>(state: &'a State, agent: &Agent) -> Result<&'a Experiment, Reply> {
    agent
        .experiment
        .filter(|_| agent.role == Role::Auditor)
        .and_then(|id| state.experiments.get(&id))
        .ok_or_else(|| Reply::failed("you audit nothing"))
}

/// What evidence can point at.
fn places(e: &Experiment, documents: &dyn Documents) -> Vec<String> {
    let mut places = vec!["search".to_owned(), "select".to_owned()];
    if let Some((Candidate::Files { files }, _)) = &e.candidate {
        places.extend(files.iter().map(|path| path.to_string_lossy().into_owned()));
    } else {
        places.push("params".to_owned());
    }
    for attempt in &e.attempts {
        let checks = lab_report(attempt, documents).map(|report| report.checks);
        for check in checks.into_iter().flatten() {
            if !places.contains(&check.name) {
                places.push(check.name);
            }
        }
    }
    places
}

fn lab_report(attempt: &Attempt, documents: &dyn Documents) -> Option<Report> {
    let hash = attempt.measurement.report.clone()?;
    let document = documents.document(&Body::Blob(hash)).ok()?;
    serde_json::from_value(document).ok()
}

/// What an Auditor is given: what was measured and how, and nothing of who made
/// it or what they hoped for.
pub(super) fn docket(
    state: &State,
    documents: &dyn Documents,
    agent: &Agent,
) -> Result<Value, Reply> {
    let e = audited(state, agent)?;
    let inspection = inspection(state, documents, e)?;
    let measurements: Vec<Value> = e
        .attempts
        .iter()
        .map(|attempt| measurement(attempt, documents))
        .collect();
    let others: Vec<Value> = state
        .experiments_on(&e.task)
        .filter(|other| other.id != e.id)
        .filter_map(|other| {
            let attempt = other.last(Split::Search)?;
            Some(json!({
                "experiment": other.id,
                "candidate": candidate(other),
                "result": read::score(&attempt.measurement.score),
            }))
        })
        .collect();
    let settings = state.settings.as_ref();
    let docket = json!({
        "role": agent.role.word(),
        "objective": settings.map(|s| s.objective.as_str()),
        "device": settings.map(|s| s.device.as_str()),
        "baseline": { "name": state.baseline_name(), "value": state.baseline() },
        "experiment": e.id,
        "task": e.task,
        "facts": shown(inspection["facts"].clone()),
        "candidate": candidate(e),
        "changes": changes(e, &inspection),
        "measurements": measurements,
        "others": others,
        "folder": e.id.to_string(),
        "places": places(e, documents),
    });
    nameless(state, &e.task, &docket).map_err(|error| Reply::failed(error.to_string()))
}

/// A document without the names that were chosen for experiments: a lab's
/// messages have the paths of their folders.
fn nameless(state: &State, task: &str, document: &Value) -> serde_json::Result<Value> {
    let mut text = document.to_string();
    for e in state.experiments_on(task) {
        let folder = e.folder();
        if text.contains(&folder) {
            text = text.replace(&folder, &e.id.to_string());
        }
    }
    serde_json::from_str(&text)
}

/// What the lab has found about an experiment's task.
pub(super) fn inspection(
    state: &State,
    documents: &dyn Documents,
    e: &Experiment,
) -> Result<Value, Reply> {
    let inspected = state.task(&e.task).and_then(|task| task.inspected.as_ref());
    let document = inspected.map(|inspected| documents.document(&inspected.document));
    Ok(document
        .transpose()
        .map_err(Reply::failed)?
        .unwrap_or_default())
}

pub(super) fn candidate(e: &Experiment) -> Value {
    match &e.candidate {
        Some((Candidate::Template { template, params }, _)) => {
            json!({ "template": template, "params": params })
        }
        Some((Candidate::Files { files }, _)) => json!({ "files": files }),
        None => Value::Null,
    }
}

/// What a candidate changes of its template's defaults; null for own files.
pub(super) fn changes(e: &Experiment, inspection: &Value) -> Value {
    let Some((Candidate::Template { template, params }, _)) = &e.candidate else {
        return Value::Null;
    };
    let spaces: Vec<Space> =
        serde_json::from_value(inspection["spaces"].clone()).unwrap_or_default();
    let space = spaces.iter().find(|space| space.template == *template);
    let changed = space.into_iter().flat_map(|space| &space.params);
    changed
        .filter_map(|spec| {
            let value = params
                .get(&spec.name)
                .filter(|value| **value != spec.default)?;
            Some(json!({ "param": spec.name, "default": spec.default, "value": value }))
        })
        .collect()
}

pub(super) fn measurement(attempt: &Attempt, documents: &dyn Documents) -> Value {
    let of = &attempt.measurement;
    let mut shown_here = json!({
        "attempt": attempt.number,
        "split": of.split,
        "result": read::score(&of.score),
        "hash": of.hash,
        "track": of.track,
        "simulated": of.simulated,
        "caveats": of.caveats,
    });
    if let Some(report) = lab_report(attempt, documents) {
        shown_here["checks"] = shown(json!(report.checks));
        shown_here["diagnostics"] = shown(json!(report.diagnostics));
        shown_here["environment"] = shown(json!(report.environment));
    }
    shown_here
}

/// A document in place, unless it is too large for that.
fn shown(document: Value) -> Value {
    let bytes = document.to_string().len();
    if bytes > MAX_SHOWN {
        json!(format!(
            "{bytes} bytes; all of it is in the attempt's report.json"
        ))
    } else {
        document
    }
}

/// What a Reporter writes about.
pub(super) fn to_report(state: &State) -> Value {
    let board = rank::leaderboard(state);
    let standing = |experiment| {
        let row = board.rows.iter().find(|row| row.experiment == experiment);
        row.map(|row| (row.rank, row.standing))
    };
    let references: Vec<Value> = report::references(state)
        .into_iter()
        .map(|known| {
            let e = state.experiments.get(&known.experiment);
            let placed = standing(known.experiment).filter(|_| known.split == Split::Select);
            json!({
                "reference": known.reference,
                "experiment": known.experiment,
                "task": e.map(|e| e.task.as_str()),
                "split": known.split,
                "value": known.value,
                "ci": known.ci,
                "rank": placed.map(|(rank, _)| rank),
                "standing": placed.and_then(|(_, standing)| standing),
            })
        })
        .collect();
    let demoted: Vec<Value> = state
        .experiments
        .values()
        .filter_map(|e| Some((e, e.demoted()?)))
        .map(|(e, ruling)| json!({ "experiment": e.id, "task": e.task, "reason": ruling.reason }))
        .collect();
    json!({
        "milestone": state.staff.milestones.len() + 1,
        "references": references,
        "unverified": board.unverified,
        "demoted": demoted,
        "summary": board.summary,
    })
}
