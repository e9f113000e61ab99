//! The folders that a measurement runs in, and the command that runs there.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A model whose list price is that of the server.
const MODEL: &str = "anthropic:claude-sonnet-4-6";

/// A folder that goes with the measurement.
#[derive(Debug)]
pub(crate) struct Room {
    folder: TempDir,
    arguments: Vec<String>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A room for a search with as many tasks as agents.
pub(crate) fn searchers(agents: u32, turns: usize) -> Result<Room, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (adapter, tasks) = (folder.path().join("adapter"), folder.path().join("tasks"));
    fs::create_dir(&adapter)?;
    fs::create_dir(&tasks)?;
    for entry in fs::read_dir(fixtures().join("adapter"))? {
        let entry = entry?;
        let to = adapter.join(entry.file_name());
        if entry.file_name() == "manifest.toml" {
            let manifest = fs::read_to_string(entry.path())?;
            let most = format!("turns = {}", (turns + 10).clamp(10, 10_000));
            fs::write(to, manifest.replace("turns = 60", &most))?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    for number in 0..agents {
        fs::write(tasks.join(format!("t{number:02}.toml")), "best = 1.0\n")?;
    }
    let arguments = vec![
        "--adapter".to_owned(),
        text(&adapter),
        "--data".to_owned(),
        text(&tasks),
        "--workers".to_owned(),
        agents.to_string(),
        "--experiments".to_owned(),
        "100000".to_owned(),
    ];
    Ok(Room { folder, arguments })
}

/// A room with a small table to explore.
pub(crate) fn explorer() -> Result<Room, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("rows.csv");
    let mut table = "size,rooms,price\n".to_owned();
    for row in 0..200_u32 {
        let (size, rooms) = (40 + row * 7 % 90, 1 + row % 5);
        writeln!(table, "{size}.5,{rooms},{}", 1000 * size + 500 * rooms)?;
    }
    fs::write(&data, table)?;
    let arguments = vec![
        "--data".to_owned(),
        text(&data),
        "--objective".to_owned(),
        "Predict price with the smallest RMSE".to_owned(),
        "--until".to_owned(),
        "phase1".to_owned(),
    ];
    Ok(Room { folder, arguments })
}

impl Room {
    /// `alphalab run` on the server at `url`.
    pub(crate) fn command(
        &self,
        alphalab: Option<&PathBuf>,
        url: &str,
    ) -> Result<Command, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let examples = own.parent().ok_or("this program has no folder")?;
        let usual = examples.with_file_name("alphalab");
        let program = alphalab.unwrap_or(&usual);
        #[expect(
            clippy::disallowed_methods,
            reason = "a measurement drives the real binary"
        )]
        let mut command = Command::new(program);
        command
            .arg("run")
            .args(&self.arguments)
            .args(["--model", MODEL, "--dir"])
            .arg(self.folder.path().join("campaign"))
            .env("ALPHALAB_BIN_DIR", examples)
            .env("ANTHROPIC_BASE_URL", url)
            .env("ANTHROPIC_API_KEY", "sk-ant-not-a-key")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Ok(command)
    }
}
