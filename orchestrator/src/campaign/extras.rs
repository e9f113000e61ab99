//! Packages that a campaign declares beside those of the agents' environment.
//!
//! They are resolved, locked with the hash of each wheel, and installed from
//! that lock into a folder of the campaign, all before its first event, which
//! holds the folder's hash. Only wheels are taken, which are unpacked: no code
//! of a package runs outside a sandbox. Later nobody but the sandboxes of
//! agents and evaluations reads the folder, and none may write to it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sandbox::{Command, ExitReason, Limits, Policy, SpawnError};
use serde::Deserialize;
use tempfile::TempDir;

use super::data::{DataError, folder_hash, seal};
use crate::audit::run::{RunError, copy_folder};
use crate::core::settings::PythonSettings;
use crate::explore::{AgentsPython, packages, pins};

/// The lock in the folder of the extras.
pub const LOCK: &str = "requirements.lock";
/// Folder below it that Python looks for modules in.
pub const MODULES: &str = "modules";
/// Most time for one run of pip.
const LONGEST: Duration = Duration::from_mins(15);
/// Longest name or version.
const LONGEST_WORD: usize = 100;

/// Why packages can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ExtrasError {
    /// Not a package with a version.
    #[error("`{text}` is no package for --python-extra, for {why}: write NAME==VERSION")]
    Declared {
        /// What was said.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file can't be written or read.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// pip can't be started.
    #[error("failed to start pip")]
    Start(#[source] Box<SpawnError>),
    /// No package index answers.
    #[error("failed to {operation} the python extras, for no package index answers: {said}")]
    Unreachable {
        /// `resolve` or `install`.
        operation: &'static str,
        /// What pip said.
        said: String,
    },
    /// pip refuses.
    #[error("failed to {operation} the python extras {wanted}: {said}")]
    Refused {
        /// `resolve` or `install`.
        operation: &'static str,
        /// What was declared.
        wanted: String,
        /// What pip said.
        said: String,
    },
    /// pip did not say what it would install.
    #[error("failed to lock the python extras: pip names no {what}")]
    Report {
        /// What it does not name.
        what: String,
    },
    /// The folder can't be copied.
    #[error("failed to put the python extras into the campaign")]
    Copy(#[from] RunError),
    /// The folder can't be hashed or sealed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The folder is not what was installed.
    #[error("`{}` has changed since the campaign began: restore it, or start a new campaign", .0.display())]
    Changed(PathBuf),
}

/// A package in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    name: String,
    version: String,
}

impl fmt::Display for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=={}", self.name, self.version)
    }
}

impl FromStr for Extra {
    type Err = ExtrasError;

