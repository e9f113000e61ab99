//! Small system programs that run between the launch and the program, for what
//! can only be done from inside a namespace.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::policy::NOBODY;
use crate::process;

/// Tasks that the user [`NOBODY`] may have in excess of one child's limit:
/// several children share the user, so only the watch from outside is exact.
const SHARED_USER_SLACK: u64 = 512;

/// A system program by name.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|path| path.is_file())
}

/// Becomes the first process of new PID, network and IPC namespaces, which die
/// with it, and with the process outside that waits for it. A shell is that
/// first process, so that the program itself handles signals normally.
pub(crate) fn namespace() -> Option<Vec<OsString>> {
    let mut prefix: Vec<OsString> = vec![tool("unshare")?.into()];
    if !process::is_root() {
        prefix.push("--user".into());
    }
    for part in [
        "--fork",
        "--pid",
        "--net",
        "--ipc",
        "--kill-child=SIGKILL",
        "--",
    ] {
        prefix.push(part.into());
    }
    prefix.extend(first_process()?);
    Some(prefix)
}

/// [`namespace`] with the outer network.
pub(crate) fn namespace_with_network() -> Option<Vec<OsString>> {
    let mut prefix = namespace()?;
    prefix.retain(|part| part != "--net");
    Some(prefix)
}

/// A shell as the first process of a namespace, so that the program itself
/// handles signals normally.
pub(crate) fn first_process() -> Option<Vec<OsString>> {
    let mut prefix: Vec<OsString> = vec![tool("sh")?.into()];
    for part in ["-c", "\"$@\"; exit $?", "sh"] {
        prefix.push(part.into());
    }
    Some(prefix)
}

/// Becomes the user [`NOBODY`], for good. Its name and arguments, or the name
/// of what is missing.
pub(crate) fn drop_user() -> Result<Vec<OsString>, &'static str> {
    let setpriv = tool("setpriv").ok_or("setpriv")?;
    let mut prefix: Vec<OsString> = vec![setpriv.into()];
    prefix.push(format!("--reuid={NOBODY}").into());
    prefix.push(format!("--regid={NOBODY}").into());
    for part in [
        "--clear-groups",
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "--",
    ] {
        prefix.push(part.into());
    }
    Ok(prefix)
}

/// Stays root in name and loses every capability, for good. For a program
/// that only root's file permissions let in; what it reaches is then up to
/// Landlock alone.
pub(crate) fn drop_capabilities() -> Result<Vec<OsString>, &'static str> {
    let setpriv = tool("setpriv").ok_or("setpriv")?;
    let mut prefix: Vec<OsString> = vec![setpriv.into()];
    for part in [
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "--",
    ] {
        prefix.push(part.into());
    }
    Ok(prefix)
}

/// Bounds the number of tasks. `own_user` says that a user namespace counts
/// this child's tasks apart.
pub(crate) fn limit_tasks(limit: u64, own_user: bool) -> Result<Vec<OsString>, &'static str> {
    let prlimit = tool("prlimit").ok_or("prlimit")?;
    let limit = limit + if own_user { 0 } else { SHARED_USER_SLACK };
    Ok(vec![
        prlimit.into(),
        format!("--nproc={limit}:{limit}").into(),
        "--".into(),
    ])
}
