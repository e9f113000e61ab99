//! What a manifest's commands are looked up in.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::files::MANIFEST;
use super::manifest::Manifest;
use super::problem::Problem;

/// The interpreter of the agents' environment, as commands name it.
const PYTHON: &str = "python";

/// Where labs and programs are.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// Folder of the labs' binaries.
    pub labs: PathBuf,
    /// Folders of programs, in order.
    pub path: Vec<PathBuf>,
}

impl Programs {
    /// Labs in `labs`, programs in the folders of a `PATH`.
    pub fn new(labs: PathBuf, path: &OsStr) -> Self {
        Self {
            labs,
            path: std::env::split_paths(path).collect(),
        }
    }

    /// Whether a lab is built.
    pub fn has_lab(&self, name: &str) -> bool {
        self.labs.join(name).is_file()
    }

    /// Whether a command's program is there. `python` always is: it is the
    /// agents' own. Files of the evaluation's folder are made in phase 2.
    fn has_program(&self, program: &str) -> bool {
        program == PYTHON
            || program.contains('/')
            || self
                .path
                .iter()
                .any(|folder| folder.join(program).is_file())
    }

    /// What the manifest names and is not here. A lab that is not built is
    /// only worth a warning where commands can stand in for it.
    pub(super) fn check(&self, manifest: &Manifest) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(no_judge) = manifest.judge(|lab| self.has_lab(lab)) {
            problems.push(
                Problem::error(MANIFEST, no_judge.to_string())
                    .about("lab")
                    .value(&manifest.lab),
            );
        } else if !manifest.lab.is_empty() && !self.has_lab(&manifest.lab) {
            let lab = &manifest.lab;
            problems.push(
                Problem::error(
                    MANIFEST,
                    format!("the lab `{lab}` is not built here: the evaluation's commands measure instead"),
                )
                .about("lab")
                .value(lab)
                .warn(),
            );
        }
        let commands = manifest.evaluation.iter().flat_map(|commands| {
            [
                ("evaluation.prepare", &commands.prepare),
                ("evaluation.run", &commands.run),
                ("evaluation.score", &commands.score),
            ]
        });
        for (path, command) in commands {
            let program = command.first().map_or("", String::as_str);
            if !self.has_program(program) {
                problems.push(
                    Problem::error(
                        MANIFEST,
                        format!("`{path}`: there is no program `{program}`"),
                    )
                    .about(path)
                    .value(program)
                    .allowed(
                        "`python`, a program in PATH, or a path below the evaluation's folder",
                    ),
                );
            }
        }
        problems
    }
}
