//! The Landlock backend's rules for files, TCP, signals and abstract sockets.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};

use crate::Policy;

/// Pseudo files that C libraries and libtorch read at start.
const READABLE: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
];

/// A ruleset that the launched process enforces on itself.
///
/// `base` are further readable paths. Paths that do not exist are skipped:
/// those of the policy were checked before. `covered` says that a mount
/// namespace takes care of what inside the policy's folders is read-only or
/// hidden.
pub(crate) fn ruleset<'a>(
    policy: &'a Policy,
    base: impl IntoIterator<Item = &'a Path>,
    covered: bool,
) -> Result<Option<OwnedFd>, landlock::RulesetError> {
    let abi = ABI::V6;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?;
    if !policy.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi))?;
    }
    let mut rules = ruleset.scope(Scope::from_all(abi))?.create()?;

    let read = AccessFs::from_read(abi);
    let mut grants: Vec<(PathBuf, _)> = base
        .into_iter()
        .chain(READABLE.iter().map(Path::new))
        .map(|path| (path.to_owned(), read))
        .collect();
    for (paths, access) in [
        (&policy.read_only, read),
        (&policy.read_write, AccessFs::from_all(abi)),
    ] {
        for path in paths {
            if policy.is_agent() && !covered {
                around(policy, path, access, &mut grants);
            } else {
                grants.push((path.clone(), access));
            }
        }
    }
    grants.push(("/dev/null".into(), read | AccessFs::WriteFile));
    let control = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile;
    let devices = policy.devices.iter();
    grants.extend(devices.map(|path| (path.clone(), control | AccessFs::IoctlDev)));
    for (path, access) in &grants {
        let Ok(opened) = PathFd::new(path) else {
            continue;
        };
        // Rights that only folders have are dropped for files.
        let access = if path.is_dir() {
            *access
        } else {
            *access & AccessFs::from_file(abi)
        };
        rules = rules.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(rules.into())
}

/// Rules only ever add rights, to a whole folder: around what is read-only or
/// hidden inside, the rights are given to each neighbour that exists now. A
/// folder on the way gets none but reading, and not even that on the way to
/// something hidden.
fn around(
    policy: &Policy,
    folder: &Path,
    access: BitFlags<AccessFs>,
    grants: &mut Vec<(PathBuf, BitFlags<AccessFs>)>,
) {
    let read = AccessFs::from_read(ABI::V6);
    let inside = |path: &Path, of: &Path| path.starts_with(of) && path != of;
    let hides = policy.hidden.iter().any(|path| inside(path, folder));
    let guards = access != read && policy.read_only.iter().any(|path| inside(path, folder));
    if !hides && !guards {
        grants.push((folder.to_owned(), access));
        return;
    }
    if !hides {
        grants.push((folder.to_owned(), read));
    }
    let neighbours = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in neighbours.map(|entry| entry.path()) {
        // A rule follows links, to wherever they lead.
        if policy.hidden.contains(&path) || path.is_symlink() {
            continue;
        }
        let access = if policy.read_only.contains(&path) {
            read
        } else {
            access
        };
        around(policy, &path, access, grants);
    }
}

/// The version of Landlock that the kernel offers, 0 for none.
pub(crate) fn abi() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with a null attribute and this flag the call only answers the
    // version.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION,
        )
    };
    version.max(0)
}
