//! `cargo xtask bench`: kernels against their baselines, with Criterion's
//! report.

use std::env;

use anyhow::{Context, Result, bail};

use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{compile, setup, spawn};

/// Where Criterion's results go, unless it is set.
const RESULTS: &str = "CRITERION_HOME";

/// Sets up, builds, and runs the benches with `args`; `true` if all that was
/// asked for was timed.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<bool> {
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if !compile::benches(workspace, &ready.environment, Ui::new("bench"))? {
        bail!("the build failed");
    }
    let mut command = spawn::command(workspace.binaries().join("kernel-bench"));
    command.args(args).env("ALPHALAB_HOME", &workspace.root);
    if env::var_os(RESULTS).is_none() {
        command.env(RESULTS, workspace.target.join("criterion"));
    }
    ready.environment.apply(&mut command);
    // Its progress goes to stderr, its answer to stdout; the last line of
    // that is the result.
    let status = command.status().context("failed to start kernel-bench")?;
    // 1 is an answer: something was not timed. Anything else is none.
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("kernel-bench ended with {status}"),
    }
}
