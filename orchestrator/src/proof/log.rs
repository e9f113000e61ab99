//! The log itself: SQLite's structure, the chain of hashes, the blobs, the
//! fold.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ContentHash;

use super::Findings;
use crate::core::event::{Event, Logged};
use crate::core::state::State;
use crate::store::{Depth, Link, Reader, StoreError, blobs_in};

/// The log as far as it holds; none if the database can't be read at all.
pub(super) fn scan(
    reader: &Reader,
    findings: &mut Findings,
) -> Result<Option<Vec<Link>>, StoreError> {
    match reader.structure(Depth::Full) {
        Ok(verdict) if verdict == "ok" => {
            findings.passed("structure", "SQLite finds nothing wrong with its file");
        }
        Ok(verdict) => findings.failed("structure", format!("`campaign.db`: {verdict}")),
        Err(StoreError::Corrupt { why, .. }) => {
            findings.failed("structure", format!("`campaign.db`: {why}"));
        }
        Err(other) => return Err(other),
    }
    let scan = match reader.scan() {
        Err(StoreError::Corrupt { why, .. }) => {
            findings.failed("chain", format!("`campaign.db` can't be read: {why}"));
            return Ok(None);
        }
        other => other?,
    };
    match (&scan.broken, scan.links.last()) {
        (Some(at), _) => findings.failed("chain", format!("event {}: {}", at.seq, at.why)),
        (None, None) => findings.failed("chain", "the log has no event"),
        (None, Some(last)) => findings.passed(
            "chain",
            format!("{} events, the last is {}", scan.links.len(), last.hash),
        ),
    }
    for link in &scan.links {
        if let Event::CampaignForked { of, at, dir, .. } = &link.logged.event {
            let here = usize::try_from(*at).ok().and_then(|at| at.checked_sub(1));
            let here = here.and_then(|place| scan.links.get(place));
            if here.is_some_and(|here| here.hash == *of) {
                findings.passed("fork", format!("of `{dir}` at event {at}"));
            } else {
                findings.failed(
                    "fork",
                    format!("event {at} is not the one of `{dir}` that was copied"),
                );
            }
        }
    }
    Ok(Some(scan.links))
}

/// Every blob against its hash, and every one that an event needs.
pub(super) fn blobs(reader: &Reader, links: &[Link], findings: &mut Findings) {
    let mut needed: BTreeMap<ContentHash, &Link> = BTreeMap::new();
    for link in links {
        for hash in blobs_in(&link.logged).unwrap_or_default() {
            needed.entry(hash).or_insert(link);
        }
    }
    let whose = |hash: &str| {
        let link = needed.iter().find(|(known, _)| known.as_str() == hash);
        link.map_or("which no event needs".to_owned(), |(_, link)| named(link))
    };
    let (mut seen, mut bad) = (BTreeSet::new(), Vec::new());
    let read = reader.each_blob(|hash, content| {
        if ContentHash::of(content).as_str() != hash {
            bad.push(format!("blob {hash}, {}, has another content", whose(hash)));
        }
        seen.insert(hash.to_owned());
    });
    if let Err(error) = read {
        findings.failed("blobs", crate::chain::of(&error));
        return;
    }
    for (hash, link) in &needed {
        if !seen.contains(hash.as_str()) {
            bad.push(format!("blob {hash}, {}, is missing", named(link)));
        }
    }
    if bad.is_empty() {
        let (all, used) = (seen.len(), needed.len());
        findings.passed("blobs", format!("{all}, {used} of them needed by events"));
    }
    for one in bad {
        findings.failed("blobs", one);
    }
}

fn named(link: &Link) -> String {
    format!("of event {} `{}`", link.logged.seq, link.kind)
}

/// The state that the log folds to.
pub(super) fn fold(links: &[Link], findings: &mut Findings) -> Option<State> {
    match State::fold(logged(links)) {
        Ok(state) => {
            findings.passed(
                "fold",
                format!("event {} follows from all before", state.seq),
            );
            Some(state)
        }
        Err(error) => {
            findings.failed("fold", crate::chain::of(&error));
            None
        }
    }
}

fn logged(links: &[Link]) -> impl Iterator<Item = &Logged> {
    links.iter().map(|link| &link.logged)
}
