//! The state that a process must be in to time torch fairly, before a lab is
//! started in it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use crate::error::HarnessError;
use crate::evaluate::Config;
use crate::paths::allowed_cpus;

/// Marks a process that was started with the environment for timing, and
/// names its processors.
const READY: &str = "ALPHALAB_LAB_READY";

/// How this process stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Logical processors to measure on.
    pub cpus: Vec<usize>,
    /// Whether it was started by [`start_again`].
    pub ready: bool,
}

/// Looks at this process. The mask of processors must be read before libgomp
/// has pinned this thread; a process that was started again gets it from its
/// predecessor.
pub fn standing() -> Standing {
    match std::env::var_os(READY) {
        Some(text) => Standing {
            cpus: text
                .to_string_lossy()
                .split(',')
                .filter_map(|cpu| cpu.parse().ok())
                .collect(),
            ready: true,
        },
        None => Standing {
            cpus: allowed_cpus(),
            ready: false,
        },
    }
}

/// libgomp reads its settings when the loader maps it, before `main`: this
/// program starts once more with the environment that fair timing needs, with
/// these arguments and variables. Returns only with an error.
pub fn start_again(
    config: &Config,
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (&'static str, OsString)>,
) -> HarnessError {
    let cpus = config
        .cpus
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    #[expect(
        clippy::disallowed_methods,
        reason = "exec replaces this process; nothing is spawned"
    )]
    let source = std::process::Command::new(program)
        .args(arguments)
        .envs(config.environment())
        .envs(variables)
        .env(READY, cpus)
        .exec();
    HarnessError::System {
        doing: "start again with the environment for timing".to_owned(),
        source,
    }
}

/// Waiting for a runner to stand still means sleeping for microseconds, which
/// the default timer slack would make 50.
pub fn sleep_precisely() {
    // SAFETY: sets an attribute of this thread; no memory is involved.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0);
    }
}
