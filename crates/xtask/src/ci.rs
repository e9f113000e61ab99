//! `cargo xtask ci`: what a change must pass.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Result, bail};

use crate::tally::Counts;
use crate::ui::Ui;
use crate::workspace::{Workspace, cargo};
use crate::{deny, setup, spawn, testing};

/// In the tests' profile, so that the results of build scripts (torch's
/// bindings take minutes) are shared with their build.
const CLIPPY: &str = "clippy --profile suite --workspace --all-targets --quiet -- -D warnings";

const DENY: &str = "--log-level=error check bans licenses sources";

/// Runs the tests (unless `checks_only`) and the checks, all of them whatever
/// fails; each check counts as one test.
pub(crate) fn ci(workspace: &Workspace, checks_only: bool) -> Result<Counts> {
    let ui = Ui::new("ci");
    let mut total = Counts::default();
    if !checks_only {
        total += testing::test(workspace, true, &[])?;
    }
    let environment = setup::setup(workspace)?.environment;
    let command = |program: &OsStr, args: &str| {
        let mut command = spawn::command(program);
        command.current_dir(&workspace.root).args(args.split(' '));
        environment.apply(&mut command);
        command
    };
    let mut results = Vec::new();
    let format = command(&cargo(), "fmt --all --check");
    results.push(("format", check("format", "about 2 s", format, ui)));
    let lints = command(&cargo(), CLIPPY);
    results.push((
        "lints",
        check("lints", "about 3 min the first time", lints, ui),
    ));
    let dependencies = deny::find(workspace, &environment, ui).and_then(|deny| {
        let deny = command(deny.as_os_str(), DENY);
        check("dependencies", "about 5 s", deny, ui)
    });
    results.push(("dependencies", dependencies));

    println!();
    for (name, result) in results {
        match result {
            Ok(()) => {
                total += Counts::PASSED;
                println!("{name}: passed");
            }
            Err(error) => {
                total += Counts::FAILED;
                println!("{name}: FAILED: {error:#}");
            }
        }
    }
    Ok(total)
}

fn check(name: &str, usually: &str, command: Command, ui: Ui) -> Result<()> {
    let step = ui.step(name, usually);
    let status = spawn::lines(command, |line| step.print(line))?;
    if !status.success() {
        bail!("{status}");
    }
    step.done();
    Ok(())
}
