//! A virtual environment: made, repaired, or left alone. What goes into one is
//! a [`Recipe`]: there is torch's here, and the agents' in
//! [`crate::agents_python`].
//!
//! A stamp, written last, says what was installed; a marker, removed last,
//! says that an installation was under way. So whatever instant a set-up was
//! interrupted at, the next one knows whether to trust what it finds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::environment::{replace, site_packages};
use crate::problem::{Problem, Problems};
use crate::python::Python;
use crate::spawn;
use crate::ui::Ui;

/// What one environment is for, and how it is filled.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// What is installed, in a few words.
    pub(crate) what: &'static str,
    /// How long that takes and how much it is.
    pub(crate) usually: &'static str,
    /// What is installed, pinned; comments are Python's.
    pub(crate) requirements: &'static str,
    /// What is installed behind that, without what it depends on and by its
    /// hashes alone; may be empty.
    pub(crate) hashed: &'static str,
    /// pip's options beyond the usual.
    pub(crate) options: &'static [&'static str],
    /// Modules that must load once all is installed.
    pub(crate) modules: &'static str,
    /// Files, relative to `site-packages`, whose absence shows damage.
    pub(crate) parts: &'static [&'static str],
    /// The variable that puts the environment elsewhere.
    pub(crate) variable: &'static str,
}

/// The environment whose libtorch the labs link.
pub(crate) static TORCH: Recipe = Recipe {
    what: "torch 2.13.0",
    usually: "about 2 min, 4.7 GB",
    requirements: include_str!("../requirements.txt"),
    hashed: include_str!("../headers.lock"),
    options: &[],
    modules: "torch, numpy, setuptools, ninja",
    parts: &["torch/lib/libtorch_cpu.so"],
    variable: "ALPHALAB_VENV",
};

impl Recipe {
    /// All that is installed, as the stamp has it.
    fn all(&self) -> String {
        format!("{}{}", self.requirements, self.hashed)
    }
}

const STAMP: &str = ".alphalab-stamp.json";
const MARKER: &str = ".alphalab-installing";
const LOCK: &str = ".alphalab-lock";

/// What was installed, and for which interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    requirements: String,
    pub(crate) python: Python,
}

/// What lies where the environment should be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// Nothing, or an empty folder.
    Nothing,
    /// A folder with files that no environment has.
    Foreign,
    /// An environment whose installation was interrupted.
    Unfinished,
    /// An environment that somebody else made.
    Unstamped,
    /// One of ours; `intact` if its interpreter, libpython's folder and the
    /// recipe's parts are still there.
    Stamped { stamp: Stamp, intact: bool },
}

/// What to do about it.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    /// It is what we want.
    Keep(Python),
    /// It is an environment whose packages are not (known to be) right.
    Install,
    /// There is none, or a broken one.
    Create,
    /// It is somebody's folder.
    Refuse,
}

fn decide(found: &Found, wanted: Option<&Python>, requirements: &str) -> Action {
    match found {
        Found::Nothing | Found::Unfinished => Action::Create,
        Found::Foreign => Action::Refuse,
        Found::Unstamped => Action::Install,
        Found::Stamped { stamp, intact } => {
            let other = wanted.is_some_and(|wanted| *wanted != stamp.python);
            if other || !intact {
                Action::Create
            } else if stamp.requirements == requirements {
                Action::Keep(stamp.python.clone())
            } else {
                Action::Install
            }
        }
    }
}

/// The environment's folder, locked against another set-up.
#[derive(Debug)]
pub(crate) struct Venv {
    folder: PathBuf,
    recipe: &'static Recipe,
    /// Released when it is closed.
    _lock: File,
}

