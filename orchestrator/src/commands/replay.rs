//! `replay`: folds a log again and executes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::ContentHash;

use super::{Failure, exit, show, table};
use crate::core::state::State;
use crate::report;
use crate::store::{Link, Reader, StoreError};
use crate::ui::clean;

/// Folds the log in `dir`, up to event `at` if one is given, and prints what
/// comes of it.
pub fn replay(dir: &Path, at: Option<u64>, json: bool) -> Result<u8, Failure> {
    let links = links(dir, at)?;
    let state = State::fold(links.iter().map(|link| &link.logged)).map_err(|error| {
        Failure::from(StoreError::Corrupt {
            dir: dir.to_owned(),
            why: error.to_string(),
        })
    })?;
    let outline = ContentHash::of(state.outline().to_string().as_bytes());
    let head = links.last().map(|link| &link.hash);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for link in &links {
        *kinds.entry(&link.kind).or_default() += 1;
    }
    // As it was then: whoever drove it was driving it.
    let then = state.clock.last_ms();
    if json {
        show::print_json(&serde_json::json!({
            "schema": 1,
            "events": links.len(),
            "head": head,
            "outline": outline,
            "kinds": kinds,
            "status": at.map(|_| report::status_json(&state, then, true)),
        }));
        return Ok(exit::OK);
    }
    println!("events       {}", links.len());
    println!("head         {}", head.map_or("-", ContentHash::as_str));
    println!("outline      {outline}");
    for (kind, count) in kinds {
        println!("{count:>12} {}", clean(kind));
    }
    if let Some(at) = at {
        println!("\nas of event {at}");
        print!("{}", table::status(&state, then, true));
    }
    Ok(exit::OK)
}

fn links(dir: &Path, at: Option<u64>) -> Result<Vec<Link>, Failure> {
    let scan = Reader::open(dir)?.scan()?;
    let mut links = scan.links;
    let wanted = at.map(|at| usize::try_from(at).unwrap_or(usize::MAX));
    if let Some(wanted) = wanted.filter(|wanted| *wanted <= links.len()) {
        links.truncate(wanted);
        return Ok(links);
    }
    if let Some(broken) = scan.broken {
        return Err(StoreError::Corrupt {
            dir: dir.to_owned(),
            why: format!("event {}: {}", broken.seq, broken.why),
        }
        .into());
    }
    match at {
        None => Ok(links),
        Some(at) => Err(Failure::input(format!(
            "the log of `{}` has no event {at}: it has {}",
            dir.display(),
            links.len()
        ))),
    }
}
