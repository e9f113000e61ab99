//! The files that an Auditor looks at: a copy of the experiment's folder under
//! its number, for the folder's name was chosen by whoever hoped for something,
//! and the quick looks in it are named after who took them.

use std::io;
use std::path::Path;

use super::{Driver, DriverError};
use crate::core::agent::Role;
use crate::core::ids::AgentId;
use crate::exec::TRIES;
use crate::tools::files::MAX_FILE_BYTES;

impl Driver {
    /// Lays out what an agent audits in its working folder, if it audits
    /// anything and has not got it yet.
    pub(super) fn lay_out(&self, agent: AgentId, home: &Path) -> Result<(), DriverError> {
        let state = &self.session.state;
        let found = state.agents.get(&agent);
        let auditor = found.filter(|agent| agent.role == Role::Auditor);
        let Some(e) = auditor.and_then(|agent| state.experiments.get(&agent.experiment?)) else {
            return Ok(());
        };
        let (name, id) = (e.folder(), e.id.to_string());
        let from = self.session.layout.experiments().join(&name);
        let to = home.join(&id);
        if to.is_dir() {
            return Ok(());
        }
        // One that a process has left that died over it is not used.
        let half = home.join(format!(".{id}"));
        let laid_out = || {
            if half.exists() {
                std::fs::remove_dir_all(&half)?;
            }
            copy(&from, &half, &|text| text.replace(&name, &id))?;
            std::fs::rename(&half, &to)
        };
        laid_out().map_err(|source| DriverError::Folder {
            path: to.clone(),
            source,
        })
    }
}

/// Copies what can be read of a folder, its texts as `reworded`. Links are left
/// out, wherever they lead.
fn copy(from: &Path, to: &Path, reworded: &dyn Fn(&str) -> String) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let (from, to) = (entry.path(), to.join(&name));
        if kind.is_dir() && name != TRIES {
            copy(&from, &to, reworded)?;
        } else if kind.is_file() && entry.metadata()?.len() <= MAX_FILE_BYTES {
            let bytes = std::fs::read(&from)?;
            let bytes = match std::str::from_utf8(&bytes) {
                Ok(text) => reworded(text).into_bytes(),
                Err(_) => bytes,
            };
            std::fs::write(&to, bytes)?;
        }
    }
    Ok(())
}
