//! The Landlock backend's rules for files, TCP, signals and abstract sockets.

use std::os::fd::OwnedFd;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, Scope,
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
/// those of the policy were checked before.
pub(crate) fn ruleset<'a>(
    policy: &'a Policy,
    base: impl IntoIterator<Item = &'a Path>,
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
    let readable = base
        .into_iter()
        .chain(READABLE.iter().map(Path::new))
        .chain(policy.read_only.iter().map(AsRef::as_ref))
        .map(|path| (path, read));
    let writable = policy
        .read_write
        .iter()
        .map(|path| (path.as_path(), AccessFs::from_all(abi)))
        .chain([(Path::new("/dev/null"), read | AccessFs::WriteFile)]);
    for (path, access) in readable.chain(writable) {
        let Ok(opened) = PathFd::new(path) else {
            continue;
        };
        // Rights that only folders have are dropped for files.
        let access = if path.is_dir() {
            access
        } else {
            access & AccessFs::from_file(abi)
        };
        rules = rules.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(rules.into())
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