    /// Nothing but a name and a version: no option, address, path or marker
    /// gets to pip.
    fn from_str(text: &str) -> Result<Self, ExtrasError> {
        let wrong = |why| ExtrasError::Declared {
            text: text.to_owned(),
            why,
        };
        let (name, version) = text
            .split_once("==")
            .ok_or_else(|| wrong("it has no exact version"))?;
        let word = |word: &str, others: &str| {
            word.len() <= LONGEST_WORD
                && word.starts_with(|c: char| c.is_ascii_alphanumeric())
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        if !word(name, "-_.") {
            return Err(wrong("its name is none"));
        }
        if !word(version, "-_.+!") {
            return Err(wrong("its version is none"));
        }
        if packages().iter().any(|known| plain(known) == plain(name)) {
            return Err(wrong(
                "the agents' environment has it in a version of its own",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }
}

/// A name as indexes compare names.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Packages that are installed in a folder of their own until a campaign takes
/// them.
#[derive(Debug)]
pub struct Installed {
    room: TempDir,
    /// What the campaign's settings say of them.
    pub settings: PythonSettings,
}

impl Installed {
    fn folder(room: &TempDir) -> PathBuf {
        room.path().join("extras")
    }

    /// Puts them into a campaign.
    pub fn put(&self, to: &Path) -> Result<(), ExtrasError> {
        copy_folder(&Self::folder(&self.room), to)?;
        seal(to)?;
        verify(to, &self.settings)
    }
}

/// Resolves, locks and installs packages; nothing is left behind where one of
/// these fails.
pub fn install(python: &AgentsPython, extras: &[Extra]) -> Result<Installed, ExtrasError> {
    let room = tempfile::Builder::new()
        .prefix("alphalab-extras-")
        .tempdir()
        .map_err(failed("create", Path::new("a temporary folder")))?;
    let folder = Installed::folder(&room);
    let modules = folder.join(MODULES);
    std::fs::create_dir_all(&modules).map_err(failed("create", &modules))?;
    let locked = resolve(python, extras, room.path())?;
    let lock = folder.join(LOCK);
    std::fs::write(&lock, locked).map_err(failed("write", &lock))?;
    let arguments = [
        "install".into(),
        "--require-hashes".into(),
        "--no-deps".into(),
        // Compiled modules would have the time of the installation in them.
        "--no-compile".into(),
        "--target".into(),
        modules.into_os_string(),
        "--requirement".into(),
        lock.into_os_string(),
    ];
    pip("install", python, extras, room.path(), &arguments)?;
    let settings = PythonSettings {
        extras: extras.iter().map(Extra::to_string).collect(),
        hash: folder_hash(&folder)?,
    };
    Ok(Installed { room, settings })
}

/// Whether the folder still holds what was installed.
pub fn verify(folder: &Path, settings: &PythonSettings) -> Result<(), ExtrasError> {
    if folder.is_dir() && folder_hash(folder)? == settings.hash {
        Ok(())
    } else {
        Err(ExtrasError::Changed(folder.to_owned()))
    }
}

#[derive(Deserialize)]
struct Report {
    install: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    download_info: Download,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Download {
    #[serde(default)]
    archive_info: Archive,
}

#[derive(Default, Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// The lock: what has to be installed beside the environment, with hashes.
fn resolve(python: &AgentsPython, extras: &[Extra], room: &Path) -> Result<String, ExtrasError> {
    let constraints = room.join("constraints.txt");
    let pinned = pins().join("\n");
    std::fs::write(&constraints, pinned).map_err(failed("write", &constraints))?;
    let report = room.join("report.json");
    let mut arguments: Vec<OsString> = vec![
        "install".into(),
        "--dry-run".into(),
        "--report".into(),
        report.clone().into_os_string(),
        "--constraint".into(),
        constraints.into_os_string(),
    ];
    arguments.extend(extras.iter().map(|extra| extra.to_string().into()));
    pip("resolve", python, extras, room, &arguments)?;
    let text = std::fs::read(&report).map_err(failed("read", &report))?;
    let report: Report = serde_json::from_slice(&text).map_err(|error| ExtrasError::Report {
        what: format!("packages ({error})"),
    })?;
    let mut lines = Vec::new();
    for item in report.install {
        let Metadata { name, version } = item.metadata;
        let hash = item.download_info.archive_info.hashes.get("sha256");
        let hash = hash.ok_or_else(|| ExtrasError::Report {
            what: format!("sha256 of {name}"),
        })?;
        lines.push(format!("{name}=={version} --hash=sha256:{hash}\n"));
    }
    lines.sort();
    Ok(lines.concat())
}

/// Runs pip, which unpacks wheels and runs nothing of what is in them.
fn pip(
    operation: &'static str,
    python: &AgentsPython,
    extras: &[Extra],
    room: &Path,
    arguments: &[OsString],
) -> Result<(), ExtrasError> {
    const QUIET: [&str; 6] = [
        "--no-input",
        "--quiet",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--only-binary=:all:",
        "--retries=2",
    ];
    let mut policy = Policy::trusted();
    policy.env = environment();
    room.clone_into(&mut policy.cwd);
    let limits = Limits {
        wall: Some(LONGEST),
        output_bytes: Some(1 << 20),
        ..Limits::none()
    };
    let finished = Command::new(python.interpreter(), policy, limits)
        .args(["-I", "-m", "pip"])
        .args(arguments.iter().cloned())
        .args(QUIET)
        .run()
        .map_err(|error| ExtrasError::Start(Box::new(error)))?;
    if finished.reason == ExitReason::Exited(0) {
        return Ok(());
    }
    let text = finished.stderr.text();
    let line = |start: &str| text.lines().rev().find(|line| line.contains(start));
    if let Some(retrying) = line("Retrying (") {
        return Err(ExtrasError::Unreachable {
            operation,
            said: retrying.trim().to_owned(),
        });
    }
    let said = line("ERROR: ").or_else(|| text.lines().last());
    let wanted: Vec<String> = extras.iter().map(|extra| format!("`{extra}`")).collect();
    Err(ExtrasError::Refused {
        operation,
        wanted: wanted.join(", "),
        said: said.map_or_else(
            || format!("pip {}", finished.reason),
            |said| said.trim_start_matches("ERROR: ").to_owned(),
        ),
    })
}

/// What pip may know: where its index is and how it is reached.
fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(key, _)| {
            let key = key.to_string_lossy().to_ascii_lowercase();
            key.starts_with("pip_")
                || key.ends_with("_proxy")
                || matches!(
                    key.as_str(),
                    "path"
                        | "home"
                        | "lang"
                        | "tmpdir"
                        | "xdg_config_home"
                        | "ssl_cert_file"
                        | "ssl_cert_dir"
                        | "requests_ca_bundle"
                )
        })
        .collect()
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExtrasError {
    let path = path.to_owned();
    move |source| ExtrasError::File {
        operation,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> &'static str {
        match text.parse::<Extra>() {
            Err(ExtrasError::Declared { why, .. }) => why,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn nothing_but_names_with_versions_gets_to_pip() {
        let good: Extra = "Some_pkg.x==1.0.post1+cpu".parse().expect("a package");
        assert_eq!(good.to_string(), "Some_pkg.x==1.0.post1+cpu");
        for text in ["six", "six>=1", "six=1", "six~=1.0"] {
            assert_eq!(why(text), "it has no exact version", "{text}");
        }
        for text in [
            "--pre==1",
            "a b==1",
            "./x==1",
            "six[extra]==1",
            "==1",
            "https://x==1",
        ] {
            assert_eq!(why(text), "its name is none", "{text}");
        }
        for text in [
            "six==",
            "six==*",
            "six==1 --hash=x",
            "six==1;python_version>'3'",
            "six==1==2",
        ] {
            assert_eq!(why(text), "its version is none", "{text}");
        }
        assert!(why("NumPy==1.0").contains("environment has it"));
    }
}
