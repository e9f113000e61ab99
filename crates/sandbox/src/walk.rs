//! Walking a folder that somebody hostile is changing meanwhile.
//!
//! Every step is taken from an open folder and follows no symbolic link, so
//! the walk never leaves the tree whatever is moved or replaced under it.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Deeper folders are not entered: each level keeps two descriptors open.
const DEEPEST: usize = 64;

/// Something in the tree.
pub(crate) struct Entry<'a> {
    folder: &'a File,
    name: &'a CStr,
    /// What the kernel says of it.
    pub(crate) stat: libc::stat,
    /// Whether it is a folder too deep to be entered.
    pub(crate) too_deep: bool,
}

impl Entry<'_> {
    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.stat.st_mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Which file it is, whatever its name.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.stat.st_dev, self.stat.st_ino)
    }

    /// Gives it to a user and the group of the same number.
    pub(crate) fn give_to(&self, user: u32) -> io::Result<()> {
        // SAFETY: the descriptor is open and the name a C string.
        let result = unsafe {
            libc::fchownat(
                self.folder.as_raw_fd(),
                self.name.as_ptr(),
                user,
                user,
                libc::AT_SYMLINK_NOFOLLOW,
            )
        };
        check(result)
    }
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Visits everything below `root`, folders before what is in them. A folder
/// whose visit answers `Break` is not entered. What disappears meanwhile is
/// passed over.
pub(crate) fn walk(
    root: &Path,
    visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let root = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(root)?;
    enter(&root, 1, visit)
}

fn enter(
    folder: &File,
    depth: usize,
    visit: &mut dyn FnMut(&Entry<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    // Through our own descriptor this cannot be another folder.
    for found in fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))? {
        let Ok(name) = CString::new(found?.file_name().as_bytes()) else {
            continue;
        };
        let Ok(stat) = stat_at(folder, &name) else {
            continue;
        };
        let mut entry = Entry {
            folder,
            name: &name,
            stat,
            too_deep: false,
        };
        entry.too_deep = entry.is_folder() && depth >= DEEPEST;
        let answer = visit(&entry);
        if !entry.is_folder() || entry.too_deep || answer.is_break() {
            continue;
        }
        if let Ok(inner) = open_at(folder, &name) {
            // A folder that is removed while it is read.
            let _ = enter(&inner, depth + 1, visit);
        }
    }
    Ok(())
}

fn stat_at(folder: &File, name: &CStr) -> io::Result<libc::stat> {
    // SAFETY: all-zero is a valid `stat`; the pointers are to live objects.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        check(libc::fstatat(
            folder.as_raw_fd(),
            name.as_ptr(),
            &raw mut stat,
            libc::AT_SYMLINK_NOFOLLOW,
        ))?;
        Ok(stat)
    }
}

fn open_at(folder: &File, name: &CStr) -> io::Result<File> {
    // SAFETY: the name is a C string; the new descriptor is ours alone.
    unsafe {
        let fd = libc::openat(
            folder.as_raw_fd(),
            name.as_ptr(),
            libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC,
        );
        check(fd)?;
        Ok(File::from_raw_fd(fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed_and_depth_ends() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let deep: std::path::PathBuf = std::iter::repeat_n("d", DEEPEST + 5).collect();
        fs::create_dir_all(folder.path().join(deep)).unwrap();
        let (mut seen, mut too_deep) = (0, 0);
        walk(folder.path(), &mut |entry| {
            seen += 1;
            too_deep += usize::from(entry.too_deep);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!((seen, too_deep), (1 + DEEPEST, 1));
        assert!(
            walk(&folder.path().join("link"), &mut |_| ControlFlow::Continue(
                ()
            ))
            .is_err()
        );
    }
}
