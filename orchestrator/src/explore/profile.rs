//! Running the profile in the sandbox: the data read-only, the report's
//! folders writable, no network, bounded memory and time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbox::{Command, ExitReason, Finished, Limits, Policy, SpawnError};
use serde::de::DeserializeOwned;

use super::documents::{Findings, Schema, Statistics};
use super::{AgentsPython, DataProblem, ExploreError};

/// Version of the documents that this program reads.
const VERSION: u32 = 1;
/// The scripts' exit code for data that can't be profiled.
const DATA_PROBLEM: i32 = 3;
/// Lines of error output that a message carries.
const TAIL_LINES: usize = 12;

/// What is profiled, and for what.
#[derive(Clone, Debug)]
pub struct ProfileRequest<'a> {
    /// The script, as [`super::write_scripts`] gave it.
    pub script: &'a Path,
    /// A file or folder.
    pub data: &'a Path,
    /// Folder for the documents, made if need be.
    pub out: &'a Path,
    /// Folder for the plots, made if need be.
    pub plots: &'a Path,
    /// What is to be achieved, in plain language; may be empty.
    pub objective: &'a str,
    /// The column to predict, where the caller knows it.
    pub target: Option<&'a str>,
    /// Whether rows with a wrong number of fields are left out, rather than
    /// being a problem.
    pub skip_ragged: bool,
    /// What it may use.
    pub limits: ProfileLimits,
}

/// What a profile may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileLimits {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Running time.
    pub wall: Duration,
}

impl Default for ProfileLimits {
    /// 1 GiB, twice what it needs for data of any size; and an hour, for data
    /// of tens of gigabytes.
    fn default() -> Self {
        Self {
            resident_bytes: 1 << 30,
            wall: Duration::from_hours(1),
        }
    }
}

/// What the profile found.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What the data are.
    pub schema: Schema,
    /// Their numbers.
    pub statistics: Statistics,
    /// What to be careful about, and the most plausible task.
    pub findings: Findings,
    /// What it took.
    pub used: Used,
}

/// What a profile took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// Running time.
    pub wall: Duration,
    /// Processor time in seconds.
    pub cpu_s: f64,
    /// Largest resident memory in bytes.
    pub max_rss_bytes: u64,
}

/// Profiles a dataset: runs the scripts and reads what they wrote.
pub fn profile(
    python: &AgentsPython,
    request: &ProfileRequest<'_>,
) -> Result<Profile, ExploreError> {
    let data = request.data.canonicalize().map_err(|source| {
        ExploreError::Data(Box::new(DataProblem {
            kind: "unreadable".to_owned(),
            what: format!("it can't be read ({source})"),
            file: Some(request.data.display().to_string()),
            line: None,
            field: None,
            remedy: "give the path of an existing file or folder".to_owned(),
        }))
    })?;
    let out = folder(request.out)?;
    let plots = folder(request.plots)?;
    let script = absolute(request.script)?;
    let scratch = folder(&out.join(".scratch"))?;
    let ended = run(python, request, &data, [&out, &plots], &script, &scratch);
    let cleared = std::fs::remove_dir_all(&scratch);
    let finished = ended?;
    cleared.map_err(|source| ExploreError::File {
        operation: "remove",
        path: scratch,
        source,
    })?;
    judge(&data, &finished)?;
    Ok(Profile {
        schema: document(&out.join("schema.json"))?,
        statistics: document(&out.join("statistics.json"))?,
        findings: document(&out.join("findings.json"))?,
        used: Used {
            wall: finished.wall,
            cpu_s: finished.cpu_s,
            max_rss_bytes: finished.max_rss_bytes,
        },
    })
}

fn absolute(path: &Path) -> Result<PathBuf, ExploreError> {
    path.canonicalize().map_err(|source| ExploreError::File {
        operation: "find",
        path: path.to_owned(),
        source,
    })
}

fn folder(path: &Path) -> Result<PathBuf, ExploreError> {
    std::fs::create_dir_all(path).map_err(|source| ExploreError::File {
        operation: "create",
        path: path.to_owned(),
        source,
    })?;
    absolute(path)
}

fn run(
    python: &AgentsPython,
    request: &ProfileRequest<'_>,
    data: &Path,
    [out, plots]: [&Path; 2],
    script: &Path,
    scratch: &Path,
) -> Result<Finished, ExploreError> {
    let scripts = script.parent().unwrap_or(script);
    let mut read_only = python.read_only();
    read_only.extend([data.to_owned(), scripts.to_owned()]);
    let policy = Policy {
        read_only,
        read_write: vec![out.to_owned(), plots.to_owned(), scratch.to_owned()],
        cwd: out.to_owned(),
        ..Policy::isolated()
            .env("HOME", scratch)
            .env("TMPDIR", scratch)
            .env("MPLCONFIGDIR", scratch)
    };
    let limits = Limits {
        resident_bytes: Some(request.limits.resident_bytes),
        wall: Some(request.limits.wall),
        ..Limits::default()
    };
    let mut arguments: Vec<OsString> = vec!["-I".into(), "-B".into(), script.into(), data.into()];
    arguments.extend(["--out".into(), out.into(), "--plots".into(), plots.into()]);
    // An objective may begin with a dash; in one word with its option it is no option.
    arguments.push(format!("--objective={}", request.objective).into());
    arguments.extend(request.target.map(|name| format!("--target={name}").into()));
    if request.skip_ragged {
        arguments.push("--skip-ragged".into());
    }
    let start = |policy: Policy| {
        Command::new(python.interpreter(), policy, limits.clone())
            .args(arguments.iter().cloned())
            .run()
    };
    let finished = match start(policy.clone()) {
        // Data or an interpreter that only its owner, who is root, may read:
        // the sandbox without another user is what is left.
        Err(SpawnError::Unreadable { .. }) => start(Policy {
            drop_user: false,
            ..policy
        }),
        other => other,
    };
    finished.map_err(|source| ExploreError::Start {
        data: data.to_owned(),
        source: Box::new(source),
    })
}

/// Whether the scripts did their work; else whose fault it is.
fn judge(data: &Path, finished: &Finished) -> Result<(), ExploreError> {
    let stderr = finished.stderr.text();
    match finished.reason {
        ExitReason::Exited(0) => return Ok(()),
        ExitReason::Exited(DATA_PROBLEM) => {
            let last = stderr.trim_end().lines().next_back().unwrap_or_default();
            if let Ok(problem) = serde_json::from_str(last) {
                return Err(ExploreError::Data(problem));
            }
        }
        _ => {}
    }
    let lines: Vec<&str> = stderr.trim().lines().collect();
    Err(ExploreError::Ended {
        data: data.to_owned(),
        how: finished.reason.to_string(),
        stderr: lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"),
    })
}

fn document<T: DeserializeOwned>(path: &Path) -> Result<T, ExploreError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let text = std::fs::read_to_string(path).map_err(|source| ExploreError::File {
        operation: "read",
        path: path.to_owned(),
        source,
    })?;
    let wrong = |source| ExploreError::Document {
        path: path.to_owned(),
        source,
    };
    let version: Version = serde_json::from_str(&text).map_err(wrong)?;
    if version.schema != VERSION {
        return Err(ExploreError::Version {
            path: path.to_owned(),
            found: version.schema,
            expected: VERSION,
        });
    }
    serde_json::from_str(&text).map_err(wrong)
}
