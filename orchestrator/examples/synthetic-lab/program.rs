//! Candidates that are programs, and the child that computes a number.
//!
//! A program is a shell script. It is told which inputs it is measured on and
//! prints the point that it stands for; the lab scores the point. It runs in
//! the sandbox: it sees the system's own files, writes nothing, and reaches
//! neither the lab nor the campaign.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use protocol::{LabError, Retry, Verdict};
use sandbox::{Command, ExitReason, Finished, Input, Limits, Output, Policy, SpawnError};
use serde::Deserialize;

use super::refuse;
use super::surface::Params;

/// The file that a program is in.
pub(crate) const SCRIPT: &str = "candidate.sh";
/// Time that a program has.
const LIMIT: Duration = Duration::from_secs(10);
/// Children that may be killed by somebody else before that is an answer.
const MAX_KILLS: u32 = 2;
const SIGKILL: i32 = 9;

/// What a program prints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Printed {
    /// Name of a template.
    pub(crate) template: String,
    /// Value for each parameter.
    #[serde(default)]
    pub(crate) params: Params,
}

/// Runs a program on the inputs of a split.
pub(crate) fn run(
    script: &str,
    inputs: &str,
    confined: bool,
) -> Result<Result<Printed, Verdict>, LabError> {
    let policy = if confined {
        Policy::runner([])
    } else {
        Policy::trusted().env("PATH", "/usr/bin:/bin")
    };
    let limits = Limits {
        wall: Some(LIMIT),
        ..Limits::default()
    };
    let command = Command::new("/bin/sh", policy, limits).args(["-c", script]);
    let finished = feed(command, inputs)?;
    let text = finished.stdout.text();
    Ok(match finished.reason {
        ExitReason::Exited(0) => serde_json::from_str(text.trim())
            .map_err(|error| rejected(&format!("what it printed is no point ({error})"))),
        ExitReason::TimedOut { limit } => Err(Verdict::TimedOut {
            limit_ms: limit.as_millis() as u64,
            reason: "the program did not end".to_owned(),
        }),
        ExitReason::Signalled(signal) => Err(Verdict::Crashed {
            signal: Some(signal),
            reason: "the program was killed".to_owned(),
        }),
        other => Err(rejected(&format!("the program {other}"))),
    })
}

fn rejected(reason: &str) -> Verdict {
    Verdict::Rejected {
        stage: "run".to_owned(),
        reason: reason.to_owned(),
    }
}

/// Has a child of this program take its time over a number. One that somebody
/// kills is started again; the verdict is that of the last.
pub(crate) fn in_child(delay_ms: u64, value: f64) -> Result<Result<f64, Verdict>, LabError> {
    let own = std::env::current_exe().map_err(|error| internal(&error.to_string()))?;
    let mut kills = 0;
    loop {
        let command = Command::new(own.clone(), Policy::trusted(), Limits::none())
            .args(["runner".to_owned(), delay_ms.to_string()]);
        let finished = feed(command, &value.to_string())?;
        match finished.reason {
            ExitReason::Exited(0) => {
                let text = finished.stdout.text();
                let value = text.trim().parse();
                return value
                    .map(Ok)
                    .map_err(|_| internal("the runner gave no number"));
            }
            ExitReason::Signalled(SIGKILL) if kills < MAX_KILLS => kills += 1,
            ExitReason::Signalled(signal) => {
                return Ok(Err(Verdict::Crashed {
                    signal: Some(signal),
                    reason: "the runner was killed".to_owned(),
                }));
            }
            other => return Err(internal(&format!("the runner {other}"))),
        }
    }
}

/// What the child does.
pub(crate) fn runner(delay_ms: &str) {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    std::thread::sleep(Duration::from_millis(delay_ms.parse().unwrap_or(0)));
    if read.is_ok() {
        super::say(line.trim());
    }
}

fn feed(command: Command, line: &str) -> Result<Finished, LabError> {
    let spawned = command
        .stdin(Input::Piped)
        .stdout(Output::Capture)
        .stderr(Output::Capture)
        .spawn();
    let mut child = spawned.map_err(|error: SpawnError| internal(&error.to_string()))?;
    if let Some(mut stdin) = child.take_stdin() {
        // A program that does not listen has ended or will.
        let _ = writeln!(stdin, "{line}");
    }
    child.finish().map_err(|error| internal(&error.to_string()))
}

fn internal(message: &str) -> LabError {
    refuse("internal", message, Retry::Never)
}

/// Where the script of a candidate lies, if it is one.
pub(crate) fn script(files: &[PathBuf]) -> Option<&PathBuf> {
    files.iter().find(|file| file.as_os_str() == SCRIPT)
}
