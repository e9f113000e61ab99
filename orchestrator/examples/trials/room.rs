//! A folder with tasks and campaigns, and the binary that runs them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// Where a trial takes place. Everything in it is gone afterwards.
pub(crate) struct Room {
    folder: TempDir,
    alphalab: PathBuf,
    /// Folder with the lab's binary.
    labs: PathBuf,
}

impl Room {
    /// Expects `alphalab` and the lab where Cargo puts them.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let labs = own.parent().ok_or("this program has no folder")?;
        let alphalab = labs.with_file_name("alphalab");
        for needed in [&alphalab, &labs.join("synthetic-lab")] {
            if !needed.is_file() {
                let shown = needed.display();
                return Err(format!(
                    "`{shown}` is missing: cargo build -p orchestrator --bins --examples"
                )
                .into());
            }
        }
        Ok(Self {
            folder: tempfile::tempdir()?,
            alphalab,
            labs: labs.to_owned(),
        })
    }

    /// The lab's program.
    pub(crate) fn lab(&self) -> PathBuf {
        self.labs.join("synthetic-lab")
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and the folders that it needs.
    pub(crate) fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)
    }

    /// `alphalab` with these arguments. Everything that it starts carries
    /// `mark` in its environment.
    pub(crate) fn command(&self, mark: &str, arguments: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a trial drives the real binary")]
        let mut command = Command::new(&self.alphalab);
        command
            .args(arguments)
            .env("ALPHALAB_BIN_DIR", &self.labs)
            .env(super::processes::MARK, mark)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// `alphalab run` on the tasks in a folder.
    pub(crate) fn run(&self, dir: &Path, tasks: &str, more: &[&str]) -> Command {
        let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapter");
        let mut command = self.command(&text(dir), &["run"]);
        command
            .arg("--adapter")
            .arg(adapter)
            .arg("--data")
            .arg(self.path(tasks))
            .arg("--dir")
            .arg(dir)
            .args(more);
        command
    }

    /// Another verb on a campaign.
    pub(crate) fn on(&self, verb: &str, dir: &Path, more: &[&str]) -> Command {
        let mut command = self.command(&text(dir), &[verb]);
        command.arg(dir).args(more);
        command
    }
}

/// Runs a campaign to its end; one without a result has done its work, too.
pub(crate) fn to_the_end(mut command: Command) -> Result<Output, Box<dyn Error>> {
    let output = command.output()?;
    match output.status.code() {
        Some(0 | 10) => Ok(output),
        code => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("alphalab ended with {code:?}: {said}").into())
        }
    }
}

/// What the lab knows and nobody in a campaign may ask.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Known {
    /// Score of a candidate without noise.
    pub(crate) value: f64,
    /// The best score.
    pub(crate) optimum: f64,
    /// The parameters that have it.
    pub(crate) best: Value,
}

/// Asks the lab what a candidate is worth in truth.
pub(crate) fn truth(room: &Room, task: &Path, candidate: &Value) -> Result<Known, Box<dyn Error>> {
    let file = tempfile::NamedTempFile::new_in(room.folder.path())?;
    std::fs::write(file.path(), candidate.to_string())?;
    #[expect(clippy::disallowed_methods, reason = "a trial asks the lab itself")]
    let mut command = Command::new(room.lab());
    let output = command.arg("truth").arg(task).arg(file.path()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
