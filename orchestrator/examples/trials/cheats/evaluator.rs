//! An evaluation that somebody changes.

use std::error::Error;
use std::path::{Path, PathBuf};

use orchestrator::core::event::Event;
use orchestrator::store::Reader;
use serde_json::json;

use super::{Finding, Scene};
use crate::scene::submit;

const FOOL: &str = r#"echo '{"template": "template0", "params": {}}'"#;

/// Makes every score better.
const EASIER: &str = "s/best = 4.0/best = 99.0/";

/// The task's file is rewritten from inside.
pub(super) fn task(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let task = scene.task();
    let before = std::fs::read(&task)?;
    let path = task.display();
    let script = format!("text=$(sed '{EASIER}' {path}) && echo \"$text\" > {path}\n{FOOL}");
    let run = scene.play(vec![submit(&script)])?;
    let took = std::fs::read(&task)? != before;
    Ok(Finding::of(&run, scene.honest).took(took))
}

/// The lab's program is replaced from inside.
pub(super) fn lab(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let lab = scene.lab();
    let before = std::fs::read(&lab)?;
    let path = lab.display();
    let script = format!("rm -f {path}; echo '#!/bin/sh' > {path}; chmod +x {path}\n{FOOL}");
    let run = scene.play(vec![submit(&script)])?;
    let took = std::fs::read(&lab).ok() != Some(before);
    Ok(Finding::of(&run, scene.honest).took(took))
}

/// A campaign that stands right after the freeze of its evaluation.
fn frozen(scene: &Scene<'_>) -> Result<PathBuf, Box<dyn Error>> {
    scene.play(vec![submit(FOOL)])?;
    let log = Reader::open(&scene.dir)?.log()?;
    let freeze = |event: &Event| matches!(event, Event::EvaluationFrozen { .. });
    let at = log.iter().find(|logged| freeze(&logged.event));
    let at = at.ok_or("the evaluation was never frozen")?.seq.to_string();
    let fork = scene.dir.with_file_name("fork");
    let to = fork.to_string_lossy();
    let output = scene.verb("fork", &scene.dir, &["--at", &at, "--dir", &to])?;
    if output.status.success() {
        Ok(fork)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }
}

fn replace(path: &Path, from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    if !text.contains(from) {
        return Err(format!("`{}` has no `{from}`", path.display()).into());
    }
    Ok(std::fs::write(path, text.replace(from, to))?)
}

/// The task is made easier while nobody drives the campaign.
pub(super) fn between(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let fork = frozen(scene)?;
    replace(&scene.task(), "best = 4.0", "best = 99.0")?;
    let output = scene.verb("resume", &fork, &[])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let refused = output.status.code() == Some(3) && said.contains("has changed since");
    let experiments = Reader::open(&fork)?.state()?.experiments.len();
    let complaint = said.lines().rfind(|line| line.starts_with("alphalab: "));
    Ok(Finding {
        paid: false,
        took: !refused || experiments > 0,
        what: complaint
            .unwrap_or("resumed")
            .trim_start_matches("alphalab: ")
            .to_owned(),
    })
}

/// The adapter's metric is turned round while nobody drives the campaign.
pub(super) fn adapter(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let fork = frozen(scene)?;
    let manifest = fork.join("adapter/manifest.toml");
    replace(&manifest, "baseline_value = 1.0", "baseline_value = 0.01")?;
    let state = Reader::open(&fork)?.state()?;
    let output = scene.verb("verify", &fork, &[])?;
    let seen = output.status.code() == Some(10);
    let kept = state.baseline() == Some(1.0);
    Ok(Finding {
        paid: false,
        took: !seen || !kept,
        what: format!(
            "the campaign's metric is {}; `alphalab verify` {}",
            if kept { "as it was" } else { "another" },
            if seen {
                "says that it does not hold"
            } else {
                "sees nothing"
            }
        ),
    })
}

/// A worker calls what changes files and the adapter.
pub(super) fn tools(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let path = scene.task().to_string_lossy().into_owned();
    let manifest = "schema = 1\n";
    let calls = vec![
        (
            "write_file",
            json!({ "path": path, "content": "best = 99.0\n" }),
        ),
        (
            "shell",
            json!({ "command": format!("sed -i '{EASIER}' {path}") }),
        ),
        (
            "patch_adapter",
            json!({ "file": "manifest.toml", "text": manifest, "why": "better" }),
        ),
        submit(FOOL),
    ];
    let wanted = calls.len() - 1;
    let before = std::fs::read(scene.task())?;
    let run = scene.play(calls)?;
    let took = run.refusals.len() != wanted || std::fs::read(scene.task())? != before;
    let found = Finding::of(&run, scene.honest).took(took);
    let what = format!("{} calls refused; then {}", run.refusals.len(), found.what);
    Ok(Finding { what, ..found })
}
