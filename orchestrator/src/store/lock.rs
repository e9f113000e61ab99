//! One writer at a time: an advisory lock that ends with its process.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StoreError;

const LOCK: &str = "campaign.lock";
/// How long somebody may take to look who holds the lock, and how often.
const GLANCE: Duration = Duration::from_millis(5);
const GLANCES: u32 = 20;

/// The right to write to a campaign, until dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, and leaves this process's id in the file.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK);
        let failed = |operation, source| StoreError::File {
            operation,
            path: path.clone(),
            source,
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| failed("open", source))?;
        match patiently(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    pid: read_pid(&mut file).unwrap_or_else(|| "unknown".to_owned()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", source)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|source| failed("write", source))?;
        Ok(Self { _file: file })
    }
}

/// Takes the lock. Whoever only looks who holds it, holds it for a moment.
fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..GLANCES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(GLANCE),
            other => return other,
        }
    }
    file.try_lock()
}

fn read_pid(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let pid = text.trim();
    (!pid.is_empty()).then(|| pid.to_owned())
}

/// The process that holds the lock on a campaign, if one does.
pub fn running_pid(dir: &Path) -> Result<Option<u32>, StoreError> {
    let path: PathBuf = dir.join(LOCK);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StoreError::File {
                operation: "open",
                path,
                source,
            });
        }
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(read_pid(&mut file).and_then(|pid| pid.parse().ok())),
        Err(TryLockError::Error(source)) => Err(StoreError::File {
            operation: "look at the lock on",
            path,
            source,
        }),
    }
}
