//! `cargo xtask red-team`: the corpus of kernels that cheat, and of honest ones
//! that look odd, through the real lab.

use anyhow::{Context, Result, bail};

use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{compile, setup, spawn};

/// Sets up, builds, and runs the corpus with `args`; `true` if it passed.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<bool> {
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if !compile::binaries(workspace, &ready.environment, Ui::new("red-team"))? {
        bail!("the build failed");
    }
    let mut command = spawn::command(workspace.binaries().join("kernel-lab"));
    command
        .arg("red-team")
        .args(args)
        .env("ALPHALAB_HOME", &workspace.root);
    ready.environment.apply(&mut command);
    // Its progress goes to stderr, its answer to stdout.
    let status = command.status().context("failed to start kernel-lab")?;
    // 1 is the corpus's own answer; anything else is no answer.
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("kernel-lab ended with {status}"),
    }
}
