//! `cargo xtask run`: set up, build, and become `alphalab run`.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{compile, setup, spawn};

/// Replaces this process with `alphalab run ARGS`: the terminal, Ctrl-C and
/// the exit code are then alphalab's own, with nobody in between. Returns only
/// with an error.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<Infallible> {
    let started = Instant::now();
    let ui = Ui::new("run");
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if !compile::binaries(workspace, &ready.environment, ui)? {
        bail!("the build failed");
    }
    let alphalab = workspace.binaries().join("alphalab");
    let mut command = spawn::command(&alphalab);
    command.arg("run").args(args);
    ready.environment.apply(&mut command);
    ui.say(&format!(
        "ready in {:.0} s, starting {} run {}",
        started.elapsed().as_secs_f64(),
        alphalab.display(),
        args.join(" ")
    ));
    Err(command.exec()).with_context(|| format!("failed to start {}", alphalab.display()))
}
