//! `playbook`: what a campaign has learned, for people, for programs and for
//! other campaigns; and what a new campaign takes over.

use std::path::Path;

use protocol::ContentHash;
use serde::{Deserialize, Serialize};

use super::{Failure, exit, show, table};
use crate::campaign::{Layout, TaskError, task_hash};
use crate::core::playbook::{Admitted, Export, Here, TaskKnown};
use crate::core::settings::Settings;
use crate::core::state::State;
use crate::report;
use crate::store::{DATABASE, Reader};

/// Version of an exported playbook.
const SCHEMA: u32 = 1;

/// A playbook in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    /// Version of this document.
    schema: u32,
    /// Hash of the playbook: against accidents, not against forgery.
    hash: ContentHash,
    /// The playbook.
    playbook: Export,
}

/// Prints the playbook of the campaign in `dir`, with retired entries if `all`;
/// writes it to `to` for other campaigns, if that is wanted.
pub fn playbook(dir: &Path, json: bool, all: bool, to: Option<&Path>) -> Result<u8, Failure> {
    let reader = Reader::open(dir)?;
    if let Some(to) = to {
        let export = exported(&reader, dir)?;
        let hash = hash(&export)?;
        let document = Exported {
            schema: SCHEMA,
            hash,
            playbook: export,
        };
        let mut text = serde_json::to_string_pretty(&document).map_err(Failure::bug)?;
        text.push('\n');
        sandbox::fs::write_atomic(to, text)?;
        let entries = document.playbook.entries.len();
        eprintln!("wrote {entries} entries to {}", to.display());
    }
    let state = reader.state()?;
    if json {
        show::print_json(&report::playbook_json(&state, all));
    } else if to.is_none() {
        print!("{}", table::playbook(&state, all));
    }
    Ok(exit::OK)
}

/// The playbook of the campaign in `dir`, whose log holds.
fn exported(reader: &Reader, dir: &Path) -> Result<Export, Failure> {
    let (log, head) = reader.anchored_log()?;
    let state = State::fold(&log).map_err(|error| {
        Failure::input(format!(
            "the log of `{}` does not hold: {error}",
            dir.display()
        ))
    })?;
    let whole = Layout::of(dir).dir;
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    Export::of(&state, &name, &head)
        .map_err(|error| Failure::input(format!("--playbook `{}`: {error}", dir.display())))
}

fn hash(export: &Export) -> Result<ContentHash, Failure> {
    let text = serde_json::to_vec(export).map_err(Failure::bug)?;
    Ok(ContentHash::of(&text))
}

/// What `--playbook` names: a campaign's directory, or an exported file.
pub(super) fn load(path: &Path) -> Result<Export, Failure> {
    if path.is_dir() || path.join(DATABASE).exists() {
        return exported(&Reader::open(path)?, path);
    }
    let shown = path.display();
    let bad = |why: String| Failure::input(format!("--playbook `{shown}`: {why}"));
    let bytes = std::fs::read(path).map_err(|error| {
        bad(format!(
            "{error}; it must be a campaign's directory or a file of `alphalab playbook --export`"
        ))
    })?;
    let document: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| bad(format!("it is no JSON: {error}")))?;
    match document["schema"].as_u64() {
        Some(schema) if schema > u64::from(SCHEMA) => {
            let why = format!("`schema` is {schema}, this version knows {SCHEMA}");
            return Err(bad(why));
        }
        _ => {}
    }
    let exported: Exported = serde_json::from_slice(&bytes).map_err(|error| {
        bad(format!(
            "it is no file of `alphalab playbook --export`: {error}"
        ))
    })?;
    if hash(&exported.playbook)? != exported.hash {
        return Err(bad(
            "`hash` is not that of its `playbook`: it was changed after it was exported".to_owned(),
        ));
    }
    exported
        .playbook
        .check()
        .map_err(|error| bad(error.to_string()))?;
    Ok(exported.playbook)
}

/// What of a playbook a campaign with these settings takes over; says on stderr
/// what, and why not the rest.
pub(super) fn admit(path: &Path, export: Export, settings: &Settings) -> Result<Admitted, Failure> {
    let sources = settings.tasks.iter().map(|task| {
        Ok(TaskKnown {
            name: task.name.clone(),
            source: task_hash(Path::new(&task.source))?,
        })
    });
    let here = Here {
        domain: settings.domain.clone(),
        lab: settings.lab.clone(),
        device: settings.device.clone(),
        metric: settings.metric.clone(),
        tasks: sources.collect::<Result<_, TaskError>>()?,
    };
    let name = export.origin.name.clone();
    let admitted = export.admit(&here).map_err(|error| {
        Failure::input(format!(
            "nothing of --playbook `{}` can be carried: {error}",
            path.display()
        ))
    })?;
    let entries = admitted.entries.len();
    eprintln!("playbook: {entries} entries of `{name}` are carried");
    for left in &admitted.left {
        eprintln!("playbook: {} left behind: {}", left.count, left.why);
    }
    Ok(admitted)
}
