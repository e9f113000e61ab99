//! The bubblewrap backend's command line.

use std::ffi::OsString;
use std::fs;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use crate::Policy;
use crate::backend::BASE;
use crate::policy::NOBODY;

/// Builds bubblewrap's arguments, up to and with the `--` before the program.
///
/// `drops_user`: the program will change its user itself, so bubblewrap, which
/// is root, makes no user namespace and leaves the capabilities for that.
/// `root`: whether the caller is root.
pub(crate) fn arguments(
    policy: &Policy,
    program: &Path,
    drops_user: bool,
    root: bool,
    info: RawFd,
    filters: &[RawFd],
) -> Vec<OsString> {
    let mut list: Vec<OsString> = Vec::new();
    let mut add = |parts: &[&dyn AsRef<std::ffi::OsStr>]| {
        list.extend(parts.iter().map(|part| part.as_ref().to_owned()));
    };
    add(&[
        &"--unshare-ipc",
        &"--unshare-pid",
        &"--unshare-uts",
        &"--unshare-cgroup-try",
    ]);
    if !policy.network {
        add(&[&"--unshare-net"]);
    }
    add(&[
        &"--die-with-parent",
        &"--new-session",
        &"--cap-drop",
        &"ALL",
    ]);
    if drops_user {
        for capability in ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] {
            add(&[&"--cap-add", &capability]);
        }
    } else {
        add(&[&"--unshare-user"]);
        if root {
            let nobody = NOBODY.to_string();
            add(&[&"--uid", &nobody, &"--gid", &nobody]);
        }
    }
    // bubblewrap would make it for its own user only, and programs are found by
    // way of `/etc/alternatives`.
    add(&[&"--perms", &"0755", &"--dir", &"/etc"]);
    for path in BASE.iter().map(Path::new) {
        match fs::read_link(path) {
            Ok(target) => add(&[&"--symlink", &target, &path]),
            Err(_) => add(&[&"--ro-bind-try", &path, &path]),
        }
    }
    add(&[&"--proc", &"/proc", &"--dev", &"/dev"]);
    let private: &[&str] = if policy.is_agent() {
        &["/tmp", "/dev/shm"]
    } else {
        &["/tmp"]
    };
    for folder in private {
        add(&[&"--perms", &"1777", &"--tmpfs", folder]);
    }
    let cpu = "/sys/devices/system/cpu";
    add(&[&"--ro-bind-try", &cpu, &cpu]);
    for (path, writable) in mounts(policy, program) {
        for folder in way(&path) {
            add(&[&"--perms", &"0755", &"--dir", &folder]);
        }
        add(&[&if writable { "--bind" } else { "--ro-bind" }, &path, &path]);
    }
    // Any other mount has nodes that can't be opened.
    for path in policy.devices.iter().filter(|path| path.exists()) {
        for folder in way(path) {
            add(&[&"--perms", &"0755", &"--dir", &folder]);
        }
        add(&[&"--dev-bind", path, path]);
    }
    for path in &policy.hidden {
        if path.is_dir() {
            add(&[&"--perms", &"0555", &"--tmpfs", path, &"--remount-ro", path]);
        } else {
            add(&[&"--ro-bind", &"/dev/null", path]);
        }
    }
    if policy.is_agent() {
        // Both are in memory, and nobody would count what is put there.
        add(&[&"--remount-ro", &"/dev", &"--remount-ro", &"/"]);
    }
    for filter in filters {
        add(&[&"--add-seccomp-fd", &filter.to_string()]);
    }
    add(&[
        &"--info-fd",
        &info.to_string(),
        &"--chdir",
        &policy.cwd,
        &"--",
    ]);
    list
}

/// The folders on the way to a path, outermost first: bubblewrap would make them for its own user
/// only.
fn way(path: &Path) -> Vec<&Path> {
    let mut way: Vec<_> = path.ancestors().skip(1).collect();
    way.pop();
    way.reverse();
    way
}

/// What is mounted and whether it is writable, outer folders first so that
/// inner ones are not covered by them.
fn mounts(policy: &Policy, program: &Path) -> Vec<(PathBuf, bool)> {
    let mut mounts: Vec<_> = policy
        .read_only
        .iter()
        .map(|path| (path.clone(), false))
        .chain(policy.read_write.iter().map(|path| (path.clone(), true)))
        .collect();
    let visible = mounts
        .iter()
        .map(|(path, _)| path.as_path())
        .chain(BASE.iter().map(Path::new))
        .any(|path| program.starts_with(path));
    if !visible {
        mounts.push((program.to_owned(), false));
    }
    mounts.sort_by_key(|(path, _)| path.components().count());
    mounts
}

/// The number of the first process inside, from what bubblewrap writes to its
/// info descriptor.
pub(crate) fn first_process(info: &str) -> Option<u32> {
    let (_, after) = info.split_once("\"child-pid\"")?;
    let digits = after.trim_start_matches([':', ' ']);
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_info_document() {
        assert_eq!(first_process("{\n    \"child-pid\": 42\n}\n"), Some(42));
        assert_eq!(first_process("{\"child-pid\":7,\"x\":1}"), Some(7));
        assert_eq!(first_process(""), None);
        assert_eq!(first_process("{\"child-pid\": x}"), None);
    }

    #[test]
    fn inner_mounts_come_later_and_the_program_is_added_once() {
        let mut policy = Policy::isolated();
        policy.read_only = vec!["/data/deep/er".into(), "/data".into()];
        policy.read_write = vec!["/data/deep".into()];
        let list = mounts(&policy, Path::new("/opt/tool"));
        let depths: Vec<_> = list
            .iter()
            .map(|(path, _)| path.components().count())
            .collect();
        assert!(depths.is_sorted());
        assert!(list.contains(&("/opt/tool".into(), false)));
        assert!(list.contains(&("/data/deep".into(), true)));
        assert_eq!(mounts(&policy, Path::new("/usr/bin/gcc")).len(), 3);
    }
}