impl Venv {
    /// Waits for another set-up of the same environment to end.
    pub(crate) fn lock(folder: &Path, recipe: &'static Recipe, ui: Ui) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
        let lock = File::create(folder.join(LOCK))
            .with_context(|| format!("failed to create a lock in {}", folder.display()))?;
        if lock.try_lock().is_err() {
            ui.say("another set-up of this environment is running, waiting for it");
            lock.lock()
                .with_context(|| format!("failed to lock {}", folder.display()))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            recipe,
            _lock: lock,
        })
    }

    /// The interpreter of an environment that needs nothing done.
    pub(crate) fn ready(&self, wanted: Option<&Python>) -> Result<Option<Python>> {
        match self.decide(wanted)? {
            Action::Keep(python) => Ok(Some(python)),
            Action::Install | Action::Create => Ok(None),
            Action::Refuse => Err(Problems::from(Problem::new(
                format!(
                    "{} is not empty and not a Python environment",
                    self.folder.display()
                ),
                format!(
                    "set {} to another folder, or empty that one",
                    self.recipe.variable
                ),
            ))
            .into()),
        }
    }

    fn decide(&self, wanted: Option<&Python>) -> Result<Action> {
        Ok(decide(&self.look()?, wanted, &self.recipe.all()))
    }

    /// Makes the environment what it should be. pip's output goes to `log`.
    pub(crate) fn install(&self, python: &Python, log: &Path, ui: Ui) -> Result<()> {
        let reuse = self.decide(None)? == Action::Install
            && Python::probe(&self.folder.join("bin/python")).is_ok_and(|base| base == *python)
            && self.has_pip();
        let marker = self.folder.join(MARKER);
        if !reuse {
            let step = ui.step(
                &format!(
                    "creating {} from Python {}",
                    self.folder.display(),
                    python.version()
                ),
                "about 5 s",
            );
            self.clear()?;
            let mut make = spawn::command(&python.executable);
            make.args(["-m", "venv"]).arg(&self.folder);
            spawn::logged(make, log, |_| {})?;
            step.done();
        }
        self.mark()?;

        let step = ui.step(
            &format!("installing {}", self.recipe.what),
            self.recipe.usually,
        );
        let parts: [(&str, &[&str]); 2] = [
            (self.recipe.requirements, self.recipe.options),
            (self.recipe.hashed, &["--no-deps", "--require-hashes"]),
        ];
        for (requirements, options) in parts {
            if requirements.is_empty() {
                continue;
            }
            let mut pip = spawn::command(self.folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--progress-bar=off", "--no-input"])
                // What is downloaded once is not worth 2 GB of cache.
                .arg("--no-cache-dir")
                .args(options)
                .args(["--disable-pip-version-check", "--requirement"])
                .arg(self.requirements_file(requirements)?)
                // A user's site or another environment must not count as installed.
                .env("PYTHONNOUSERSITE", "1")
                .env_remove("PYTHONPATH")
                .env_remove("PIP_TARGET")
                .env_remove("PIP_USER");
            spawn::logged(pip, log, |line| step.at(line.trim()))?;
        }
        step.done();

        let step = ui.step(
            &format!("loading {} for the first time", self.recipe.modules),
            "about 10 s",
        );
        let mut import = spawn::command(self.folder.join("bin/python"));
        import.args(["-I", "-c", &format!("import {}", self.recipe.modules)]);
        spawn::logged(import, log, |_| {})?;
        step.done();

        let stamp = Stamp {
            requirements: self.recipe.all(),
            python: python.clone(),
        };
        let text = serde_json::to_string_pretty(&stamp).context("failed to write the stamp")?;
        replace(&self.folder.join(STAMP), &text)?;
        fs::remove_file(&marker).with_context(|| format!("failed to remove {}", marker.display()))
    }

    fn look(&self) -> Result<Found> {
        let names = fs::read_dir(&self.folder)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|e| e.file_name()))
                    .collect::<Result<Vec<_>, _>>()
            })
            .with_context(|| format!("failed to list {}", self.folder.display()))?;
        let has = |name: &str| names.iter().any(|found| found == name);
        if names.iter().all(|name| name == LOCK) {
            return Ok(Found::Nothing);
        }
        if has(MARKER) {
            return Ok(Found::Unfinished);
        }
        let stamp: Option<Stamp> = fs::read_to_string(self.folder.join(STAMP))
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        let Some(stamp) = stamp else {
            let environment = has("pyvenv.cfg") || has(STAMP);
            return Ok(if environment {
                Found::Unstamped
            } else {
                Found::Foreign
            });
        };
        let packages = site_packages(&self.folder, stamp.python.version);
        let intact = [
            self.folder.join("bin/python"),
            stamp.python.executable.clone(),
            stamp.python.libdir.clone(),
        ]
        .into_iter()
        .chain(self.recipe.parts.iter().map(|part| packages.join(part)))
        .all(|part| part.exists());
        Ok(Found::Stamped { stamp, intact })
    }

    fn has_pip(&self) -> bool {
        let mut pip = spawn::command(self.folder.join("bin/python"));
        pip.args(["-m", "pip", "--version"]);
        pip.output().is_ok_and(|output| output.status.success())
    }

    /// Says that an installation is under way.
    fn mark(&self) -> Result<()> {
        let marker = self.folder.join(MARKER);
        fs::write(&marker, "").with_context(|| format!("failed to create {}", marker.display()))
    }

    /// Removes everything but the lock and the marker, and only from what
    /// [`decide`] knows to be an environment.
    fn clear(&self) -> Result<()> {
        if self.look()? == Found::Foreign {
            bail!("{} is not a Python environment", self.folder.display());
        }
        self.mark()?;
        let entries = fs::read_dir(&self.folder)
            .with_context(|| format!("failed to list {}", self.folder.display()))?;
        for entry in entries {
            let entry =
                entry.with_context(|| format!("failed to list {}", self.folder.display()))?;
            if entry.file_name() == LOCK || entry.file_name() == MARKER {
                continue;
            }
            let path = entry.path();
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.with_context(|| format!("failed to remove {}", path.display()))?;
        }
        Ok(())
    }

    /// pip reads requirements from a file; this one is the copy that this
    /// program was built with, the same that the stamp will hold.
    fn requirements_file(&self, requirements: &str) -> Result<PathBuf> {
        let file = self.folder.join(".alphalab-requirements.txt");
        replace(&file, requirements)?;
        Ok(file)
    }
}

