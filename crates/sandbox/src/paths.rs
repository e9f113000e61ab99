//! The paths of a policy: whether the child can use them, and giving it what it
//! may write.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::policy::NOBODY;
use crate::{Backend, Policy, SpawnError, walk};

/// Checks that the policy's paths are there and that the child's user can read
/// them; gives writable folders to that user.
pub(crate) fn check_paths(
    policy: &Policy,
    program: &Path,
    drops_user: bool,
    backend: Backend,
) -> Result<(), SpawnError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| SpawnError::Path { path, source }
    };
    for path in policy.read_only.iter().chain(&policy.read_write) {
        if !path.is_absolute() {
            return Err(fail(path)(io::Error::other("the path is not absolute")));
        }
        fs::metadata(path).map_err(fail(path))?;
    }
    if !drops_user {
        return Ok(());
    }
    for path in &policy.read_write {
        if fs::metadata(path).map_err(fail(path))?.uid() == 0 {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).map_err(fail(path))?;
        }
        if policy.is_agent() {
            give_contents(policy, path).map_err(fail(path))?;
        }
    }
    let open_to_nobody = |path: &Path, bits: u32| {
        fs::metadata(path).is_ok_and(|data| {
            let shift = if data.uid() == NOBODY { 6 } else { 0 };
            (data.permissions().mode() >> shift) & bits == bits
        })
    };
    let writable = policy.read_write.iter().filter(|_| policy.is_agent());
    for path in policy
        .read_only
        .iter()
        .chain(writable)
        .map(PathBuf::as_path)
        .chain([program])
    {
        let bits = if path.is_dir() { 5 } else { 4 };
        let mut readable = open_to_nobody(path, bits);
        // bubblewrap mounts the path itself; Landlock needs the way to it.
        if backend == Backend::Landlock {
            readable &= path
                .ancestors()
                .skip(1)
                .all(|folder| open_to_nobody(folder, 1));
        }
        if !readable {
            return Err(SpawnError::Unreadable {
                path: path.to_owned(),
            });
        }
    }
    Ok(())
}

/// Gives what root made in a writable folder to the child's user, except what
/// stays read-only or hidden, and files with more names than one: the other
/// may be elsewhere.
fn give_contents(policy: &Policy, folder: &Path) -> io::Result<()> {
    let kept: HashSet<(u64, u64)> = carved(policy, folder)
        .filter_map(|path| fs::symlink_metadata(path).ok())
        .map(|data| (data.dev(), data.ino()))
        .collect();
    walk::walk(folder, &mut |entry| {
        if kept.contains(&entry.identity()) {
            return ControlFlow::Break(());
        }
        if entry.stat.st_uid == 0 && (entry.is_folder() || entry.stat.st_nlink == 1) {
            // Gone meanwhile, or on a file system without owners.
            let _ = entry.give_to(NOBODY);
        }
        ControlFlow::Continue(())
    })
}

/// What inside a writable folder is not writable.
pub(crate) fn carved<'a>(
    policy: &'a Policy,
    folder: &'a Path,
) -> impl Iterator<Item = &'a Path> + use<'a> {
    policy
        .read_only
        .iter()
        .chain(&policy.hidden)
        .map(PathBuf::as_path)
        .filter(move |path| path.starts_with(folder) && *path != folder)
}
