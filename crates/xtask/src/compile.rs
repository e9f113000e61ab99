//! Building with Cargo, with a progress bar made from its messages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::environment::Environment;
use crate::spawn;
use crate::ui::{Step, Ui};
use crate::workspace::{Workspace, cargo};

/// One thing to build. Each is a Cargo invocation of its own, because Cargo
/// unites the features of what it builds together: `kernel-runner` must not
/// link Python, the host of kernel-lab must.
#[derive(Debug)]
struct Part {
    what: &'static str,
    usually: &'static str,
    packages: &'static [&'static str],
}

const RUNNER: Part = Part {
    what: "building kernel-runner",
    usually: "about 4 min the first time",
    packages: &[
        "kernel-runner",
        "kernel-nvrtc",
        "kernel-cuda",
        "cuda-sim-driver",
    ],
};

const BINARIES: [Part; 2] = [
    RUNNER,
    Part {
        what: "building alphalab and kernel-lab",
        usually: "about 8 min the first time",
        packages: &["orchestrator", "kernel-lab"],
    },
];

const BENCHES: [Part; 2] = [
    RUNNER,
    Part {
        what: "building the benches",
        usually: "about 6 min the first time",
        packages: &["benches"],
    },
];

/// Builds the binaries that a campaign runs; `false` if one does not compile
/// (the compiler has said why).
pub(crate) fn binaries(workspace: &Workspace, environment: &Environment, ui: Ui) -> Result<bool> {
    parts(workspace, environment, ui, &BINARIES)
}

/// Builds the benches and what they run; `false` if one does not compile.
pub(crate) fn benches(workspace: &Workspace, environment: &Environment, ui: Ui) -> Result<bool> {
    parts(workspace, environment, ui, &BENCHES)
}

fn parts(workspace: &Workspace, environment: &Environment, ui: Ui, parts: &[Part]) -> Result<bool> {
    for part in parts {
        let packages: Vec<&str> = part.packages.to_vec();
        let step = ui.step(part.what, part.usually);
        let built = build(workspace, Some(environment), &step, &["build"], &packages)?;
        if built.is_none() {
            return Ok(false);
        }
        step.done();
    }
    Ok(true)
}

/// Compiles the tests of packages; the executables with the package each is
/// of, or `None` if something does not compile.
pub(crate) fn tests(
    workspace: &Workspace,
    environment: &Environment,
    step: &Step,
    packages: &[&str],
) -> Result<Option<Vec<Executable>>> {
    build(workspace, Some(environment), step, &["test"], packages)
}

/// Builds the orchestrator's binaries and examples, which need neither torch
/// nor Python; `false` if one does not compile.
pub(crate) fn orchestrator(workspace: &Workspace, ui: Ui) -> Result<bool> {
    let step = ui.step(
        "building alphalab and its trials",
        "about 4 min the first time",
    );
    let verb = ["build", "--bins", "--examples"];
    let built = build(workspace, None, &step, &verb, &["orchestrator"])?;
    step.done();
    Ok(built.is_some())
}

/// An executable that Cargo made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// The package it belongs to.
    pub(crate) package: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

/// The package of each executable, by its file's name.
pub(crate) fn owners(executables: &[Executable]) -> BTreeMap<String, String> {
    executables
        .iter()
        .filter_map(|executable| {
            let file = executable.path.file_name()?.to_str()?;
            Some((file.to_owned(), executable.package.clone()))
        })
        .collect()
}

/// `cargo VERB --profile PROFILE -p PACKAGES`, in the environment.
pub(crate) fn cargo_command(
    workspace: &Workspace,
    environment: &Environment,
    verb: &str,
    packages: &[&str],
) -> Command {
    cargo_in(workspace, Some(environment), &[verb], packages)
}

fn cargo_in(
    workspace: &Workspace,
    environment: Option<&Environment>,
    verb: &[&str],
    packages: &[&str],
) -> Command {
    let mut command = spawn::command(cargo());
    command
        .current_dir(&workspace.root)
        .args(verb)
        .args(["--profile", workspace.profile.name()]);
    for package in packages {
        command.args(["-p", package]);
    }
    if let Some(environment) = environment {
        environment.apply(&mut command);
    }
    command
}

