//! Driving the real binary against a lab: the synthetic one, or the one that
//! `ALPHALAB_TEST_BIN_DIR` holds.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A lab to test against, and how to run a campaign on it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Folder with the lab's binary.
    pub(crate) bin_dir: PathBuf,
    /// Arguments of `alphalab run` that choose adapter, data and budget.
    pub(crate) run: Vec<String>,
}

impl Target {
    /// The synthetic lab with the tasks in `data`.
    pub(crate) fn synthetic(data: &Path) -> Self {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Self {
            bin_dir: alphalab().parent().expect("a folder").join("examples"),
            run: vec![
                "--adapter".to_owned(),
                text(fixtures().join("adapter")),
                "--data".to_owned(),
                text(data.to_owned()),
            ],
        }
    }
}

/// The binary under test.
pub(crate) fn alphalab() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_alphalab"))
}

/// Folder of the checked-in adapter and tasks.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join("fixtures")
}

/// `alphalab` with `arguments`, marked so that everything it starts can be
/// found: labs inherit variables of that prefix.
pub(crate) fn command(target: &Target, mark: &str, arguments: &[&str]) -> Command {
    assert!(
        target.bin_dir.is_dir(),
        "`{}` is missing: run `cargo build -p orchestrator --examples`",
        target.bin_dir.display()
    );
    #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
    let mut command = Command::new(alphalab());
    command
        .args(arguments)
        .env("ALPHALAB_BIN_DIR", &target.bin_dir)
        .env("ALPHALAB_TEST_MARK", mark)
        .stdin(Stdio::null());
    command
}

/// `alphalab run` for a campaign in `dir`.
pub(crate) fn run(target: &Target, mark: &str, dir: &Path, more: &[&str]) -> Command {
    let mut command = command(target, mark, &["run"]);
    command.args(&target.run).arg("--dir").arg(dir).args(more);
    command
}

/// Starts without anybody listening.
pub(crate) fn quietly(mut command: Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("alphalab starts")
}

/// Runs to the end.
pub(crate) fn finish(mut command: Command) -> Output {
    command.output().expect("alphalab starts")
}

/// Runs to the end, which must be good, and gives stdout.
pub(crate) fn succeed(command: Command) -> String {
    let output = finish(command);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}: {stderr}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
