//! The folder that an exported candidate becomes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::{Candidate, Experiment};
use serde::Serialize;

use super::python;
use crate::bundle::{self, Claim, LogHead, Manifest};
use crate::error::HarnessError;
use crate::evaluate::{Lab, Written, read_experiment};

/// Folder of the proof in an exported candidate's.
const PROOF: &str = "proof";

/// `kernel-lab export --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// Version of this document.
    pub schema: u32,
    /// What was written.
    pub exports: Vec<Export>,
}

/// One exported candidate.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    /// Its task.
    pub task: String,
    /// Its experiment.
    pub experiment: String,
    /// Its folder.
    pub dir: PathBuf,
    /// The files in it.
    pub files: Vec<String>,
    /// Its figure; absent for a candidate that was not measured.
    pub claim: Option<Claim>,
}

impl Exported {
    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for export in &self.exports {
            let figure = figure(export.claim.as_ref());
            // Writing to a String can't fail.
            let _ = writeln!(out, "{}  {figure}  {}", export.task, export.dir.display());
        }
        out
    }
}

fn figure(claim: Option<&Claim>) -> String {
    claim.map_or("not measured".to_owned(), |claim| {
        let figure = bundle::figure(claim.value, Some(claim.ci), Some(claim.n));
        format!("{figure} over {}", claim.baseline)
    })
}

/// Writes each candidate to a folder of its own in `out`, named after its
/// task. The folders of candidates are those of attempts, or of experiments.
pub fn write(
    lab: &mut Lab,
    dirs: &[PathBuf],
    log: Option<&LogHead>,
    out: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Exported, HarnessError> {
    let mut exports = Vec::new();
    for dir in dirs {
        progress(&dir.to_string_lossy());
        exports.push(one(lab, dir, log, out)?);
    }
    Ok(Exported { schema: 1, exports })
}

fn one(
    lab: &mut Lab,
    dir: &Path,
    log: Option<&LogHead>,
    out: &Path,
) -> Result<Export, HarnessError> {
    let measured = !dir.join("experiment.json").exists();
    let (experiment, proof) = if measured {
        let (manifest, content) = bundle::assemble(dir, lab.tasks(), log.cloned())?;
        // The files of the attempt are what was measured, whatever the
        // experiment proposes.
        let whole = std::path::absolute(dir).map_err(|source| HarnessError::File {
            doing: "find",
            path: dir.to_owned(),
            source,
        })?;
        let proposed = read_experiment(whole.parent().unwrap_or(&whole))?;
        let candidate = Candidate::Files {
            files: vec!["plan.toml".into(), "kernel.cpp".into()],
        };
        let experiment = Experiment {
            candidate,
            ..proposed
        };
        (experiment, Some((manifest, content)))
    } else {
        (read_experiment(dir)?, None)
    };
    let written = lab.written(dir, &experiment)?;
    let manifest = proof.as_ref().map(|(manifest, _)| manifest);
    let mut content = tree(&written, manifest)?;
    for (name, bytes) in proof.iter().flat_map(|(_, content)| content) {
        content.insert(format!("{PROOF}/{name}"), bytes.clone());
    }
    let task = written.task.name.clone();
    let folder = out.join(&task);
    bundle::put(&content, &folder)?;
    if proof.is_some() {
        bundle::refuse_bad(&folder.join(PROOF), &folder)?;
    }
    Ok(Export {
        task,
        experiment: experiment.id,
        dir: folder,
        files: content.into_keys().collect(),
        claim: proof.map(|(manifest, _)| manifest.claim),
    })
}

/// Everything but the proof.
fn tree(
    written: &Written,
    manifest: Option<&Manifest>,
) -> Result<BTreeMap<String, Vec<u8>>, HarnessError> {
    let path = &written.task.path;
    let task = fs::read_to_string(path).map_err(|source| HarnessError::File {
        doing: "read",
        path: path.clone(),
        source,
    })?;
    let name = written.task.name.escape_debug();
    let note = format!(
        "`{name}` in the format of KernelBench, by kernel-lab {}: {}.\n\
         Measured on a CPU; README.md says how.",
        env!("CARGO_PKG_VERSION"),
        figure(manifest.map(|manifest| &manifest.claim))
    );
    let (plan, bound) = (&written.plan, &written.bound);
    let source = &written.material.source;
    let mut files = BTreeMap::from([
        (
            "model_new.py".to_owned(),
            python::model_new(&note, &task, source, plan, bound),
        ),
        ("plan.toml".to_owned(), written.material.plan.clone()),
        ("README.md".to_owned(), readme(written, manifest)),
    ]);
    if !bound.kernels.is_empty() {
        files.insert("kernel.cpp".to_owned(), source.clone());
        files.insert("entry.cpp".to_owned(), python::entry_cpp(bound));
        files.insert("Makefile".to_owned(), makefile());
    }
    let bytes = files.into_iter();
    Ok(bytes
        .map(|(name, text)| (name, text.into_bytes()))
        .collect())
}

fn makefile() -> String {
    format!(
        "# Builds the kernels with the options they were measured with, and threads.\n\
         CXX ?= g++\n\
         OPTIONS = {}\n\n\
         kernel.so: entry.cpp kernel.cpp\n\
         \t$(CXX) $(OPTIONS) -o $@ entry.cpp -lm\n\n\
         .PHONY: clean\nclean:\n\trm -f kernel.so\n",
        python::options().join(" ")
    )
}

fn readme(written: &Written, manifest: Option<&Manifest>) -> String {
    let name = written.task.name.escape_debug();
    let mut text = format!("# {name}\n\n");
    // Writing to a String can't fail.
    let _ = match manifest {
        None => writeln!(text, "Not measured: there is no figure and no proof."),
        Some(manifest) => writeln!(
            text,
            "{} (95% interval, n pairs of samples), experiment {}.\n\n\
             Measured by kernel-lab {} on the CPU that `proof/report.json` names: candidate and \
             baselines in turn in one session, on the same number of pinned threads, with inputs \
             that change from call to call; outputs are compared with the model in float64, those \
             of timed calls too. Another machine, other shapes or another number of threads give \
             another figure.\n\n\
             - task at its size `{}`: {}\n\
             - `kernel-lab verify proof` checks the figure, and measures it again",
            figure(Some(&manifest.claim)),
            manifest.experiment.escape_debug(),
            manifest.lab_version,
            manifest.task.size,
            manifest
                .task
                .constants
                .iter()
                .map(|(name, value)| format!("{name} = {value}"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
    };
    text.push_str(
        "\n| file | |\n|---|---|\n\
         | `model_new.py` | the task's `Model` and a `ModelNew` with the same parameters that runs \
         the kernels: the format of KernelBench. Stands by itself; needs torch and g++ |\n\
         | `plan.toml` | temporaries, steps and their arguments, as measured |\n",
    );
    if !written.bound.kernels.is_empty() {
        text.push_str(
            "| `kernel.cpp` | the kernels, as measured: `(int part, int parts, …)` is called once per \
             thread and step |\n\
             | `entry.cpp` | calls them: `alphalab_run(kernel, parts, slots)` |\n\
             | `Makefile` | builds `kernel.so` with the options of the measurement |\n",
        );
    }
    if manifest.is_some() {
        text.push_str("| `proof/` | the proof bundle |\n");
    }
    text.push_str(
        "\nThe kernels are native code that a program wrote, and run here without the laboratory's \
         sandbox: read them first. Results are right for inputs like those of the task's \
         `get_inputs`.\n",
    );
    text
}
