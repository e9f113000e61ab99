//! From the folder of an attempt to a bundle.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protocol::{ContentHash, Report};

use super::{
    CONSUMED, Claim, EXPERIMENT, LogHead, MANIFEST, Manifest, Outcome, PLAN, REPORT, SAMPLES,
    SCHEMA, SOURCE, SizedTask, files, read_constants, sizes_file, task_file,
};
use crate::device::cpu::MODULE;
use crate::error::HarnessError;
use crate::evaluate::{Material, read_experiment, resampling};
use crate::task::{TaskLibrary, TaskSource, sized_hash};

/// Writes the bundle of an attempt (`EXPERIMENT/attempt-N`) to `out`, which
/// must not exist. Nothing is left there if that fails.
///
/// What the attempt's files say must follow from one another, and its task
/// must be the one that was measured.
pub fn write(
    attempt: &Path,
    tasks: &TaskLibrary,
    log: Option<LogHead>,
    out: &Path,
) -> Result<Manifest, HarnessError> {
    let (manifest, content) = assemble(attempt, tasks, log)?;
    put(&content, out)?;
    refuse_bad(out, out)?;
    Ok(manifest)
}

/// Removes `whole`, which was just written, if the bundle in it does not hold:
/// the files of the attempt have been changed.
pub(crate) fn refuse_bad(bundle: &Path, whole: &Path) -> Result<(), HarnessError> {
    let (opened, findings) = super::check(bundle)?;
    if opened.is_some() {
        return Ok(());
    }
    let _ = fs::remove_dir_all(whole);
    let failed = findings
        .into_iter()
        .filter(|finding| finding.outcome == Outcome::Failed)
        .map(|finding| finding.detail);
    Err(HarnessError::Bundle {
        dir: bundle.to_owned(),
        problem: failed.collect::<Vec<_>>().join("; "),
    })
}

/// The files of an attempt's bundle by name.
pub(crate) fn assemble(
    attempt: &Path,
    tasks: &TaskLibrary,
    log: Option<LogHead>,
) -> Result<(Manifest, BTreeMap<String, Vec<u8>>), HarnessError> {
    let problem = |problem: String| HarnessError::Experiment {
        dir: attempt.to_owned(),
        problem,
    };
    let whole = std::path::absolute(attempt).map_err(|error| problem(error.to_string()))?;
    let folder = whole.parent().unwrap_or(&whole);
    let experiment = read_experiment(folder)?;
    let task = tasks.find(&experiment.task)?;
    let read = |name: &str| files::read(&whole, name).map_err(&problem);
    if whole.join(MODULE).exists() {
        return Err(problem(format!(
            "`{MODULE}` is a Python submission: it is measured to be compared with, and there are \
             proof bundles and exports of candidates with a plan only"
        )));
    }

    let mut content = BTreeMap::new();
    for (from, to) in [
        ("report.json", REPORT),
        ("samples.jsonl", SAMPLES),
        ("plan.toml", PLAN),
        ("kernel.cpp", SOURCE),
    ] {
        content.insert(to.to_owned(), read(from)?);
    }
    if attempt.join(CONSUMED).exists() {
        content.insert(CONSUMED.to_owned(), read(CONSUMED)?);
    }
    let proposed = files::read(folder, "experiment.json").map_err(&problem)?;
    content.insert(EXPERIMENT.to_owned(), proposed);
    let python = fs::read(&task.path).map_err(|error| problem(error.to_string()))?;
    content.insert(task_file(&task.name), python);
    if let Ok(sizes) = fs::read(task.path.with_extension("toml")) {
        content.insert(sizes_file(&task.name), sizes);
    }

    let report: Report = serde_json::from_slice(&content[REPORT])
        .map_err(|error| problem(format!("`report.json`: {error}")))?;
    let claim = claim(&report).map_err(&problem)?;
    let sized = size_of(&task, &report, &content).ok_or_else(|| {
        problem(format!(
            "`report.json` is not about the task `{}` with this `plan.toml` and this `kernel.cpp`: \
             their hash is not {}",
            task.path.display(),
            report.hash
        ))
    })?;
    let manifest = Manifest {
        schema: SCHEMA,
        lab: "kernel-lab".to_owned(),
        lab_version: env!("CARGO_PKG_VERSION").to_owned(),
        experiment: report.experiment.clone(),
        task: sized,
        claim,
        log,
        files: content
            .iter()
            .map(|(name, bytes)| (name.clone(), files::sha256(bytes)))
            .collect(),
    };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| problem(format!("failed to write `{MANIFEST}`: {error}")))?;
    content.insert(MANIFEST.to_owned(), format!("{text}\n").into_bytes());
    Ok((manifest, content))
}

