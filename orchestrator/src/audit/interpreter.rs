//! The Python that evaluations run with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::campaign::extras::MODULES;
use sandbox::{Command, ExitReason, Limits, Policy};

/// Asks an interpreter where it lives.
const WHERE: &str = "import sys; print(sys.executable); print(sys.prefix); print(sys.base_prefix)";

/// No interpreter works inside the sandbox.
#[derive(Debug, thiserror::Error)]
#[error(
    "no python3 runs in the sandbox (tried {tried}); install python3, or let ALPHALAB_AGENT_VENV name an environment"
)]
pub struct NoInterpreter {
    tried: String,
}

/// A Python that runs in the sandbox, and what it must see to do so.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// The program.
    pub program: PathBuf,
    /// Folders that it needs beside the system's base.
    pub visible: Vec<PathBuf>,
    /// Packages that were installed for a campaign.
    extras: Option<PathBuf>,
}

impl Interpreter {
    /// The agents' environment (`ALPHALAB_AGENT_VENV`), else the first
    /// `python3` of the PATH that works inside the sandbox: a version
    /// manager's shim, say, does not.
    pub fn find(environment: &[(OsString, OsString)]) -> Result<Self, NoInterpreter> {
        let get = |name: &str| {
            environment
                .iter()
                .find(|(key, value)| key == name && !value.is_empty())
                .map(|(_, value)| value.clone())
        };
        let named = get("ALPHALAB_AGENT_VENV").map(|venv| PathBuf::from(venv).join("bin/python3"));
        let path = get("PATH").unwrap_or_default();
        let mut tried = Vec::new();
        let candidates = named
            .into_iter()
            .chain(std::env::split_paths(&path).map(|folder| folder.join("python3")))
            .chain([PathBuf::from("/usr/bin/python3")]);
        for program in candidates {
            if !program.is_file() || tried.contains(&program) {
                continue;
            }
            if let Some(found) = Self::probe(program.clone(), environment) {
                return Ok(found);
            }
            tried.push(program);
        }
        let tried: Vec<String> = tried.iter().map(|p| p.display().to_string()).collect();
        Err(NoInterpreter {
            tried: if tried.is_empty() {
                "none".to_owned()
            } else {
                tried.join(", ")
            },
        })
    }

    fn probe(program: PathBuf, environment: &[(OsString, OsString)]) -> Option<Self> {
        let mut outside = Policy::trusted();
        outside.env = environment.to_vec();
        let asked = Command::new(program, outside, limits())
            .args(["-c", WHERE])
            .run()
            .ok()?;
        let answer = asked.stdout.text();
        let mut lines = answer.lines().map(PathBuf::from);
        let program = lines.next()?;
        let mut visible: Vec<PathBuf> = lines.filter(|p| !p.starts_with("/usr")).collect();
        visible.dedup();
        let found = Self {
            program,
            visible,
            extras: None,
        };
        let inside = Command::new(&found.program, found.policy(), limits())
            .args(["-c", "import ast, json, runpy"]);
        matches!(inside.run(), Ok(f) if f.reason == ExitReason::Exited(0)).then_some(found)
    }

    /// The same with the packages in a campaign's folder of extras.
    #[must_use]
    pub fn with_extras(self, extras: Option<PathBuf>) -> Self {
        Self { extras, ..self }
    }

    /// A confined child that sees this interpreter and nothing else.
    pub fn policy(&self) -> Policy {
        let mut policy = Policy::isolated()
            .env("HOME", "/nonexistent")
            .env("TZ", "UTC")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONIOENCODING", "utf-8");
        // Forks of a process whose numeric libraries run threads would hang.
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            policy = policy.env(name, "1");
        }
        policy.read_only.clone_from(&self.visible);
        if let Some(extras) = &self.extras {
            policy.read_only.push(extras.clone());
            policy = policy.env("PYTHONPATH", extras.join(MODULES));
        }
        policy
    }
}

fn limits() -> Limits {
    Limits {
        wall: Some(Duration::from_secs(20)),
        output_bytes: Some(1 << 16),
        ..Limits::none()
    }
}
