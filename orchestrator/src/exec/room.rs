//! A folder that a lab works in, for as long as anybody can start the lab.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::{Builder, TempDir};

/// What such folders' names begin with.
const PREFIX: &str = "alphalab-lab-";
/// Held open and locked in a room that somebody uses.
const USED: &str = "used";

/// A room. Dropping it removes the folder; one whose process was killed is
/// removed by whoever opens the next, for answers may lie in it.
#[derive(Debug)]
pub struct Room {
    folder: TempDir,
    /// Locked until it is closed.
    used: File,
}

impl Room {
    /// A new one among the temporary files, that the sandbox's user can enter.
    pub fn open() -> io::Result<Self> {
        Self::open_in(&std::env::temp_dir())
    }

    fn open_in(around: &Path) -> io::Result<Self> {
        clear(around);
        let folder = Builder::new().prefix(PREFIX).tempdir_in(around)?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        // Locked before anybody can find it under its name.
        let making = folder.path().join("using");
        let used = File::create(&making)?;
        used.lock()?;
        fs::rename(&making, folder.path().join(USED))?;
        Ok(Self { folder, used })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Closing it would do; the folder goes next.
        let _ = self.used.unlock();
    }
}

/// Removes rooms that nobody uses any more. What can't be removed is somebody
/// else's, or in the way of nobody.
fn clear(around: &Path) {
    for entry in around.read_dir().into_iter().flatten().flatten() {
        let is_room = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_room
            && is_folder
            && let Ok(used) = File::open(entry.path().join(USED))
            && used.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_removed_with_its_owner_or_by_the_next_one() {
        let around = tempfile::tempdir().expect("a folder");
        let first = Room::open_in(around.path()).expect("a room");
        let second = Room::open_in(around.path()).expect("a room");
        assert!(first.path().is_dir() && second.path().is_dir());
        // A process that is killed drops its lock and leaves its folder.
        let left = around.path().join(format!("{PREFIX}killed"));
        fs::create_dir(&left).expect("a folder");
        fs::write(left.join(USED), "").expect("a file");
        let third = Room::open_in(around.path()).expect("a room");
        assert!(!left.exists() && first.path().is_dir() && third.path().is_dir());
        drop((first, second, third));
        assert_eq!(around.path().read_dir().expect("a folder").count(), 0);
    }
}
