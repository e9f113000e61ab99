//! What was taken over from another campaign.

use super::{Campaign, Findings};
use crate::core::event::Event;
use crate::core::playbook::Export;

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    let mut events = campaign.events();
    let carried = events.find_map(|logged| match &logged.event {
        Event::PlaybookCarried { carried } => Some((logged.seq, carried)),
        _ => None,
    });
    let Some((seq, carried)) = carried else {
        return;
    };
    let origin = &carried.origin;
    let export = Export {
        origin: origin.clone(),
        tasks: Vec::new(),
        entries: carried.entries.clone(),
        retired: 0,
    };
    if let Err(error) = export.check() {
        findings.failed("playbook", format!("event {seq}: {error}"));
        return;
    }
    let elsewhere = campaign.state.settings.as_ref().and_then(|here| {
        let same = here.metric.name == origin.metric.name
            && here.metric.direction == origin.metric.direction;
        let words = format!("its metric is `{}`", origin.metric.name);
        (!same).then_some(words)
    });
    if let Some(why) = elsewhere {
        findings.failed("playbook", format!("event {seq}: {why}"));
        return;
    }
    let entries = carried.entries.len();
    findings.passed(
        "playbook",
        format!("{entries} entries are carried, each with a factor on this campaign's metric"),
    );
    findings.not_possible(
        "playbook",
        format!(
            "what they were measured from is in the log of `{}`, whose event {} has the hash {}",
            crate::ui::plain(&origin.name),
            origin.events,
            origin.short()
        ),
    );
}