fn build(
    workspace: &Workspace,
    environment: Option<&Environment>,
    step: &Step,
    verb: &[&str],
    packages: &[&str],
) -> Result<Option<Vec<Executable>>> {
    step.at("fetching dependencies");
    let for_tests = verb.first() == Some(&"test");
    let total = count_packages(workspace, for_tests, packages);
    // Quiet Cargo does not say that another one holds the target directory.
    step.at("waiting for Cargo's first package");
    let mut command = cargo_in(workspace, environment, verb, packages);
    command.args(["--quiet", "--message-format=json-render-diagnostics"]);
    if for_tests {
        command.arg("--no-run");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start cargo")?;
    let stdout = child.stdout.take().context("cargo has no stdout")?;
    let stderr = child.stderr.take().context("cargo has no stderr")?;

    let mut compiled = BTreeSet::new();
    let mut executables = Vec::new();
    thread::scope(|scope| {
        // Quiet Cargo writes diagnostics there and nothing else.
        scope.spawn(|| {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                step.print(&line);
            }
        });
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(artifact) = Artifact::parse(&line) {
                let name = artifact.package().to_owned();
                if compiled.insert(artifact.package_id.clone()) {
                    step.progress(compiled.len(), total, "packages", &name);
                }
                executables.extend(artifact.executable.map(|path| Executable {
                    package: name,
                    path,
                }));
            }
        }
    });
    let status = child.wait().context("failed to wait for cargo")?;
    Ok(status.success().then_some(executables))
}

/// How many packages a build goes through; 0 where `cargo tree` can't tell,
/// which only costs the bar its length.
fn count_packages(workspace: &Workspace, for_tests: bool, packages: &[&str]) -> usize {
    let edges = if for_tests {
        "normal,build,dev"
    } else {
        "normal,build"
    };
    let mut command = spawn::command(cargo());
    command.current_dir(&workspace.root).args([
        "tree",
        "--quiet",
        "--prefix=none",
        "--format={p}",
        "--edges",
        edges,
    ]);
    for package in packages {
        command.args(["-p", package]);
    }
    let Ok(output) = command.output() else {
        return 0;
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect::<BTreeSet<_>>()
        .len()
}

/// The part of Cargo's `compiler-artifact` message that we read.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    package_id: String,
    executable: Option<PathBuf>,
}

impl Artifact {
    fn parse(line: &str) -> Option<Self> {
        let artifact: Self = serde_json::from_str(line).ok()?;
        (artifact.reason == "compiler-artifact").then_some(artifact)
    }

    /// The package's name from its id: `URL#name@version`, or `URL#version`
    /// where the name is the URL's last part.
    fn package(&self) -> &str {
        let (url, rest) = self
            .package_id
            .rsplit_once('#')
            .unwrap_or(("", &self.package_id));
        match rest.split_once('@') {
            Some((name, _)) => name,
            None => Path::new(url)
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_names_its_package_and_executable() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///c/crates/stats#0.1.0",
            "target":{"name":"stats"},"executable":"/t/release/deps/stats-1f"}"#;
        let artifact = Artifact::parse(line).expect("parses");
        assert_eq!(artifact.package(), "stats");
        assert_eq!(
            artifact.executable.as_deref(),
            Some(Path::new("/t/release/deps/stats-1f"))
        );

        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///c/kernel-lab/runner#kernel-runner@0.1.0","executable":null}"#;
        let artifact = Artifact::parse(line).expect("parses");
        assert_eq!(artifact.package(), "kernel-runner");
        assert_eq!(artifact.executable, None);
    }

    #[test]
    fn other_messages_are_passed_over() {
        assert!(Artifact::parse(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(
            Artifact::parse(r#"{"reason":"build-script-executed","package_id":"x#y@1"}"#).is_none()
        );
        assert!(Artifact::parse("warning: not JSON").is_none());
    }
}
