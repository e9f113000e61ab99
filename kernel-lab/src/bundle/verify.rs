//! All that `kernel-lab verify` does.

use std::path::Path;

use super::{
    Finding, MANIFEST, Manifest, Measured, Outcome, REPORT, Trust, Verification, files, rerun,
};
use crate::error::HarnessError;
use crate::evaluate::Lab;
use crate::task::TaskLibrary;

/// Checks a bundle without running anything.
pub fn look(dir: &Path) -> Result<Verification, HarnessError> {
    let (_, checks) = super::check(dir)?;
    Ok(told(dir, None, checks))
}

/// Why a bundle is not to be run, if it is not: its files don't hold together,
/// or its task is none of `tasks` and not trusted. Needs no lab.
pub fn refused(
    dir: &Path,
    tasks: &TaskLibrary,
    trust: Trust,
) -> Result<Option<Verification>, HarnessError> {
    let (opened, mut checks) = super::check(dir)?;
    checks.push(match opened {
        None => Finding::new(
            "rerun",
            Outcome::NotPossible,
            "what does not hold together is not run",
        ),
        Some(opened) => match rerun::unknown_task(tasks, &opened) {
            Some(detail) if trust == Trust::KnownTasks => Finding::failed("rerun", detail),
            _ => return Ok(None),
        },
    });
    Ok(Some(told(dir, None, checks)))
}

/// Checks a bundle and measures its candidate again.
pub fn verify(
    dir: &Path,
    lab: &mut Lab,
    trust: Trust,
    progress: &mut dyn FnMut(&str, &str),
) -> Result<Verification, HarnessError> {
    // Whatever it was when it was looked at before.
    if let Some(refused) = refused(dir, lab.tasks(), trust)? {
        return Ok(refused);
    }
    let (opened, mut checks) = super::check(dir)?;
    let mut measured = None;
    if let Some(opened) = opened {
        let (now, findings) = rerun::rerun(lab, &opened, progress)?;
        measured = Some(now);
        checks.extend(findings);
    }
    Ok(told(dir, measured, checks))
}

/// What a bad bundle says is shown as well, beside what is wrong with it.
fn told(dir: &Path, rerun: Option<Measured>, checks: Vec<Finding>) -> Verification {
    let manifest = files::read_text(dir, MANIFEST).ok();
    let manifest = manifest.and_then(|text| serde_json::from_str::<Manifest>(&text).ok());
    let report = manifest.as_ref().and_then(|it| it.files.get(REPORT));
    Verification {
        schema: 1,
        bundle: dir.to_string_lossy().into_owned(),
        verified: checks.iter().all(|it| it.outcome != Outcome::Failed),
        report: report.map(ToString::to_string),
        task: manifest.as_ref().map(|it| it.task.name.clone()),
        claim: manifest.as_ref().map(|it| it.claim.clone()),
        log: manifest.and_then(|it| it.log),
        rerun,
        checks,
    }
}
