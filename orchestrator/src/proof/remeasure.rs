//! Measuring the best results again, in fresh processes, beside the campaign.

use std::path::Path;

use protocol::{Candidate, Interval, Split};

use super::candidates::lab_document;
use super::{Campaign, Findings, Remeasure};
use crate::core::event::{EffectKey, Score};
use crate::core::noise::Floor;
use crate::core::planner::MAX_FAILURES;
use crate::core::rank::{self, Row};
use crate::core::settings::Settings;
use crate::core::state::Experiment;
use crate::exec::{Done, Job, LabProgram, Local, Request, Told};
use crate::report::number;

pub(super) fn check(campaign: &Campaign<'_>, wanted: &Remeasure, findings: &mut Findings) {
    let rows = rank::leaderboard(campaign.state).rows;
    if rows.is_empty() {
        findings.not_possible("remeasure", "there is no verified result");
        return;
    }
    let program = match &wanted.lab {
        Ok(program) => program,
        Err(why) => {
            findings.not_possible("remeasure", why.clone());
            return;
        }
    };
    if !findings.holds("evaluation") {
        findings.not_possible("remeasure", "the evaluation is not what it was");
        return;
    }
    for row in rows.iter().take(wanted.rows) {
        let what = format!("{} on {}", row.experiment, row.task);
        match again(campaign, row, program) {
            Ok(score) => {
                let floor = campaign.state.floor(&row.task);
                compare(row, &score, &floor, &what, findings);
            }
            Err(why) => findings.not_possible("remeasure", format!("{what}: {why}")),
        }
    }
}

fn compare(row: &Row, now: &Score, floor: &Floor, what: &str, findings: &mut Findings) {
    let then = number(row.value, row.ci);
    let Some(value) = now.verified() else {
        let (word, reason) = (now.verdict.word(), now.verdict.reason());
        findings.failed(
            "remeasure",
            format!("{what}: {then} then, {word} now: {reason}"),
        );
        return;
    };
    let told = format!("{what}: {then} then, {} now", number(value, now.ci));
    // One process does not know how far another one is away.
    let wide = |value, ci: Option<Interval>| ci.and_then(|ci| floor.widened(value, Some(ci)));
    match (wide(row.value, row.ci), wide(value, now.ci)) {
        (Some(a), Some(b)) if overlap(a, b) => {
            findings.passed("remeasure", format!("{told}: the intervals overlap"));
        }
        (Some(_), Some(_)) => {
            findings.failed("remeasure", format!("{told}: the intervals do not overlap"));
        }
        _ => findings.not_possible("remeasure", format!("{told}: without intervals to compare")),
    }
}

fn overlap(a: Interval, b: Interval) -> bool {
    a.lo() <= b.hi() && b.lo() <= a.hi()
}

/// Measures a row's candidate in a folder of its own and a worker of its own.
fn again(campaign: &Campaign<'_>, row: &Row, program: &LabProgram) -> Result<Score, String> {
    let state = campaign.state;
    let settings = state.settings.as_ref().ok_or("it has no settings")?;
    let experiment = state
        .experiments
        .get(&row.experiment)
        .ok_or("it is not on the board")?;
    let document = lab_document(settings, experiment).ok_or("it has no candidate")?;
    let room = tempfile::tempdir().map_err(|error| format!("no folder can be made: {error}"))?;
    let dir = room.path().join(experiment.folder());
    copy(
        experiment,
        &campaign.layout.experiments().join(experiment.folder()),
        &dir,
    )?;
    let attempt = experiment.attempts.len() as u32 + 1;
    let job = Job {
        key: EffectKey::Measure {
            experiment: experiment.id,
            attempt,
        },
        request: Request::Evaluate {
            experiment: document,
            dir,
            attempt,
            split: Split::Select,
            reattach: false,
        },
    };
    let program = LabProgram {
        log: room.path().join("lab.log"),
        ..program.clone()
    };
    let slots = Local::open(Some(&program), 1);
    let score = measure(&slots, &job, settings);
    slots.close();
    score
}

/// Files of its own go along; a template the lab knows.
fn copy(experiment: &Experiment, from: &Path, to: &Path) -> Result<(), String> {
    std::fs::create_dir_all(to).map_err(|error| format!("no folder can be made: {error}"))?;
    if let Some((Candidate::Files { files }, _)) = &experiment.candidate {
        for name in files {
            std::fs::copy(from.join(name), to.join(name))
                .map_err(|error| format!("`{}` can't be copied: {error}", name.display()))?;
        }
    }
    Ok(())
}

fn measure(slots: &Local, job: &Job, settings: &Settings) -> Result<Score, String> {
    let mut failures = 0;
    loop {
        if !slots.submit(job.clone()) {
            return Err("the lab's slot has ended".to_owned());
        }
        let done = loop {
            match slots.told.recv() {
                Ok(Told::Done { done, .. }) => break done,
                Ok(Told::Progress { .. }) => {}
                Err(_) => return Err("the lab's slot has ended".to_owned()),
            }
        };
        match done {
            Done::Report { report, .. } if report.simulated != settings.simulated => {
                return Err("a simulator stands in for the device now, or no longer".to_owned());
            }
            Done::Report { report, .. } => return Ok(Score::of(&report, &settings.metric.name)),
            Done::Died { reason, .. } => return Err(reason),
            Done::Failed(error) if error.again && failures + 1 < MAX_FAILURES => failures += 1,
            Done::Failed(error) => return Err(error.message),
            Done::Described(_)
            | Done::Inspected(_)
            | Done::Turn(_)
            | Done::Worked(_)
            | Done::Audited(_) => return Err("the lab answered something else".to_owned()),
        }
    }
}
