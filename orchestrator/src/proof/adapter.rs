//! The adapter's changes: each begins where the one before ended, and is one
//! that the log tells of.

use std::collections::BTreeMap;

use protocol::ContentHash;

use super::{Campaign, Findings, pinned};
use crate::adapter::{Change, FILES, changes};
use crate::core::event::Event;

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    let folder = campaign.layout.adapter();
    let made = match changes(&folder) {
        Ok(made) => made,
        Err(error) => {
            findings.failed("adapter", crate::chain::of(&error));
            return;
        }
    };
    let told: Vec<(u32, &str)> = campaign
        .events()
        .filter_map(|logged| match &logged.event {
            Event::AdapterPatched { file, change, .. } => Some((*change, file.as_str())),
            _ => None,
        })
        .collect();
    let mut bad = untold(&made, &told, campaign.running.is_some());
    let pins = pinned::of(campaign);
    for file in FILES {
        let now = std::fs::read_to_string(folder.join(file)).ok();
        let pins = pins.get(&format!("adapter/{file}"));
        let of_file: Vec<&Change> = made
            .iter()
            .filter(|c| c.entry.file == file)
            .filter(|c| told.iter().any(|(number, _)| *number == c.entry.number))
            .collect();
        bad.extend(chain(file, &of_file, now, pins.map_or(&[], Vec::as_slice)));
    }
    if bad.is_empty() {
        let changes = told.len();
        findings.passed(
            "adapter",
            format!("{changes} changes lead from the texts of the start to those of now"),
        );
    }
    for one in bad {
        findings.failed("adapter", one);
    }
}

/// Changes that only the log or only the history has.
fn untold(made: &[Change], told: &[(u32, &str)], running: bool) -> Vec<String> {
    let known: BTreeMap<u32, &str> = made
        .iter()
        .map(|change| (change.entry.number, change.entry.file.as_str()))
        .collect();
    let mut bad: Vec<String> = told
        .iter()
        .filter(|(number, file)| known.get(number) != Some(file))
        .map(|(number, file)| format!("change {number} of `{file}` is not in `adapter/.history`"))
        .collect();
    // The last may have been made by a process that died before it said so.
    let unsaid = known
        .keys()
        .filter(|number| !told.iter().any(|(n, _)| n == *number));
    let last = made.last().map(|change| change.entry.number);
    bad.extend(
        unsaid
            .filter(|number| !running && Some(**number) != last)
            .map(|number| format!("change {number} in `adapter/.history` is not in the log")),
    );
    bad
}

/// Where the history of one file breaks.
fn chain(
    file: &str,
    changes: &[&Change],
    now: Option<String>,
    pins: &[ContentHash],
) -> Vec<String> {
    let mut bad = Vec::new();
    let texts = changes
        .iter()
        .map(|change| change.before.clone())
        .chain([now])
        .collect::<Vec<_>>();
    for (change, next) in changes.iter().zip(texts.iter().skip(1)) {
        let number = change.entry.number;
        // What it left is what the next one found.
        if change.after != *next {
            bad.push(format!(
                "`adapter/{file}` is not what change {number} in `adapter/.history` left"
            ));
        }
    }
    for (place, (text, pin)) in texts.iter().zip(pins).enumerate() {
        let hash = text
            .as_ref()
            .and_then(|text| ContentHash::of_stream(text.as_bytes()).ok());
        // The text of now is compared with its pin elsewhere.
        if place < changes.len() && hash.as_ref() != Some(pin) {
            let number = changes.get(place).map_or(0, |change| change.entry.number);
            bad.push(format!(
                "the text before change {number} in `adapter/.history` is not what `{file}` was"
            ));
        }
    }
    bad
}
