//! Running a candidate: a program in the sandbox, with what it may see and
//! nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{LabError, Split, Verdict};
use sandbox::{Command, ExitReason, Limits};

use super::bench::{Bench, Parts, open_to_all};
use super::fault;
use crate::audit::contract::with_folders;
use crate::audit::probes::PREDICTIONS;
use crate::audit::run::write_below;
use crate::audit::table::bytes;

/// Memory of a candidate's processes.
const RESIDENT_BYTES: u64 = 4 << 30;
/// What a candidate may write.
const DISK_BYTES: u64 = 1 << 30;
const OUTPUT_BYTES: u64 = 1 << 20;
/// Longest reason that is told.
const TOLD: usize = 600;

/// A program's files, by name.
pub(super) type Sources = Vec<(PathBuf, Vec<u8>)>;

/// What came of a run.
#[derive(Debug)]
pub(super) struct Ran {
    /// What it predicts.
    pub(super) predictions: Vec<u8>,
    /// How long it took.
    pub(super) wall: Duration,
}

/// The name of a split in files.
pub(super) fn name(split: Split) -> &'static str {
    match split {
        Split::Search => "search",
        Split::Select => "select",
        Split::Sealed => "sealed",
    }
}

/// Runs a program on the inputs of a split: it sees its own files and what is
/// public, and writes one folder.
pub(super) fn run(
    bench: &Bench,
    sources: &Sources,
    parts: &Parts,
    split: &str,
    limit: Duration,
) -> Result<Result<Ran, Verdict>, LabError> {
    let room = bench.folder("run-")?;
    let (own, out) = (room.path().join("program"), room.path().join("out"));
    for folder in [&own, &out] {
        fs::create_dir(folder).map_err(fault::file("create", folder))?;
        open_to_all(folder)?;
    }
    for (name, content) in sources {
        write_below(&own, name, content).map_err(|error| fault::internal(&error))?;
    }
    let public = parts.public();
    let words = with_folders(&bench.commands.run, &[("--public", &public)]);
    let words = with_folders(&words, &[("--split", Path::new(split)), ("--out", &out)]);
    let mut policy = bench
        .interpreter
        .policy()
        .env("PYTHONHASHSEED", "0")
        .env("TMPDIR", &out);
    policy.read_only.extend([own.clone(), public]);
    policy.read_write.push(out.clone());
    policy.cwd = own;
    let limits = Limits {
        resident_bytes: Some(RESIDENT_BYTES),
        disk_bytes: Some(DISK_BYTES),
        output_bytes: Some(OUTPUT_BYTES),
        wall: Some(limit),
        ..Limits::default()
    };
    let program = if is_python(&words) {
        bench.interpreter.program.clone()
    } else {
        PathBuf::from(&words[0])
    };
    let finished = Command::new(program, policy, limits)
        .args(&words[1..])
        .run()
        .map_err(|error| fault::internal(&error))?;
    let said = told(&finished.stderr.text());
    if finished.reason != ExitReason::Exited(0) {
        return Ok(Err(ended(finished.reason, &said)));
    }
    // Whoever wrote it has ended, so that it stays what it is.
    match bytes(&out.join(PREDICTIONS), PREDICTIONS) {
        Ok(predictions) => Ok(Ok(Ran {
            predictions,
            wall: finished.wall,
        })),
        Err(error) => Ok(Err(Verdict::Rejected {
            stage: "run".to_owned(),
            reason: format!(
                "the program ended well, but {}; it has to write `{PREDICTIONS}` into the folder that --out names",
                crate::chain::of(&error)
            ),
        })),
    }
}

/// Whether a command is a Python script.
pub(super) fn is_python(words: &[String]) -> bool {
    matches!(
        words.first().map(String::as_str),
        Some("python" | "python3")
    )
}

/// What an end other than a good one says about a candidate.
fn ended(reason: ExitReason, said: &str) -> Verdict {
    let told = if said.is_empty() {
        format!("the program {reason}")
    } else {
        format!("the program {reason} and said: {said}")
    };
    match reason {
        ExitReason::TimedOut { limit } => Verdict::TimedOut {
            limit_ms: limit.as_millis() as u64,
            reason: told,
        },
        ExitReason::Signalled(signal) => Verdict::Crashed {
            signal: Some(signal),
            reason: told,
        },
        _ => Verdict::Crashed {
            signal: None,
            reason: told,
        },
    }
}

/// The end of what a program complained about.
fn told(text: &str) -> String {
    let text = text.trim();
    let start = text.floor_char_boundary(text.len().saturating_sub(TOLD));
    text[start..].to_owned()
}
