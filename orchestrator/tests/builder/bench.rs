//! Profiles data, designs an evaluation, audits it, and designs again.

use std::fs;
use std::path::Path;
use std::time::Instant;

use orchestrator::audit::{Audit, Interpreter, Subject, Verdict, audit};
use orchestrator::explore::{
    AgentsPython, Profile, ProfileLimits, ProfileRequest, Schema, profile, write_scripts,
};
use orchestrator::model::builtin::evaluation::{Brief, Found, Metric, Undesignable, design};

use super::python::agents_python;

/// Rounds that a design gets.
const ROUNDS: usize = 3;

/// A dataset and what is asked of it.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// File or folder below the data folder.
    pub(crate) data: &'a str,
    pub(crate) objective: &'a str,
    pub(crate) target: Option<&'a str>,
    pub(crate) metric: Option<&'a Metric>,
    pub(crate) mutants: bool,
    /// What stands in `prepare.py`, and what is put there instead.
    pub(crate) spoil: &'a [(&'a str, &'a str)],
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            data: "data.csv",
            objective: "",
            target: None,
            metric: None,
            mutants: false,
            spoil: &[],
        }
    }
}

/// What became of a dataset.
pub(crate) struct Outcome {
    pub(crate) rounds: usize,
    pub(crate) audit: Audit,
    pub(crate) contract: toml::Table,
    pub(crate) prepare: String,
    pub(crate) schema: Schema,
    pub(crate) found: Vec<Found>,
}

impl Outcome {
    pub(crate) fn passed(&self) -> bool {
        self.audit.verdict == Verdict::Passed
    }

    pub(crate) fn direction(&self) -> &str {
        self.contract["metric"]["direction"]
            .as_str()
            .expect("a direction")
    }

    pub(crate) fn metric(&self) -> &str {
        self.contract["metric"]["name"].as_str().expect("a name")
    }

    /// Whether a list of constants in `prepare.py` has this column.
    pub(crate) fn shows(&self, constant: &str, column: &str) -> bool {
        let start = self
            .prepare
            .find(&format!("\n{constant} = ["))
            .expect("the constant");
        let list = &self.prepare[start..];
        let end = list.find(']').expect("an end");
        list[..end].contains(&format!("\"{column}\""))
    }
}

/// Runs Python in a folder, with what agents have.
#[expect(
    clippy::disallowed_methods,
    reason = "a generator of test data, trusted and outside what is tested"
)]
pub(crate) fn convert(folder: &Path, code: &str) {
    let python = agents_python().expect("was found before");
    let status = std::process::Command::new(python.interpreter())
        .args(["-c", code])
        .current_dir(folder)
        .status();
    assert!(status.expect("starts").success());
}

/// Profiles the data below `folder/data`.
fn explore(python: &AgentsPython, folder: &Path, wish: Wish<'_>) -> Profile {
    let script = write_scripts(&folder.join("scripts")).expect("writes the scripts");
    let request = ProfileRequest {
        script: &script,
        data: &folder.join("data").join(wish.data),
        out: &folder.join("report"),
        plots: &folder.join("plots"),
        objective: wish.objective,
        target: wish.target,
        skip_ragged: false,
        limits: ProfileLimits::default(),
    };
    profile(python, &request).expect("a profile")
}

fn brief<'a>(profile: &'a Profile, wish: Wish<'a>, found: &'a [Found]) -> Brief<'a> {
    Brief {
        schema: &profile.schema,
        statistics: Some(&profile.statistics),
        findings: &profile.findings,
        metric: wish.metric,
        objective: wish.objective,
        data: wish.data,
        found,
    }
}

/// Designs, audits and designs again, as the second phase of a campaign does.
pub(crate) fn build(name: &str, write: impl Fn(&Path), wish: Wish<'_>) -> Option<Outcome> {
    let python = agents_python()?;
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir_all(folder.path().join("data")).expect("creates");
    write(&folder.path().join("data"));
    let profile = explore(&python, folder.path(), wish);
    let environment: Vec<_> = std::env::vars_os().collect();
    let interpreter = Interpreter::find(&environment).expect("an interpreter");
    let mut found = Vec::new();
    for round in 1..=ROUNDS {
        let files = design(&brief(&profile, wish, &found)).expect("a design");
        let evaluation = folder.path().join("evaluation");
        fs::create_dir_all(&evaluation).expect("creates");
        for (file, text) in &files {
            let mut text = text.clone();
            for (there, instead) in wish.spoil.iter().filter(|_| file == "prepare.py") {
                assert!(text.contains(there), "{there}");
                text = text.replace(there, instead);
            }
            fs::write(evaluation.join(file), text).expect("writes");
        }
        let started = Instant::now();
        let audit = audit(
            &Subject::at(folder.path(), None),
            &interpreter,
            wish.mutants,
        );
        let kills = audit
            .mutants
            .as_ref()
            .map(|k| format!("{} of {} mutants", k.killed, k.changed));
        println!(
            "{name}: round {round}, {} after {:.1} s {}",
            audit.verdict.word(),
            started.elapsed().as_secs_f64(),
            kills.unwrap_or_default()
        );
        for finding in &audit.findings {
            println!("    {}: {}", finding.check, finding.detail);
        }
        for survivor in audit.mutants.iter().flat_map(|k| &k.survivors) {
            println!("    survived: {survivor}");
        }
        found.extend(audit.findings.iter().map(|f| Found {
            by: "auditor".to_owned(),
            check: f.check.to_owned(),
            detail: f.detail.clone(),
        }));
        let last = round == ROUNDS || !wish.spoil.is_empty();
        if audit.verdict == Verdict::Passed || last {
            let text = |file: &str| {
                let file = files.iter().find(|(name, _)| name == file);
                file.map(|(_, text)| text.clone()).expect("the file")
            };
            return Some(Outcome {
                rounds: round,
                audit,
                contract: text("evaluation.toml").parse().expect("TOML"),
                prepare: text("prepare.py"),
                schema: profile.schema,
                found,
            });
        }
    }
    None
}

/// Why nothing can be designed.
pub(crate) fn refusal(write: impl Fn(&Path), wish: Wish<'_>) -> Option<Undesignable> {
    let python = agents_python()?;
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::create_dir_all(folder.path().join("data")).expect("creates");
    write(&folder.path().join("data"));
    let profile = explore(&python, folder.path(), wish);
    Some(design(&brief(&profile, wish, &[])).expect_err("no design"))
}
