//! All that `kernel-lab verify` does.

use std::path::Path;

use super::{Finding, MANIFEST, Manifest, Outcome, REPORT, Trust, Verification, files};
use crate::error::HarnessError;
use crate::evaluate::Lab;

/// Checks a bundle, and measures its candidate again where a lab is given. A
/// bundle whose files don't hold together is not run.
pub fn verify(
    dir: &Path,
    again: Option<(&mut Lab, Trust)>,
    progress: &mut dyn FnMut(&str, &str),
) -> Result<Verification, HarnessError> {
    let (opened, mut checks) = super::check(dir)?;
    let mut rerun = None;
    match (&opened, again) {
        (Some(opened), Some((lab, trust))) => {
            let (measured, findings) = super::rerun(lab, opened, trust, progress)?;
            rerun = measured;
            checks.extend(findings);
        }
        (None, Some(_)) => checks.push(Finding::new(
            "rerun",
            Outcome::NotPossible,
            "what does not hold together is not run",
        )),
        (_, None) => {}
    }
    // What a bad bundle says is shown as well, beside what is wrong with it.
    let manifest = files::read_text(dir, MANIFEST).ok();
    let manifest = manifest.and_then(|text| serde_json::from_str::<Manifest>(&text).ok());
    let report = manifest.as_ref().and_then(|it| it.files.get(REPORT));
    Ok(Verification {
        schema: 1,
        bundle: dir.to_string_lossy().into_owned(),
        verified: checks.iter().all(|it| it.outcome != Outcome::Failed),
        report: report.map(ToString::to_string),
        task: manifest.as_ref().map(|it| it.task.name.clone()),
        claim: manifest.as_ref().map(|it| it.claim.clone()),
        log: manifest.and_then(|it| it.log),
        rerun,
        checks,
    })
}
