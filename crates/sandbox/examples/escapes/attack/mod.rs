//! The attacker: what runs inside the sandbox, and for the control outside.
//!
//! It prints a line `got …` for each attempt that succeeded, `refused …` for
//! each that did not, and `done` at the end.

mod files;
mod kernel;
mod network;
mod processes;
mod resources;

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// What an attacker knows of its surroundings: it may as well guess.
pub(crate) struct Target {
    values: HashMap<String, String>,
}

impl Target {
    fn new(arguments: &[String]) -> Self {
        let values = arguments
            .iter()
            .filter_map(|argument| argument.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { values }
    }

    fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> T {
        let Ok(number) = self.text(name).parse() else {
            panic!("`{name}` is no number");
        };
        number
    }

    /// Whether no sandbox is around.
    fn is_control(&self) -> bool {
        self.values.contains_key("control")
    }

    fn place(&self, name: &str) -> PathBuf {
        Path::new(self.text("base")).join(name)
    }

    fn token(&self) -> String {
        let base = Path::new(self.text("base"));
        let name = base.file_name().unwrap_or_default();
        format!("escaped-{}", name.to_string_lossy())
    }
}

/// Text that only an escape can show.
pub(crate) const CANARY: &str = "canary-4f1d-in-the-mine";

fn got(what: impl Display) {
    println!("got {what}");
}

fn refused(what: impl Display, why: impl Display) {
    println!("refused {what}: {why}");
}

/// Says how an attempt went.
fn attempt<T>(what: impl Display, result: io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => {
            got(what);
            Some(value)
        }
        Err(error) => {
            refused(what, error);
            None
        }
    }
}

/// Says how a system call went: it was got at if the kernel's function did
/// anything at all, and be it to complain about its arguments.
fn reach(what: impl Display, result: i64) {
    let error = io::Error::last_os_error();
    let stopped = [libc::EPERM, libc::ENOSYS, libc::EACCES].map(Some);
    if result < 0 && stopped.contains(&error.raw_os_error()) {
        refused(what, error);
    } else {
        got(what);
    }
}

/// The result of a system call.
fn outcome(result: i64) -> io::Result<i64> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Looks for the canary in a file.
fn peek(path: &Path) {
    let what = path.display();
    match std::fs::read(path) {
        Ok(bytes) if holds_canary(&bytes) => got(what),
        Ok(_) => refused(what, "nothing to see"),
        Err(error) => refused(what, error),
    }
}

fn holds_canary(bytes: &[u8]) -> bool {
    bytes
        .windows(CANARY.len())
        .any(|window| window == CANARY.as_bytes())
}

/// Runs one attack.
pub(crate) fn run(verb: &str, arguments: &[String]) {
    let target = Target::new(arguments);
    match verb {
        "read-system" => files::read_system(),
        "read-home" => files::read_home(&target),
        "read-beside" => files::read_beside(&target),
        "read-dotdot" => files::read_dotdot(&target),
        "read-evaluation" => peek(&target.place("evaluation/score.py")),
        "read-hidden" => files::hidden(&target),
        "write-outside" => files::write_outside(&target),
        "symlink" => files::symlinks(&target),
        "hardlink" => files::hard_links(&target),
        "write-git" => files::write_git(&target),
        "write-below" => files::write_below(&target.place(target.text("place"))),
        "devices" => files::devices(),
        "plant" => files::plant(&target),
        "setuid-program" => processes::setuid_program(&target),
        "euid" => processes::effective_user(),
        "capabilities" => kernel::capabilities(),
        "become-root" => kernel::become_root(),
        "mounts" => kernel::mounts(&target),
        "kernel-surface" => kernel::surface(),
        "other-tables" => kernel::other_tables(),
        "terminal" => kernel::terminal(),
        "victim" => processes::victim(),
        "signal" => processes::signal(&target),
        "trace" => processes::trace(&target),
        "proc" => processes::proc(&target),
        "environment" => processes::environment(),
        "descriptors" => processes::descriptors(),
        "orphan" => processes::orphan(&target, true),
        "orphan-holds-output" => processes::orphan(&target, false),
        "sleep" => processes::sleep_for_ever(),
        "ignore-signals" => processes::ignore_signals(),
        "stop" => processes::stop(),
        "tcp" => network::tcp(&target),
        "udp" => network::udp(&target),
        "abstract" => network::abstract_socket(&target),
        "unix" => network::unix_path(&target),
        "vsock" => network::vsock(),
        "fork" => resources::fork(target.number("count")),
        "memory" => resources::memory(target.number("mib")),
        "memory-many" => resources::memory_many(target.number("mib")),
        "memory-shared" => resources::memory_shared(target.number("mib")),
        "memory-files" => resources::memory_files(target.number("mib")),
        "memory-shm" => resources::memory_folders(&target, target.number("mib")),
        "disk-sparse" => resources::sparse(),
        "disk-real" => resources::disk(target.number("mib"), false),
        "disk-nameless" => resources::disk(target.number("mib"), true),
        "disk-files" => resources::many_files(target.number("count")),
        "disk-deep" => resources::deep(),
        "flood" => resources::flood(target.number("mib")),
        "burn" => resources::burn(target.number("ms")),
        "burn-children" => resources::burn_children(target.number("ms")),
        _ => panic!("unknown attack `{verb}`"),
    }
    println!("done");
}
