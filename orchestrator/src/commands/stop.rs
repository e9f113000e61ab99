//! `stop`: asks the process that drives a campaign to let go of it.

use std::path::Path;

use super::{Failure, exit, show};
use crate::store::{Reader, running_pid};

/// Signals the running process; it stops after what is under way.
pub fn stop(dir: &Path, json: bool) -> Result<u8, Failure> {
    // A directory that is no campaign is an error even if nobody runs it.
    Reader::open(dir)?;
    let running = running_pid(dir)?;
    let pid = running
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(std::io::Error::from)?;
    }
    if json {
        show::print_json(&serde_json::json!({ "schema": 1, "signalled": running }));
    } else {
        match running {
            Some(pid) => println!("process {pid} stops after what is under way"),
            None => println!("nothing drives this campaign"),
        }
    }
    Ok(exit::OK)
}
