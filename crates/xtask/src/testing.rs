//! `cargo xtask test`: every test of the workspace, against the real binaries.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::compile::{self, Executable};
use crate::environment::Environment;
use crate::tally::{Counts, Tally};
use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{setup, spawn};

/// Packages that embed Python with torch: Cargo unites their features.
const WITH_TORCH: [&str; 3] = ["torch-bridge", "kernel-lab", "benches"];

/// The package that links libtorch and must not link Python.
const RUNNER: [&str; 1] = ["kernel-runner"];

/// System packages that tests use, and a program that each brings.
const SYSTEM_PACKAGES: [(&str, &str); 2] = [("bubblewrap", "bwrap"), ("chromium", "chromium")];

/// Sets up, builds the binaries, and runs the tests of every package.
///
/// Tests find the binaries through `ALPHALAB_BIN_DIR`; with
/// `ALPHALAB_REQUIRE_SYSTEM=1` they fail where they would otherwise print a
/// line that begins with `skipped:`.
pub(crate) fn test(workspace: &Workspace, with_system: bool, args: &[String]) -> Result<Counts> {
    let ui = Ui::new("test");
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if with_system {
        install_system_packages(workspace, ui)?;
    }
    let run = Run {
        workspace,
        environment: &ready.environment,
        with_system,
        args,
        ui,
    };
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    if !compile::binaries(workspace, &ready.environment, ui)? {
        ui.say("the binaries do not build; the tests that need them will fail");
        counts.insert("(binaries)".to_owned(), Counts::FAILED);
    }
    for group in groups(&workspace.packages) {
        for (package, more) in run.group(&group)? {
            *counts.entry(package).or_default() += more;
        }
    }
    println!("\n{}", table(&counts));
    let mut total = Counts::default();
    for more in counts.into_values() {
        total += more;
    }
    Ok(total)
}

/// The packages in as few Cargo invocations as their features allow: those
/// that need no torch first, for they answer soonest.
fn groups(packages: &[String]) -> Vec<Vec<&str>> {
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<&str> {
        packages
            .iter()
            .map(String::as_str)
            .filter(|name| wanted(name))
            .collect()
    };
    [
        of(&|name| !WITH_TORCH.contains(&name) && !RUNNER.contains(&name)),
        of(&|name| WITH_TORCH.contains(&name)),
        of(&|name| RUNNER.contains(&name)),
    ]
    .into_iter()
    .filter(|group| !group.is_empty())
    .collect()
}

/// What is the same for all groups.
struct Run<'a> {
    workspace: &'a Workspace,
    environment: &'a Environment,
    with_system: bool,
    args: &'a [String],
    ui: Ui,
}

impl Run<'_> {
    /// Compiles and runs the tests of packages together; if they do not all
    /// compile, one by one, so that one broken package hides no other's tests.
    fn group(&self, packages: &[&str]) -> Result<BTreeMap<String, Counts>> {
        if let Some(executables) = self.compile(packages)? {
            return self.execute(packages, &executables);
        }
        if let [package] = packages {
            println!("{package}: the tests do not compile");
            return Ok([((*package).to_owned(), Counts::FAILED)].into());
        }
        let mut counts = BTreeMap::new();
        for package in packages {
            counts.extend(self.group(&[package])?);
        }
        Ok(counts)
    }

    fn compile(&self, packages: &[&str]) -> Result<Option<Vec<Executable>>> {
        let step = self.ui.step(
            &format!("building the tests of {}", packages.join(", ")),
            "about 4 min the first time",
        );
        let executables = compile::tests(self.workspace, self.environment, &step, packages)?;
        if executables.is_some() {
            step.done();
        }
        Ok(executables)
    }

    fn execute(
        &self,
        packages: &[&str],
        executables: &[Executable],
    ) -> Result<BTreeMap<String, Counts>> {
        self.ui
            .say(&format!("running the tests of {}", packages.join(", ")));
        let mut command =
            compile::cargo_command(self.workspace, self.environment, "test", packages);
        command
            .args(["--no-fail-fast", "--", "--show-output"])
            .args(self.args)
            .env("ALPHALAB_BIN_DIR", self.workspace.binaries())
            .env(
                "ALPHALAB_CACHE",
                self.workspace.target.join("alphalab-cache"),
            );
        if self.with_system {
            command.env("ALPHALAB_REQUIRE_SYSTEM", "1");
        } else {
            command.env_remove("ALPHALAB_REQUIRE_SYSTEM");
        }
        let mut tally = Tally::new(compile::owners(executables));
        let status = spawn::lines(command, |line| {
            if tally.line(line) {
                println!("{line}");
            }
        })?;
        Ok(tally.finish(status.success()))
    }
}

fn table(counts: &BTreeMap<String, Counts>) -> String {
    let width = counts.keys().map(String::len).max().unwrap_or(0).max(7);
    let mut lines = vec![format!("{:width$}  passed  failed  skipped", "package")];
    for (package, counts) in counts {
        let Counts {
            passed,
            failed,
            skipped,
        } = counts;
        lines.push(format!(
            "{package:width$}  {passed:>6}  {failed:>6}  {skipped:>7}"
        ));
    }
    lines.join("\n")
}

/// Installs what is absent. Needs root, as the system's package manager does.
fn install_system_packages(workspace: &Workspace, ui: Ui) -> Result<()> {
    for (package, program) in SYSTEM_PACKAGES {
        if spawn::on_path(program).is_some() {
            continue;
        }
        let step = ui.step(&format!("installing {package}"), "up to a minute");
        let log = workspace.log(&format!("install-{package}.log"));
        let apt = |args: &[&str]| {
            let mut command = spawn::command("apt-get");
            command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
            spawn::logged(command, &log, |line| step.at(line))
        };
        let install = ["install", "--yes", "--no-install-recommends", package];
        // The list of packages may be old, or missing: then fetch it first.
        apt(&install)
            .or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
            .with_context(|| format!("failed to install {package}"))?;
        if spawn::on_path(program).is_none() {
            bail!("{package} is installed but {program} is not on PATH");
        }
        step.done();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_tested_once_and_the_runner_apart() {
        let packages: Vec<String> = [
            "orchestrator",
            "kernel-lab",
            "kernel-runner",
            "stats",
            "torch-bridge",
            "new-one",
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(
            groups(&packages),
            [
                vec!["orchestrator", "stats", "new-one"],
                vec!["kernel-lab", "torch-bridge"],
                vec!["kernel-runner"],
            ]
        );
    }

    #[test]
    fn groups_without_packages_are_left_out() {
        assert_eq!(groups(&["stats".to_owned()]), [vec!["stats"]]);
    }

    #[test]
    fn the_table_has_one_line_per_package() {
        let counts = [("stats", Counts::PASSED), ("torch-bridge", Counts::FAILED)]
            .map(|(name, counts)| (name.to_owned(), counts))
            .into();
        assert_eq!(
            table(&counts),
            "package       passed  failed  skipped\n\
             stats              1       0        0\n\
             torch-bridge       0       1        0"
        );
    }
}
