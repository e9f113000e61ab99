//! Documents made from the log alone: the report, its charts, the playbook,
//! and the JSON that others script against.

mod chart;
mod json;
mod markdown;
mod phases;

use crate::campaign::Layout;
use crate::core::event::Logged;
use crate::core::state::State;

pub use json::{leaderboard as leaderboard_json, status as status_json};
pub use markdown::{number, playbook, report, standing};

/// Writes the report, its charts and the playbook of a campaign.
pub fn write(
    layout: &Layout,
    state: &State,
    log: &[Logged],
) -> Result<(), sandbox::fs::WriteError> {
    let reports = layout.reports();
    // A folder that can't be made shows in the first write.
    let _ = std::fs::create_dir_all(&reports);
    sandbox::fs::write_atomic(&reports.join("tasks.svg"), chart::tasks(state))?;
    sandbox::fs::write_atomic(&reports.join("progress.svg"), chart::progress(state, log))?;
    sandbox::fs::write_atomic(&layout.report(), report(state))?;
    sandbox::fs::write_atomic(&layout.playbook(), playbook(&state.playbook))
}
