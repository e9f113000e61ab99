//! Documents made from the log alone: the report, its charts, the playbook,
//! and the JSON that others script against.

mod anchor;
mod chart;
pub mod compare;
mod curves;
mod figures;
mod json;
mod lineage;
mod markdown;
pub mod milestone;
mod models;
mod phases;
mod playbook;
mod statistics;

use std::path::PathBuf;

use protocol::ContentHash;

use crate::campaign::Layout;
use crate::core::event::Logged;
use crate::core::state::State;

pub use anchor::Anchor;
pub use figures::{Reference, references};
pub use json::{leaderboard as leaderboard_json, status as status_json};
pub use markdown::{number, report, standing};
pub use models::by_model as by_model_json;
pub use playbook::{
    compared_with, json as playbook_json, markdown as playbook, told as told_of_playbook,
};
pub use statistics::{found_as, small};

/// What is said wherever the numbers of a simulator are shown.
pub const SIMULATED: &str = "SIMULATED: no GPU has run this. Verdicts count; the costs are those of a model that was never \
     compared with hardware, they are no times, and nothing is compared with a baseline";

/// Writes the report, its charts and the playbook of a campaign; `head` is the
/// hash of the last event of `log`.
pub fn write(
    layout: &Layout,
    state: &State,
    log: &[Logged],
    head: &ContentHash,
) -> Result<(), sandbox::fs::WriteError> {
    let reports = layout.reports();
    // A folder that can't be made shows in the first write.
    let _ = std::fs::create_dir_all(&reports);
    for (path, text) in documents(layout, state, log, head) {
        sandbox::fs::write_atomic(&path, text)?;
    }
    Ok(())
}

/// The same, by their paths; the report is the first.
pub fn documents(
    layout: &Layout,
    state: &State,
    log: &[Logged],
    head: &ContentHash,
) -> Vec<(PathBuf, String)> {
    let reports = layout.reports();
    let anchor = Anchor {
        events: state.seq,
        head: head.clone(),
    };
    let mut documents = vec![
        (layout.report(), report(state, &anchor)),
        (reports.join("tasks.svg"), chart::tasks(state)),
    ];
    // It shows how far ahead of the baseline a campaign is.
    if !state.is_simulated() {
        documents.push((reports.join("progress.svg"), chart::progress(state, log)));
    }
    documents.push((layout.playbook(), playbook(state)));
    if state.has_several_models() && state.phase >= 3 {
        documents.push((reports.join("models.svg"), curves::models(state, log)));
    }
    documents
}
