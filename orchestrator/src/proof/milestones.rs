//! Milestones: each file again from the words in the log and the numbers that
//! the log had before they were written.

use super::report::differences;
use super::{Campaign, Findings};
use crate::core::event::{Body, Event};
use crate::core::staff::StaffEvent;
use crate::core::state::State;
use crate::report::milestone;

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    if campaign.state.staff.milestones.is_empty() {
        return;
    }
    let mut state = State::default();
    for logged in campaign.events() {
        if let Event::Staff { what } = &logged.event
            && let StaffEvent::MilestoneWritten { number, text, .. } = what.as_ref()
        {
            one(campaign, &state, *number, text, findings);
        }
        if state.apply(logged).is_err() {
            // Told already.
            return;
        }
    }
}

fn one(campaign: &Campaign<'_>, before: &State, number: u32, text: &Body, findings: &mut Findings) {
    // A blob that is missing has been told already.
    let Ok(words) = campaign.reader.document(text) else {
        return;
    };
    let words = words.as_str().unwrap_or_default();
    let path = campaign.layout.milestone(number);
    let shown = format!("`reports/milestone-{number}.md`");
    let wrong = milestone::problems(before, words);
    if !wrong.is_empty() {
        findings.failed("milestones", format!("{shown}: {}", wrong.join("; ")));
        return;
    }
    let expected = milestone::document(before, number, words);
    match std::fs::read_to_string(&path) {
        Ok(found) if found == expected => {
            let seq = before.seq;
            findings.passed(
                "milestones",
                format!("{shown} says what the log said at event {seq}"),
            );
        }
        Ok(found) => {
            for line in differences(&found, &expected) {
                findings.failed("milestones", format!("{shown}, {line}"));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.not_possible("milestones", format!("{shown} is not there"));
        }
        Err(error) => findings.failed("milestones", format!("{shown} can't be read: {error}")),
    }
}
