//! Taking away from a running program, from outside, what it needed to start.

use std::time::Duration;
use std::{fs, io};

use crate::policy::NOBODY;
use crate::{Command, ExitReason, Limits, Policy, stages};

/// Why a program could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It has ended, or was never seen.
    #[error("the program has ended")]
    Gone,
    /// The kernel counts no processes of root.
    #[error("process {pid} runs as root, which no limit of processes holds")]
    Root {
        /// The process.
        pid: u32,
    },
    /// The kernel refused.
    #[error("failed to limit process {pid}")]
    Refused {
        /// The process.
        pid: u32,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Lets `pid` start no thread and no process and write no file from now on.
/// Limits can be lowered from outside and not be raised again from inside.
pub(crate) fn seal(pid: u32) -> Result<(), SealError> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| SealError::Gone)?;
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u32>().ok());
    if user == Some(0) {
        return Err(SealError::Root { pid });
    }
    let result = [libc::RLIMIT_NPROC, libc::RLIMIT_FSIZE]
        .into_iter()
        .try_for_each(|resource| take_away(pid, resource));
    match result.map_err(|source| (source.raw_os_error(), source)) {
        Ok(()) => Ok(()),
        Err((Some(libc::ESRCH), _)) => Err(SealError::Gone),
        // In many containers root may not limit others. They themselves may.
        Err((Some(libc::EPERM), _)) if user == Some(NOBODY) => {
            as_its_user(pid).map_err(|source| SealError::Refused { pid, source })
        }
        Err((_, source)) => Err(SealError::Refused { pid, source }),
    }
}

fn take_away(pid: u32, resource: libc::__rlimit_resource_t) -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel reads one limit and writes nothing.
    let result = unsafe {
        libc::prlimit(
            pid.cast_signed(),
            resource,
            &raw const none,
            std::ptr::null_mut(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The same by a program of the user [`NOBODY`].
fn as_its_user(pid: u32) -> io::Result<()> {
    let missing = |name: &str| io::Error::other(format!("no `{name}` (util-linux)"));
    let mut words = stages::drop_user().map_err(missing)?;
    words.push(
        stages::tool("prlimit")
            .ok_or_else(|| missing("prlimit"))?
            .into(),
    );
    for part in [
        format!("--pid={pid}"),
        "--nproc=0:0".into(),
        "--fsize=0:0".into(),
    ] {
        words.push(part.into());
    }
    let program = words.remove(0);
    let limits = Limits {
        wall: Some(Duration::from_secs(10)),
        output_bytes: Some(1 << 16),
        ..Limits::none()
    };
    let finished = Command::new(program, Policy::trusted(), limits)
        .args(words)
        .run()
        .map_err(io::Error::other)?;
    if finished.reason == ExitReason::Exited(0) {
        return Ok(());
    }
    let said = finished.stderr.text();
    Err(io::Error::other(format!(
        "{}: {}",
        finished.reason,
        said.trim()
    )))
}
