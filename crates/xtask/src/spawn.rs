//! Starting processes, in one place: without what `cargo run` put into our
//! environment, and with output that can be followed line by line.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};

/// How long a finished child's output may stay open: a process that it left
/// behind must not hang us.
const STRAGGLER_PATIENCE: Duration = Duration::from_secs(3);

/// Lines of a log that are shown when its command fails.
const TAIL_LINES: usize = 25;

/// A command in our environment, less what `cargo run` added to it.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask drives cargo, pip and apt; no agent's or candidate's process starts here"
    )]
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if is_cargo_run_variable(&name) {
            command.env_remove(name);
        }
    }
    if let Some(paths) = env::var_os("LD_LIBRARY_PATH") {
        let kept: Vec<_> = env::split_paths(&paths)
            .filter(|path| !is_cargo_run_library_path(path))
            .collect();
        match env::join_paths(kept) {
            Ok(kept) if !kept.is_empty() => command.env("LD_LIBRARY_PATH", kept),
            _ => command.env_remove("LD_LIBRARY_PATH"),
        };
    }
    command
}

/// Cargo describes *this* package to the program it runs; a child that sees
/// that (a build script, a test) would take itself for xtask.
fn is_cargo_run_variable(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    name.starts_with("CARGO_PKG_")
        || matches!(
            name,
            "CARGO_MANIFEST_DIR"
                | "CARGO_MANIFEST_PATH"
                | "CARGO_BIN_NAME"
                | "CARGO_CRATE_NAME"
                | "CARGO_PRIMARY_PACKAGE"
                | "OUT_DIR"
        )
}

/// `cargo run` puts the toolchain's and the build's libraries first.
fn is_cargo_run_library_path(path: &Path) -> bool {
    let is_toolchain = path.components().any(|part| part.as_os_str() == "rustlib")
        || path.parent().is_some_and(|p| p.join("bin/rustc").exists());
    let is_build = path.ends_with("deps") || path.join("build").exists() || path.ends_with("out");
    is_toolchain || is_build
}

/// Runs a command with stdout and stderr in one stream, so that their lines
/// keep their order, and hands each line over as it comes.
pub(crate) fn lines(mut command: Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let name = command.get_program().to_os_string();
    let (reader, writer) = pipe().context("failed to make a pipe")?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("failed to copy a pipe")?)
        .stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("failed to start {}", name.display()))?;
    // The command holds the pipe's writing end: while it lives, no end of file.
    drop(command);

    let lines = follow(reader);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => match ended {
                None => {
                    let status = child.try_wait().context("failed to wait for a child")?;
                    ended = status.map(|status| (status, Instant::now()));
                }
                Some((_, since)) if since.elapsed() > STRAGGLER_PATIENCE => break,
                Some(_) => {}
            },
        }
    }
    child
        .wait()
        .with_context(|| format!("failed to wait for {}", name.display()))
}

/// Reads lines on a thread of its own: a pipe's end has no time-out.
fn follow(reader: PipeReader) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            let line = String::from_utf8_lossy(&bytes);
            if sender.send(line.trim_end_matches('\n').to_owned()).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    receiver
}

/// Runs a command with its output in a log file, network addresses left out:
/// a private package index is nobody else's business. Where the command fails,
/// the error carries the log's last lines.
pub(crate) fn logged(command: Command, log: &Path, mut on_line: impl FnMut(&str)) -> Result<()> {
    let what = describe(&command);
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
    }
    let mut file =
        File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
    let mut written = Ok(());
    let status = lines(command, |line| {
        let line = without_addresses(line);
        if written.is_ok() {
            written = writeln!(file, "{line}");
        }
        on_line(&line);
    })?;
    written.with_context(|| format!("failed to write {}", log.display()))?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let tail = &all[all.len().saturating_sub(TAIL_LINES)..];
    bail!(
        "`{what}` failed ({status}); the end of {}:\n    {}",
        log.display(),
        tail.join("\n    ")
    )
}

/// A line with `(address)` for each URL and each `host='…'`.
fn without_addresses(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((start, end)) = address(rest) {
        kept.push_str(&rest[..start]);
        kept.push_str("(address)");
        rest = &rest[end..];
    }
    kept + rest
}

/// Where the first address of a text begins and ends.
fn address(text: &str) -> Option<(usize, usize)> {
    const BEGINNINGS: [&str; 4] = ["https://", "http://", "host='", "host=\""];
    let (start, beginning) = BEGINNINGS
        .iter()
        .filter_map(|beginning| Some((text.find(beginning)?, beginning)))
        .min()?;
    let inside = start + beginning.len();
    let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '>' | ')' | ',');
    let end = text[inside..]
        .find(ends)
        .map_or(text.len(), |length| inside + length);
    Some((start, end))
}

fn describe(command: &Command) -> String {
    let parts: Vec<OsString> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_os_string)
        .collect();
    parts.join(OsStr::new(" ")).display().to_string()
}

/// The first file of this name in a folder of `PATH`.
pub(crate) fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_arrive_in_order_with_the_exit_status() {
        let mut shell = command("sh");
        shell.args(["-c", "echo one; echo two >&2; printf three; exit 7"]);
        let mut seen = Vec::new();
        let status = lines(shell, |line| seen.push(line.to_owned())).expect("runs");
        assert_eq!(seen, ["one", "two", "three"]);
        assert_eq!(status.code(), Some(7));
    }

    #[test]
    fn a_failed_command_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("deep/log.txt");
        let mut shell = command("sh");
        shell.args(["-c", "seq 1 100; exit 3"]);
        let error = logged(shell, &log, |_| {}).expect_err("the command fails");
        let text = error.to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(
            text.ends_with("100") && !text.contains("\n    75\n"),
            "{text}"
        );
        assert!(fs::read_to_string(&log).expect("log").starts_with("1\n2\n"));
    }

    #[test]
    fn addresses_are_left_out() {
        let check = |line: &str, expected: &str| assert_eq!(without_addresses(line), expected);
        check(
            "Looking in indexes: https://u:p@index.example/simple, http://b/",
            "Looking in indexes: (address), (address)",
        );
        check(
            "HTTPSConnectionPool(host='index.example', port=443)",
            "HTTPSConnectionPool((address)', port=443)",
        );
        check("Collecting numpy==2.4.6", "Collecting numpy==2.4.6");
    }

    #[test]
    fn a_process_left_behind_does_not_hang_the_reader() {
        let mut shell = command("sh");
        shell.args(["-c", "sleep 600 & echo $!"]);
        let mut left = String::new();
        let status = lines(shell, |line| line.clone_into(&mut left)).expect("runs");
        assert!(status.success());
        let mut kill = command("kill");
        kill.arg(left);
        assert!(kill.status().expect("kill runs").success());
    }

    #[test]
    fn a_child_is_not_told_that_it_is_xtask() {
        assert!(is_cargo_run_variable(OsStr::new("CARGO_PKG_NAME")));
        assert!(is_cargo_run_variable(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_cargo_run_variable(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!is_cargo_run_variable(OsStr::new("CARGO_HOME")));
    }
}
