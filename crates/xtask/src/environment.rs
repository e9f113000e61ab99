//! What the labs need to know about the Python environment to be built and
//! run, as variables and as the untracked Cargo configuration.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::python::Python;

const HEADER: &str = "# Written by `cargo xtask setup`: where the Python environment with torch lives.\n\
                      # Delete it and run `cargo xtask setup` again after a change of PATH.\n";

/// A virtual environment with torch, ready to be linked.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// The virtual environment.
    pub(crate) venv: PathBuf,
    /// The interpreter underneath, whose libpython is linked.
    pub(crate) python: Python,
    /// The virtual environment of the agents, without torch.
    pub(crate) agents: PathBuf,
}

impl Environment {
    /// The environment's own interpreter.
    pub(crate) fn interpreter(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    /// The folder of libtorch.
    pub(crate) fn torch_lib(&self) -> PathBuf {
        site_packages(&self.venv, self.python.version).join("torch/lib")
    }

    /// The variables that builds and labs read. `path` is the `PATH` so far.
    fn variables(&self, path: &OsStr) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("PATH", search_path(&self.venv.join("bin"), path)),
            ("LIBTORCH_USE_PYTORCH", "1".to_owned()),
            ("PYO3_PYTHON", text(&self.interpreter())),
            ("ALPHALAB_VENV", text(&self.venv)),
            ("ALPHALAB_AGENT_VENV", text(&self.agents)),
            ("ALPHALAB_TORCH_LIB", text(&self.torch_lib())),
            ("ALPHALAB_PYTHON_LIB", text(&self.python.libdir)),
        ]
    }

    /// Gives a command the variables as they are now. Cargo read its
    /// configuration before it started us, perhaps before there was one.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.variables(&env::var_os("PATH").unwrap_or_default()));
    }

    /// Writes the Cargo configuration, so that plain `cargo` commands and
    /// editors see the variables too. Leaves an equal file alone.
    pub(crate) fn write_config(&self, file: &Path) -> Result<()> {
        let text = render(&self.variables(&env::var_os("PATH").unwrap_or_default()));
        if fs::read_to_string(file).is_ok_and(|old| old == text) {
            return Ok(());
        }
        replace(file, &text)
    }
}

/// Writes a file so that a reader sees the old or the new text, never a part.
pub(crate) fn replace(file: &Path, text: &str) -> Result<()> {
    let next = file.with_extension("new");
    fs::write(&next, text)
        .and_then(|()| fs::rename(&next, file))
        .with_context(|| format!("failed to write {}", file.display()))
}

/// The folder of packages in a virtual environment.
pub(crate) fn site_packages(venv: &Path, version: [u32; 3]) -> PathBuf {
    let [major, minor, _] = version;
    venv.join(format!("lib/python{major}.{minor}/site-packages"))
}

/// The environment's programs first: torch-sys runs whatever `python3` is.
/// Each folder once, so that the value stays as it is when applied again.
fn search_path(first: &Path, path: &OsStr) -> String {
    let mut seen = BTreeSet::new();
    let folders = std::iter::once(first.to_owned())
        .chain(env::split_paths(path))
        .filter(|folder| !folder.as_os_str().is_empty() && seen.insert(folder.clone()))
        .map(|folder| folder.display().to_string());
    folders.collect::<Vec<_>>().join(":")
}

/// `force`, because a variable of a shell that has another environment
/// activated would win otherwise; `ALPHALAB_VENV` and
/// `ALPHALAB_AGENT_VENV` are the reader's to choose.
fn render(variables: &[(&str, String)]) -> String {
    let mut text = format!("{HEADER}[env]\n");
    for (name, value) in variables {
        let value = quote(value);
        let line = if matches!(*name, "ALPHALAB_VENV" | "ALPHALAB_AGENT_VENV") {
            writeln!(text, "{name} = {value}")
        } else {
            writeln!(text, "{name} = {{ value = {value}, force = true }}")
        };
        line.expect("a String takes what is written to it");
    }
    text
}

/// A TOML basic string. JSON's strings are such, but for a raw DEL.
fn quote(value: &str) -> String {
    serde_json::Value::from(value)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment {
            venv: "/e n/\"v\"\\".into(),
            python: Python {
                executable: "/opt/bin/python3.12".into(),
                base: None,
                version: [3, 12, 4],
                libdir: "/opt/lib".into(),
                shared: true,
                headers: true,
                ensurepip: true,
            },
            agents: "/a gents".into(),
        }
    }

    #[test]
    fn the_configuration_is_toml_that_gives_back_the_values() {
        let text = render(&environment().variables(OsStr::new("/usr/bin:/bin")));
        let parsed: toml::Table = text.parse().expect("valid TOML");
        let variables = &parsed["env"];
        assert_eq!(
            variables["PATH"]["value"].as_str(),
            Some("/e n/\"v\"\\/bin:/usr/bin:/bin")
        );
        assert_eq!(variables["PATH"]["force"].as_bool(), Some(true));
        assert_eq!(
            variables["ALPHALAB_TORCH_LIB"]["value"].as_str(),
            Some("/e n/\"v\"\\/lib/python3.12/site-packages/torch/lib")
        );
        assert_eq!(
            variables["ALPHALAB_PYTHON_LIB"]["value"].as_str(),
            Some("/opt/lib")
        );
        assert_eq!(
            variables["LIBTORCH_USE_PYTORCH"]["value"].as_str(),
            Some("1")
        );
        assert_eq!(
            variables["PYO3_PYTHON"]["value"].as_str(),
            Some("/e n/\"v\"\\/bin/python")
        );
        assert_eq!(variables["ALPHALAB_VENV"].as_str(), Some("/e n/\"v\"\\"));
        assert_eq!(variables["ALPHALAB_AGENT_VENV"].as_str(), Some("/a gents"));
    }

    #[test]
    fn control_characters_are_escaped() {
        let text = format!("x = {}", quote("a\u{7f}\u{1}\nb"));
        let parsed: toml::Table = text.parse().expect("valid TOML");
        assert_eq!(parsed["x"].as_str(), Some("a\u{7f}\u{1}\nb"));
    }

    #[test]
    fn applying_the_search_path_again_changes_nothing() {
        let once = search_path(Path::new("/v/bin"), OsStr::new("/a:/a:/v/bin::/b"));
        assert_eq!(once, "/v/bin:/a:/b");
        assert_eq!(search_path(Path::new("/v/bin"), OsStr::new(&once)), once);
    }

    #[test]
    fn an_equal_configuration_is_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("local.toml");
        environment().write_config(&file).expect("writes");
        let before = fs::metadata(&file)
            .expect("is there")
            .modified()
            .expect("time");
        environment().write_config(&file).expect("writes");
        let after = fs::metadata(&file)
            .expect("is there")
            .modified()
            .expect("time");
        assert_eq!(before, after);
    }
}
