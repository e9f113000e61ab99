//! `cargo xtask run`: set up, build, and become `alphalab run`.

use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::environment::Environment;
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
    baselines(workspace, &ready.environment, ui)?;
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

/// Has every shipped task's baselines compiled once, so that no campaign pays
/// for it out of its time: `torch.compile` takes seconds per task and mode,
/// and what it makes is kept. Done again when a task changes.
fn baselines(workspace: &Workspace, environment: &Environment, ui: Ui) -> Result<()> {
    let tasks = task_texts(workspace)?;
    let stamp = workspace.target.join("xtask").join("baselines.seen");
    if fs::read_to_string(&stamp).is_ok_and(|seen| seen == tasks) {
        return Ok(());
    }
    let step = ui.step("compiling the tasks' baselines with torch", "3 min, once");
    let mut command = spawn::command(workspace.binaries().join("kernel-lab"));
    command.arg("suite");
    environment.apply(&mut command);
    spawn::logged(command, &workspace.log("baselines.log"), |line| {
        if let Some(task) = line.strip_prefix("kernel-lab: ") {
            step.at(task);
        }
    })?;
    step.done();
    fs::write(&stamp, tasks).with_context(|| format!("failed to write {}", stamp.display()))
}

/// The text of every task file, in the order of their names.
fn task_texts(workspace: &Workspace) -> Result<String> {
    let folder = workspace.root.join("kernels").join("tasks");
    let listing = || format!("failed to read the tasks in {}", folder.display());
    let mut files = fs::read_dir(&folder)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(listing)?;
    files.retain(|file| file.is_file());
    files.sort();
    files
        .iter()
        .map(|file| fs::read_to_string(file).with_context(listing))
        .collect()
}
