//! `status`, `leaderboard` and `report`: read-only looks at a campaign, also
//! while it runs.

use std::path::{Path, PathBuf};

use super::{Failure, exit, table};
use crate::campaign::Layout;
use crate::core::state::State;
use crate::driver::now_ms;
use crate::report;
use crate::store::{Reader, running_pid};

/// Prints where a campaign stands.
pub fn status(dir: &Path, json: bool) -> Result<u8, Failure> {
    let state = Reader::open(dir)?.state()?;
    let live = running_pid(dir)?.is_some();
    let now = now_ms();
    if json {
        print_json(&report::status_json(&state, now, live));
    } else {
        print!("{}", table::status(&state, now, live));
    }
    Ok(exit::OK)
}

/// Prints the leaderboard.
pub fn leaderboard(dir: &Path, json: bool) -> Result<u8, Failure> {
    let state = Reader::open(dir)?.state()?;
    if json {
        print_json(&report::leaderboard_json(&state));
    } else {
        print!("{}", table::leaderboard(&state));
    }
    Ok(exit::OK)
}

/// Writes the report anew and prints where it is, or prints it.
pub fn report(dir: &Path, json: bool) -> Result<u8, Failure> {
    let (log, head) = Reader::open(dir)?.anchored_log()?;
    let state = State::fold(&log).map_err(Failure::bug)?;
    let layout = Layout::of(dir);
    report::write(&layout, &state, &log, &head)?;
    let charts: Vec<PathBuf> = report::documents(&layout, &state, &log, &head)
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "svg"))
        .collect();
    if json {
        print_json(&serde_json::json!({
            "schema": 1,
            "report": layout.report(),
            "playbook": layout.playbook(),
            "charts": charts,
        }));
    } else {
        println!("{}", layout.report().display());
    }
    Ok(exit::OK)
}

pub(super) fn print_json(value: &serde_json::Value) {
    println!("{value:#}");
}
