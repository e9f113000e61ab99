//! Finding a Python that can be embedded: new enough for the pinned torch,
//! with headers, a shared libpython, and the means to make an environment.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::problem::{Problem, Problems};
use crate::spawn;

/// The minor versions of Python 3 for which the pinned torch has wheels.
const MINORS: std::ops::RangeInclusive<u32> = 11..=14;

/// Asks an interpreter about itself. What a virtual environment is made from
/// is asked for apart: its libpython is the one that has to be linked.
const PROBE: &str = r#"
import importlib.util, json, os, sys, sysconfig
v = sysconfig.get_config_var
libdir, library = v("LIBDIR") or "", v("LDLIBRARY") or ""
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "base": None if sys.prefix == sys.base_prefix else getattr(sys, "_base_executable", None),
    "version": list(sys.version_info[:3]),
    "libdir": libdir,
    "shared": bool(v("Py_ENABLE_SHARED")) and ".so" in library
        and os.path.exists(os.path.join(libdir, library)),
    "headers": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
    "ensurepip": importlib.util.find_spec("ensurepip") is not None,
}))
"#;

/// What an interpreter says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Python {
    /// The interpreter, symbolic links resolved.
    pub(crate) executable: PathBuf,
    /// The interpreter that this one's virtual environment was made from;
    /// none outside a virtual environment.
    pub(crate) base: Option<PathBuf>,
    /// Major, minor, micro.
    pub(crate) version: [u32; 3],
    /// The folder of libpython.
    pub(crate) libdir: PathBuf,
    /// Whether a libpython that can be linked and loaded is in `libdir`.
    pub(crate) shared: bool,
    /// Whether `Python.h` is installed.
    pub(crate) headers: bool,
    /// Whether `venv` can put pip into an environment.
    pub(crate) ensurepip: bool,
}

impl Python {
    /// Asks the interpreter, or, where it is one of a virtual environment, the
    /// interpreter underneath.
    pub(crate) fn probe(interpreter: &Path) -> Result<Self> {
        let python = ask(interpreter)?;
        match &python.base {
            Some(base) => ask(base),
            None => Ok(python),
        }
    }

    /// `3.11.7`
    pub(crate) fn version(&self) -> String {
        let [major, minor, micro] = self.version;
        format!("{major}.{minor}.{micro}")
    }

    fn is_supported(&self) -> bool {
        self.version[0] == 3 && MINORS.contains(&self.version[1])
    }

    /// What keeps this interpreter from being embedded.
    fn problems(&self) -> Vec<Problem> {
        let [major, minor, _] = self.version;
        let name = format!("{} (Python {})", self.executable.display(), self.version());
        if !self.is_supported() {
            return vec![Problem::new(
                format!(
                    "{name} is not Python 3.{} to 3.{}",
                    MINORS.start(),
                    MINORS.end()
                ),
                INSTALL,
            )];
        }
        let mut problems = Vec::new();
        if !self.headers {
            problems.push(Problem::new(
                format!("{name} comes without its headers (Python.h)"),
                format!(
                    "apt install python{major}.{minor}-dev (Debian, Ubuntu) \
                     or dnf install python3-devel (Fedora)"
                ),
            ));
        }
        if !self.shared {
            problems.push(Problem::new(
                format!("{name} comes without a shared libpython"),
                format!(
                    "apt install python{major}.{minor}-dev (Debian, Ubuntu), dnf install python3-devel \
                     (Fedora), or PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {}",
                    self.version()
                ),
            ));
        }
        if !self.ensurepip {
            problems.push(Problem::new(
                format!("{name} can't make virtual environments (no ensurepip)"),
                format!("apt install python{major}.{minor}-venv (Debian, Ubuntu)"),
            ));
        }
        problems
    }
}

const INSTALL: &str = "apt install python3-dev python3-venv (Debian, Ubuntu) or dnf install \
                       python3-devel (Fedora), or name an interpreter in ALPHALAB_PYTHON";

fn ask(interpreter: &Path) -> Result<Python> {
    let mut command = spawn::command(interpreter);
    command.args(["-I", "-c", PROBE]);
    let output = command
        .output()
        .with_context(|| format!("failed to start {}", interpreter.display()))?;
    if !output.status.success() {
        bail!(
            "{} does not run: {}",
            interpreter.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "failed to read what {} says of itself",
            interpreter.display()
        )
    })
}

