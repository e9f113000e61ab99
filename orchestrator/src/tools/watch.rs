//! What a Supervisor is shown when a detector has fired, and what it can do
//! about it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, limits};
use crate::core::event::Event;
use crate::core::staff::StaffEvent;
use crate::core::state::{Agent, State};
use crate::core::words::{NAME, SENTENCE};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTask {
    /// Name of the task.
    #[schemars(length(max = NAME))]
    pub task: String,
    /// Why.
    #[schemars(length(max = SENTENCE))]
    pub reason: String,
}

/// Lets nobody work on a task, or lets them again.
pub(super) fn pause(
    state: &State,
    agent: &Agent,
    wanted: OfTask,
    pauses: bool,
) -> Result<Reply, Reply> {
    let OfTask { task, reason } = wanted;
    let known = state
        .task(&task)
        .ok_or_else(|| Reply::failed(format!("there is no task `{task}`")))?;
    limits::not_empty("reason", &reason)?;
    let paused = state.staff.paused.contains_key(&task);
    let agent = agent.id;
    let (what, answer) = match (pauses, paused, &known.closed) {
        (true, _, Some(why)) => {
            return Err(Reply::failed(format!("task `{task}` is closed: {why}")));
        }
        (true, true, None) => {
            return Err(Reply::failed(format!("task `{task}` is paused already")));
        }
        (false, false, _) => return Err(Reply::failed(format!("task `{task}` is not paused"))),
        (true, false, None) => (
            StaffEvent::WorkPaused {
                task: task.clone(),
                agent,
                reason,
            },
            json!({ "paused": task }),
        ),
        (false, true, _) => (
            StaffEvent::WorkResumed {
                task: task.clone(),
                agent,
                reason,
            },
            json!({ "resumed": task }),
        ),
    };
    Ok(Reply {
        events: vec![Event::Staff {
            what: Box::new(what),
        }],
        ..Reply::ok(answer)
    })
}

/// What a Supervisor is called for.
pub(super) fn called_for(state: &State, agent: &Agent) -> Value {
    let watched = &state.staff.watched;
    // The last of each kind.
    let alarms: Vec<Value> = watched
        .open
        .iter()
        .filter_map(|kind| watched.alarms.iter().rfind(|alarm| alarm.kind == *kind))
        .map(|alarm| json!(alarm))
        .collect();
    json!({
        "role": agent.role.word(),
        "objective": state.settings.as_ref().map(|s| s.objective.as_str()),
        "alarms": alarms,
        "paused": state.staff.paused,
        "changes": state.patches,
        "adapter": "../../adapter",
    })
}