/// `torch==2.13.0`
fn torch_requirement() -> &'static str {
    TORCH
        .requirements
        .lines()
        .find(|line| line.starts_with("torch=="))
        .unwrap_or("torch")
}

/// `2.13.0`
pub(crate) fn torch_version() -> &'static str {
    torch_requirement().trim_start_matches("torch==")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIREMENTS: &str = TORCH.requirements;

    fn python(micro: u32) -> Python {
        Python {
            executable: "/usr/bin/python3.12".into(),
            base: None,
            version: [3, 12, micro],
            libdir: "/usr/lib".into(),
            shared: true,
            headers: true,
            ensurepip: true,
        }
    }

    fn stamped(requirements: &str, intact: bool) -> Found {
        let stamp = Stamp {
            requirements: requirements.to_owned(),
            python: python(1),
        };
        Found::Stamped { stamp, intact }
    }

    #[test]
    fn a_finished_environment_is_kept() {
        let found = stamped(REQUIREMENTS, true);
        assert_eq!(decide(&found, None, REQUIREMENTS), Action::Keep(python(1)));
        assert_eq!(
            decide(&found, Some(&python(1)), REQUIREMENTS),
            Action::Keep(python(1))
        );
    }

    #[test]
    fn other_requirements_are_installed_into_it() {
        assert_eq!(
            decide(&stamped("torch==1.0\n", true), None, REQUIREMENTS),
            Action::Install
        );
    }

    #[test]
    fn another_interpreter_or_a_missing_part_starts_afresh() {
        let found = stamped(REQUIREMENTS, true);
        assert_eq!(
            decide(&found, Some(&python(2)), REQUIREMENTS),
            Action::Create
        );
        let found = stamped(REQUIREMENTS, false);
        assert_eq!(decide(&found, None, REQUIREMENTS), Action::Create);
    }

    #[test]
    fn what_lies_there_is_told_apart() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let venv = Venv::lock(folder.path(), &TORCH, Ui::new("test")).expect("locks");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("writes");
        };
        assert_eq!(venv.look().expect("looks"), Found::Nothing);
        write("pyvenv.cfg", "");
        assert_eq!(venv.look().expect("looks"), Found::Unstamped);
        write(STAMP, "{ cut off");
        assert_eq!(venv.look().expect("looks"), Found::Unstamped);
        let stamp = Stamp {
            requirements: REQUIREMENTS.to_owned(),
            python: python(1),
        };
        write(STAMP, &serde_json::to_string(&stamp).expect("serialises"));
        assert_eq!(
            venv.look().expect("looks"),
            Found::Stamped {
                stamp,
                intact: false
            }
        );
        write(MARKER, "");
        assert_eq!(venv.look().expect("looks"), Found::Unfinished);
    }

    #[test]
    fn a_folder_with_files_is_never_cleared() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("thesis.txt"), "years of work").expect("writes");
        let venv = Venv::lock(folder.path(), &TORCH, Ui::new("test")).expect("locks");
        let error = venv.ready(None).expect_err("refuses");
        assert!(error.is::<Problems>(), "{error}");
        assert!(venv.clear().is_err());
        assert!(folder.path().join("thesis.txt").exists());
    }

    #[test]
    fn clearing_an_environment_leaves_it_marked_as_unfinished() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("pyvenv.cfg"), "").expect("writes");
        fs::create_dir_all(folder.path().join("lib/x")).expect("creates");
        let venv = Venv::lock(folder.path(), &TORCH, Ui::new("test")).expect("locks");
        venv.clear().expect("clears");
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .expect("lists")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        left.sort();
        assert_eq!(left, [MARKER, LOCK]);
        assert_eq!(venv.decide(None).expect("decides"), Action::Create);
    }

    #[test]
    fn every_requirement_is_pinned() {
        for line in REQUIREMENTS.lines().filter(|l| !l.starts_with('#')) {
            assert!(line.contains("=="), "{line:?} is not pinned");
        }
        assert_eq!(torch_version(), "2.13.0");
        assert_eq!(TORCH.what, format!("torch {}", torch_version()));
    }
}
