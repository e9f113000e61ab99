//! Files that the log knows by their content, and the settings.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Component, Path};

use protocol::ContentHash;

use super::{Campaign, Findings};
use crate::core::event::Event;

/// Hashes of a file, as they were pinned one after the other.
pub(super) type Pins = BTreeMap<String, Vec<ContentHash>>;

/// Every pinned hash, by the file's path in the campaign's directory.
pub(super) fn of(campaign: &Campaign<'_>) -> Pins {
    let mut pins = Pins::new();
    for logged in campaign.events() {
        let Event::FilesPinned { files } = &logged.event else {
            continue;
        };
        // A blob that is missing has been told already.
        let files = campaign.reader.document(files).unwrap_or_default();
        for (path, hash) in files.as_object().into_iter().flatten() {
            if let Some(hash) = hash.as_str().and_then(|text| text.parse().ok()) {
                pins.entry(path.clone()).or_default().push(hash);
            }
        }
    }
    pins
}

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    let pins = of(campaign);
    if pins.is_empty() {
        let why = "the log was begun by a version that did not pin `adapter/` and `prices.toml`";
        findings.not_possible("pinned", why);
    }
    let mut bad = Vec::new();
    for (path, hashes) in &pins {
        if let Err(why) = compare(campaign, path, hashes.last()) {
            bad.push(format!("`{path}` {why}"));
        }
    }
    if bad.is_empty() && !pins.is_empty() {
        let files = pins.len();
        findings.passed("pinned", format!("{files} files are what they were"));
    }
    for one in bad {
        findings.failed("pinned", one);
    }
    settings(campaign, findings);
}

fn compare(
    campaign: &Campaign<'_>,
    path: &str,
    expected: Option<&ContentHash>,
) -> Result<(), String> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !Path::new(path).components().all(inside) {
        return Err("leads out of the campaign".to_owned());
    }
    let found = File::open(campaign.layout.dir.join(path))
        .and_then(ContentHash::of_stream)
        .map_err(|error| format!("can't be read: {error}"))?;
    if Some(&found) == expected {
        Ok(())
    } else {
        Err("is not what it was when the log pinned it".to_owned())
    }
}

/// `campaign.toml` shows what the campaign was started with.
fn settings(campaign: &Campaign<'_>, findings: &mut Findings) {
    let started = campaign.events().find_map(|logged| match &logged.event {
        Event::CampaignStarted { settings } => toml::to_string(settings.as_ref()).ok(),
        _ => None,
    });
    let (Some(expected), path) = (started, campaign.layout.settings()) else {
        findings.not_possible("settings", "the log does not begin with settings");
        return;
    };
    match std::fs::read_to_string(&path) {
        Err(error) => findings.failed(
            "settings",
            format!("`campaign.toml` can't be read: {error}"),
        ),
        Ok(found) if found == expected => {
            findings.passed("settings", "`campaign.toml` shows those of the log");
        }
        Ok(found) => {
            for line in super::report::differences(&found, &expected) {
                findings.failed("settings", format!("`campaign.toml`, {line}"));
            }
        }
    }
}
