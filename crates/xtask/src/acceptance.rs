//! `cargo xtask gpu-acceptance`: the first contact with a GPU as one command.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{compile, setup, spawn};

/// Sets up, builds, and has the lab try all that it does on a CUDA device, with `args`; the
/// lab's exit code: 0 nothing failed, 3 nothing could be tried, 10 something failed.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<u8> {
    let ui = Ui::new("gpu-acceptance");
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if !compile::binaries(workspace, &ready.environment, ui)? {
        bail!("the build failed");
    }
    let document = document(workspace);
    if let Some(folder) = document.parent() {
        let made = std::fs::create_dir_all(folder);
        made.with_context(|| format!("failed to create {}", folder.display()))?;
    }
    // What an earlier run has left is not to be taken for this one's.
    if document.exists() {
        let removed = std::fs::remove_file(&document);
        removed.with_context(|| format!("failed to remove {}", document.display()))?;
    }
    let mut command = spawn::command(workspace.binaries().join("kernel-lab"));
    command
        .args(arguments(args, &document))
        .env("ALPHALAB_HOME", &workspace.root);
    ready.environment.apply(&mut command);
    // Its progress goes to stderr, its answer to stdout.
    let status = command.status().context("failed to start kernel-lab")?;
    if document.exists() {
        ui.say(&format!("the document is {}", document.display()));
    }
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code @ (0 | 3 | 10)) => Ok(code),
        _ => bail!("kernel-lab ended with {status}"),
    }
}

/// Where the document of a run lies.
fn document(workspace: &Workspace) -> PathBuf {
    workspace.target.join("xtask").join("gpu-acceptance.json")
}

/// The lab's arguments, with what the user says.
fn arguments(args: &[String], document: &Path) -> Vec<String> {
    let own = ["acceptance", "--device", "cuda", "--out"].map(str::to_owned);
    let out = document.display().to_string();
    own.into_iter().chain([out]).chain(args.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_is_passed_on() {
        let args = ["--parts".to_owned(), "driver".to_owned()];
        let all = arguments(&args, Path::new("x.json"));
        assert_eq!(
            all.join(" "),
            "acceptance --device cuda --out x.json --parts driver"
        );
    }
}