/// What a report claims.
fn claim(report: &Report) -> Result<Claim, String> {
    if !report.verdict.is_ok() || report.provisional || report.simulated {
        return Err(format!(
            "`report.json` claims nothing: verdict {}{}",
            report.verdict.word(),
            if report.provisional {
                ", provisional"
            } else {
                ""
            }
        ));
    }
    let metric = report
        .metrics
        .get("speedup")
        .ok_or("`report.json` has no `speedup`")?;
    let how = resampling(0);
    Ok(Claim {
        metric: "speedup".to_owned(),
        value: metric.value,
        ci: metric.ci.ok_or("`speedup` in `report.json` has no `ci`")?,
        n: metric.n,
        baseline: report
            .diagnostics
            .get("baseline")
            .and_then(|name| name.as_str())
            .ok_or("`report.json` has no `baseline`")?
            .to_owned(),
        confidence: how.confidence,
        resamples: how.resamples as u32,
        seed: report.environment.seed.clone(),
    })
}

/// Which size of the task gives the hash in the report.
fn size_of(
    task: &TaskSource,
    report: &Report,
    content: &BTreeMap<String, Vec<u8>>,
) -> Option<SizedTask> {
    let constants = read_constants(report.environment.facts.get("sizes")?)?;
    let text = |name: &str| String::from_utf8(content.get(name)?.clone()).ok();
    let material = Material {
        plan: text(PLAN)?,
        source: text(SOURCE)?,
    };
    let hash =
        |size: &str| -> ContentHash { material.hash(&sized_hash(&task.hash, size, &constants)) };
    let size = ["cpu", "module"]
        .into_iter()
        .find(|size| hash(size) == report.hash)?;
    Some(SizedTask {
        name: task.name.clone(),
        size: size.to_owned(),
        constants: constants.clone(),
    })
}

/// Writes all files to a folder that must not exist, or none.
pub(crate) fn put(content: &BTreeMap<String, Vec<u8>>, out: &Path) -> Result<(), HarnessError> {
    let file = |doing: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| HarnessError::File {
            doing,
            path,
            source,
        }
    };
    if out.symlink_metadata().is_ok() {
        return Err(HarnessError::Bundle {
            dir: out.to_owned(),
            problem: "it exists already".to_owned(),
        });
    }
    let whole = std::path::absolute(out).map_err(file("find", out))?;
    let parent = whole.parent().unwrap_or(&whole);
    fs::create_dir_all(parent).map_err(file("create", parent))?;
    let room = tempfile::Builder::new()
        .prefix(".alphalab-")
        .tempdir_in(parent)
        .map_err(file("create a folder in", parent))?;
    // A folder of the usual access rights, which a temporary one has not.
    let made = room.path().join("new");
    for (name, bytes) in content {
        let path = made.join(name);
        let folder = path.parent().unwrap_or(&made);
        fs::create_dir_all(folder).map_err(file("create", folder))?;
        fs::write(&path, bytes).map_err(file("write", &path))?;
    }
    fs::rename(&made, &whole).map_err(file("write", &whole))
}