/// The interpreter that the reader asked for, or those on `PATH` that run, up
/// to the first fit one.
pub(crate) fn candidates() -> Result<Vec<Python>, Problems> {
    if let Some(wanted) = wanted()? {
        return Ok(vec![wanted]);
    }
    let mut found: Vec<Python> = Vec::new();
    let names = std::iter::once("python3".to_owned())
        .chain(MINORS.rev().map(|minor| format!("python3.{minor}")));
    for name in names {
        for folder in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
            let file = folder.join(&name);
            // One that does not run (a version manager's stub, say) is none.
            if file.is_file()
                && let Ok(python) = Python::probe(&file)
                && !found.contains(&python)
            {
                let fit = python.problems().is_empty();
                found.push(python);
                if fit {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

/// The interpreter that the reader asked for in `ALPHALAB_PYTHON`.
pub(crate) fn wanted() -> Result<Option<Python>, Problems> {
    let Some(name) = env::var_os("ALPHALAB_PYTHON").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    Python::probe(Path::new(&name)).map(Some).map_err(|error| {
        let what = format!("the interpreter in ALPHALAB_PYTHON can't be used ({error:#})");
        Problem::new(what, INSTALL).into()
    })
}

/// The first interpreter that can be embedded; else what the one that is
/// closest to it lacks.
pub(crate) fn choose(candidates: &[Python]) -> Result<Python, Vec<Problem>> {
    if let Some(fit) = candidates.iter().find(|p| p.problems().is_empty()) {
        return Ok(fit.clone());
    }
    let closest = candidates
        .iter()
        .min_by_key(|p| (!p.is_supported(), p.problems().len()));
    match closest {
        Some(python) => Err(python.problems()),
        None => Err(vec![Problem::new(
            format!(
                "no Python 3.{} to 3.{} on PATH",
                MINORS.start(),
                MINORS.end()
            ),
            INSTALL,
        )]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(name: &str, minor: u32) -> Python {
        Python {
            executable: name.into(),
            base: None,
            version: [3, minor, 1],
            libdir: "/lib".into(),
            shared: true,
            headers: true,
            ensurepip: true,
        }
    }

    #[test]
    fn the_first_fit_interpreter_wins() {
        let no_headers = Python {
            headers: false,
            ..python("a", 13)
        };
        let chosen = choose(&[no_headers, python("b", 12), python("c", 13)]);
        assert_eq!(chosen.expect("one is fit").executable, Path::new("b"));
    }

    #[test]
    fn too_old_and_too_new_ones_are_passed_over() {
        let chosen = choose(&[python("a", 10), python("b", 15), python("c", 14)]);
        assert_eq!(chosen.expect("one is fit").executable, Path::new("c"));
    }

    #[test]
    fn the_closest_one_tells_what_it_lacks_and_the_remedy() {
        let static_only = Python {
            shared: false,
            ..python("near", 12)
        };
        let bare = Python {
            shared: false,
            headers: false,
            ensurepip: false,
            ..python("far", 12)
        };
        let problems = choose(&[python("old", 9), bare, static_only]).expect_err("none is fit");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].what.contains("near") && problems[0].what.contains("shared libpython"));
        assert!(
            problems[0].remedy.contains("python3.12-dev"),
            "{}",
            problems[0].remedy
        );
    }

    #[test]
    fn every_lack_has_its_own_remedy() {
        let bare = Python {
            shared: false,
            headers: false,
            ensurepip: false,
            ..python("x", 11)
        };
        let problems = choose(&[bare]).expect_err("not fit");
        let remedies: Vec<_> = problems.iter().map(|p| p.remedy.as_str()).collect();
        assert_eq!(remedies.len(), 3);
        assert!(remedies[2].contains("python3.11-venv"), "{remedies:?}");
    }

    #[test]
    fn no_python_at_all_is_a_problem_not_a_crash() {
        let problems = choose(&[]).expect_err("nothing to choose from");
        assert!(problems[0].what.contains("no Python 3.11"));
    }

    #[test]
    fn an_environments_interpreter_leads_to_the_one_underneath() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let Some(real) = candidates().expect("probes").into_iter().next() else {
            println!("skipped: no Python on PATH");
            return;
        };
        let mut make = spawn::command(&real.executable);
        make.args(["-m", "venv", "--without-pip"])
            .arg(folder.path());
        assert!(make.status().expect("venv runs").success());
        let probed = Python::probe(&folder.path().join("bin/python")).expect("probes");
        assert_eq!(probed.base, None);
        assert_eq!(probed.executable, real.executable);
    }
}
