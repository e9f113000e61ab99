//! What a candidate consists of: files of its own, or one of the lab's
//! templates, filled.

use std::path::{Component, Path};
use std::time::Duration;

use protocol::{Candidate, Experiment, LabError, Verdict};
use sandbox::{Command, ExitReason, Limits};

use super::bench::Bench;
use super::program::{Sources, is_python};
use super::{fault, templates};
use crate::audit::run::write_below;
use crate::exec::EXPERIMENT;

/// Says whether Python could read each file.
const PARSE: &str =
    "import ast, sys\nfor name in sys.argv[1:]:\n    ast.parse(open(name, 'rb').read(), name)\n";
/// Time that reading the files may take.
const PARSE_TIME: Duration = Duration::from_secs(30);

/// The experiment in a folder.
pub(super) fn load(dir: &Path) -> Result<Experiment, LabError> {
    let path = dir.join(EXPERIMENT);
    let bad = |error: &dyn std::fmt::Display| {
        fault::bad_request(format!("failed to read `{}`: {error}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| bad(&error))?;
    serde_json::from_str(&text).map_err(|error| bad(&error))
}

/// The files of a candidate, or the verdict on one that has not what it must.
pub(super) fn sources(
    bench: &Bench,
    dir: &Path,
    candidate: &Candidate,
) -> Result<Result<Sources, Verdict>, LabError> {
    match candidate {
        Candidate::Template { template, params } => {
            Ok(templates::fill(bench, template, params).map_err(rejected))
        }
        Candidate::Files { files } => {
            let mut sources = Sources::new();
            for name in files {
                let plain = matches!(
                    name.components().collect::<Vec<_>>().as_slice(),
                    [Component::Normal(_)]
                );
                let path = dir.join(name);
                let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
                if !plain || !is_file {
                    return Ok(Err(rejected(format!(
                        "`{}` is no file of the experiment's folder",
                        name.display()
                    ))));
                }
                let content = std::fs::read(&path).map_err(fault::file("read", &path))?;
                sources.push((name.clone(), content));
            }
            Ok(fits(bench, sources).map_err(rejected))
        }
    }
}

fn rejected(reason: String) -> Verdict {
    Verdict::Rejected {
        stage: "plan".to_owned(),
        reason,
    }
}

/// Whether the files are those that the adapter asks for.
fn fits(bench: &Bench, sources: Sources) -> Result<Sources, String> {
    for wanted in &bench.layout.files {
        if !sources.iter().any(|(name, _)| name == Path::new(wanted)) {
            return Err(format!(
                "there is no `{wanted}`: a candidate consists of {}",
                bench.layout.files.join(", ")
            ));
        }
    }
    let bytes: usize = sources.iter().map(|(_, content)| content.len()).sum();
    let most = bench.layout.largest_kib as usize * 1024;
    if bytes > most {
        return Err(format!(
            "the files have {bytes} bytes together, more than the {most} that are allowed"
        ));
    }
    Ok(sources)
}

/// Reads the Python files without running any; the verdict on what can't be
/// read.
pub(super) fn parse(bench: &Bench, sources: &Sources) -> Result<Result<(), Verdict>, LabError> {
    let scripts = || {
        let named = sources.iter().map(|(name, _)| name);
        named.filter(|name| name.extension().is_some_and(|e| e == "py"))
    };
    if !is_python(&bench.commands.run) || scripts().next().is_none() {
        return Ok(Ok(()));
    }
    let room = bench.folder("check-")?;
    for (name, content) in sources {
        write_below(room.path(), name, content).map_err(|error| fault::internal(&error))?;
    }
    let mut policy = bench.interpreter.policy();
    policy.read_only.push(room.path().to_owned());
    room.path().clone_into(&mut policy.cwd);
    let limits = Limits {
        wall: Some(PARSE_TIME),
        ..Limits::default()
    };
    let finished = Command::new(bench.interpreter.program.clone(), policy, limits)
        .args(["-c", PARSE])
        .args(scripts())
        .run()
        .map_err(|error| fault::internal(&error))?;
    if finished.reason == ExitReason::Exited(0) {
        return Ok(Ok(()));
    }
    let text = finished.stderr.text();
    let lines: Vec<&str> = text.trim().lines().collect();
    Ok(Err(Verdict::Rejected {
        stage: "compile".to_owned(),
        reason: lines[lines.len().saturating_sub(4)..].join("\n"),
    }))
}
