//! One measurement at a time on a machine.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::HarnessError;

/// The machine-wide measurement lock; released when dropped or when the
/// process dies.
#[derive(Debug)]
pub struct MachineLock {
    _file: File,
    waited: Duration,
}

/// Where the lock is, for every user of the machine.
pub fn default_path() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let base = if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    };
    base.join("alphalab-measure.lock")
}

impl MachineLock {
    /// Waits for the lock at most `patience`.
    pub fn take(path: &Path, patience: Duration) -> Result<Self, HarnessError> {
        let start = Instant::now();
        let file = open(path).map_err(|source| HarnessError::File {
            doing: "open the measurement lock",
            path: path.to_owned(),
            source,
        })?;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        _file: file,
                        waited: start.elapsed(),
                    });
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    if start.elapsed() > patience {
                        return Err(HarnessError::Busy(format!(
                            "another measurement has held `{}` for {} s",
                            path.display(),
                            patience.as_secs()
                        )));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(std::fs::TryLockError::Error(source)) => {
                    return Err(HarnessError::File {
                        doing: "lock",
                        path: path.to_owned(),
                        source,
                    });
                }
            }
        }
    }

    /// How long the lock was waited for.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A lock that another user made can be locked through a read-only
    // descriptor; O_CREAT on it is refused in sticky directories.
    match OpenOptions::new().read(true).open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o666)
                .open(path)?;
            // The process's umask took bits away that other users need.
            file.set_permissions(std::fs::Permissions::from_mode(0o666))?;
            Ok(file)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = MachineLock::take(&path, Duration::ZERO).unwrap();
        let refused = MachineLock::take(&path, Duration::from_millis(20)).unwrap_err();
        assert_eq!(refused.code(), "busy");
        drop(held);
        MachineLock::take(&path, Duration::ZERO).unwrap();
    }
}
