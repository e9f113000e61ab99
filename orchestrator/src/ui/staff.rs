//! What the agents beside the search have done, in a line.

use crate::core::staff::{StaffEvent, Verdict};
use crate::core::state::State;

pub(super) fn describe(state: &State, what: &StaffEvent) -> String {
    let task_of = |id| state.experiments.get(id).map_or("?", |e| e.task.as_str());
    match what {
        StaffEvent::MilestoneWritten { number, .. } => {
            format!("milestone {number}: reports/milestone-{number}.md")
        }
        StaffEvent::AlarmRaised { alarm } => format!("alarm: {}", alarm.detail),
        StaffEvent::AlarmCleared { kind } => format!("the alarm `{}` is over", kind.word()),
        StaffEvent::WorkPaused { task, reason, .. } => format!("{task}: paused, {reason}"),
        StaffEvent::WorkResumed { task, reason, .. } => format!("{task}: goes on, {reason}"),
        StaffEvent::Concluded {
            experiment, text, ..
        } => format!("{}: {experiment}: {text}", task_of(experiment)),
        StaffEvent::Ruled { experiment, ruling } => {
            let said = match ruling.verdict {
                Verdict::Pass => "passed",
                Verdict::Demote => "demoted",
            };
            let reason = &ruling.reason;
            format!(
                "{}: {experiment} {said} by its auditor: {reason}",
                task_of(experiment)
            )
        }
    }
}
