//! `serve`, and the dashboard beside a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Failure, exit};
use crate::dashboard::{Dashboard, DashboardError};
use crate::store::{self, Reader};

/// Time between two looks whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// Shows a campaign until told to stop. The address is what there is on
/// stdout.
pub fn serve(dir: &Path, port: u16, stop: &Arc<AtomicBool>) -> Result<u8, Failure> {
    // Says what is wrong with a directory that is no campaign's.
    Reader::open(dir)?;
    let dashboard = Dashboard::start(dir, port)?;
    println!("{}", dashboard.url());
    eprintln!("showing {}; Ctrl-C ends it", dir.display());
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(GLANCE);
    }
    Ok(exit::OK)
}

/// The dashboard of a campaign that this process drives, until dropped.
#[derive(Debug)]
pub(super) struct Beside {
    dashboard: Option<Dashboard>,
    dir: PathBuf,
}

impl Drop for Beside {
    fn drop(&mut self) {
        let Some(dashboard) = self.dashboard.take() else {
            return;
        };
        // Its reader goes first.
        drop(dashboard);
        match store::settle(&self.dir) {
            Ok(true) => {}
            Ok(false) => eprintln!(
                "warning: somebody still reads the campaign: what is new of it is in the file beside campaign.db until the next run"
            ),
            Err(error) => eprintln!("warning: {}", crate::chain::of(&error)),
        }
    }
}

/// Shows a campaign that this process drives on `port`, or on any if that is 0.
/// Without a dashboard the campaign goes on all the same.
pub(super) fn beside(dir: &Path, port: Option<u16>) -> Beside {
    let started = port.map(|port| Dashboard::start(dir, port));
    match &started {
        Some(Ok(dashboard)) => eprintln!("dashboard: {}", dashboard.url()),
        Some(Err(error)) => eprintln!("warning: no dashboard: {}", crate::chain::of(error)),
        None => {}
    }
    Beside {
        dashboard: started.and_then(Result::ok),
        dir: dir.to_owned(),
    }
}

impl From<DashboardError> for Failure {
    fn from(error: DashboardError) -> Self {
        match error {
            DashboardError::Store(error) => error.into(),
            DashboardError::Listen { .. } | DashboardError::Start(_) => Self::input(error),
        }
    }
}
