//! Files of experiments: the candidates against what was handed in, the labs'
//! reports against the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use protocol::{Candidate, ContentHash, Experiment as Document, PROTOCOL_VERSION, Report};

use super::{Campaign, Findings};
use crate::core::board::BoardState;
use crate::core::event::{Event, Logged};
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::settings::Settings;
use crate::core::state::Experiment;
use crate::exec::{EXPERIMENT, experiment_json, report_path};
use crate::tools::{Documents, Files, arguments};

/// What was handed in for an experiment last.
#[derive(Clone, Debug)]
pub struct HandedIn {
    /// The event.
    pub seq: u64,
    /// The files, by name, as the agent wrote them; none where the log does not
    /// have them.
    pub files: Option<Files>,
}

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    let handed_in = handed_in(campaign.events(), campaign.reader);
    let (mut bad, mut files, mut reports, mut checked) = (Vec::new(), 0, 0, 0);
    let mut open = Vec::new();
    for experiment in campaign.state.experiments.values() {
        let Some((candidate, hash)) = &experiment.candidate else {
            continue;
        };
        // A new candidate is written before the log says so.
        if experiment.state == BoardState::ToImplement {
            open.push(experiment.id.to_string());
            continue;
        }
        checked += 1;
        let shown = format!("experiments/{}", experiment.folder());
        let folder = campaign.layout.dir.join(&shown);
        let handed_in = handed_in.get(&experiment.id);
        if let Candidate::Files { files: names } = candidate {
            files += names.len();
            bad.extend(own_files(&folder, &shown, names, handed_in));
        }
        // What is said to be the hash must follow from the log alone, or from
        // the files.
        let read = |path: &PathBuf| std::fs::read(folder.join(path));
        match candidate.hash(&experiment.task, read) {
            Ok(found) if found == *hash => {}
            Ok(found) => bad.push(format!(
                "`{shown}`: the candidate has the hash {}, the log says {}",
                found.short(),
                hash.short()
            )),
            // Told above.
            Err(_) => {}
        }
        bad.extend(document(
            campaign.state.settings.as_ref(),
            experiment,
            &folder,
            &shown,
        ));
        for attempt in &experiment.attempts {
            if let Some(report) = &attempt.measurement.report {
                reports += 1;
                let file = attempt.measurement.file.as_ref();
                bad.extend(lab_report(campaign, report, file, &shown, attempt.number));
            }
        }
    }
    if !open.is_empty() {
        findings.not_possible(
            "candidates",
            format!(
                "{} are being worked on, so their files are ahead",
                open.join(", ")
            ),
        );
    }
    if !campaign.state.tries.is_empty() {
        let looks = campaign.state.tries.len();
        findings.not_possible(
            "candidates",
            format!(
                "the files of {looks} quick looks: the log has no hash of them; none is ranked"
            ),
        );
    }
    if bad.is_empty() {
        findings.passed(
            "candidates",
            format!("{checked} candidates with {files} files, {reports} reports of the lab"),
        );
    }
    for one in bad {
        findings.failed("candidates", one);
    }
}

/// What was handed in last for each experiment.
pub fn handed_in<'a>(
    events: impl Iterator<Item = &'a Logged>,
    documents: &dyn Documents,
) -> BTreeMap<ExperimentId, HandedIn> {
    let mut calls: BTreeMap<(AgentId, u32), crate::core::agent::RequestedCall> = BTreeMap::new();
    let mut next: BTreeMap<AgentId, u32> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for logged in events {
        match &logged.event {
            Event::ModelCalled { agent, reply, .. } => {
                let number = next.entry(*agent).or_default();
                for call in &reply.calls {
                    if call.tool == "submit_experiment" {
                        calls.insert((*agent, *number), call.clone());
                    }
                    *number += 1;
                }
            }
            Event::CandidateSubmitted {
                experiment,
                agent,
                call,
                ..
            } => {
                // What the harness drew has no files of its own.
                let by = agent.zip(*call);
                let files = by.and_then(|by| {
                    let call = crate::core::agent::NumberedCall {
                        number: by.1,
                        requested: calls.get(&by)?.clone(),
                    };
                    let arguments = arguments(documents, &call).ok()?;
                    serde_json::from_value(arguments.get("files")?.clone()).ok()
                });
                let seq = logged.seq;
                found.insert(*experiment, HandedIn { seq, files });
            }
            _ => {}
        }
    }
    found
}

/// A candidate's own files against what was handed in.
fn own_files(
    folder: &Path,
    shown: &str,
    names: &[PathBuf],
    handed_in: Option<&HandedIn>,
) -> Vec<String> {
    let mut bad = Vec::new();
    for name in names {
        let name = name.to_string_lossy();
        let found = match std::fs::read(folder.join(name.as_ref())) {
            Ok(found) => found,
            Err(error) => {
                bad.push(format!("`{shown}/{name}` can't be read: {error}"));
                continue;
            }
        };
        let expected = handed_in
            .and_then(|it| Some((it.seq, it.files.as_ref()?.get(name.as_ref())?)))
            .filter(|(_, text)| text.as_bytes() != found);
        if let Some((seq, text)) = expected {
            let same = text
                .bytes()
                .zip(&found)
                .take_while(|(a, b)| a == *b)
                .count();
            let line = 1 + text.bytes().take(same).filter(|b| *b == b'\n').count();
            bad.push(format!(
                "`{shown}/{name}` is not what was handed in at event {seq}: it differs from line {line}"
            ));
        }
    }
    bad
}

/// `experiment.json` against the log; absent before the first check.
fn document(
    settings: Option<&Settings>,
    experiment: &Experiment,
    folder: &Path,
    shown: &str,
) -> Option<String> {
    let expected = lab_document(settings?, experiment)?;
    let wrong = match std::fs::read(folder.join(EXPERIMENT)) {
        Err(_) if experiment.attempts.is_empty() => return None,
        Err(error) => format!("can't be read: {error}"),
        Ok(bytes) => match serde_json::from_slice::<Document>(&bytes) {
            Ok(found) if found == expected => {
                let (_, text) = experiment_json(&expected).ok()?;
                if text.as_bytes() == bytes {
                    return None;
                }
                "says what the log says, but was written anew".to_owned()
            }
            Ok(_) => "is not the experiment in the log".to_owned(),
            Err(error) => format!("is no experiment: {error}"),
        },
    };
    Some(format!("`{shown}/{EXPERIMENT}` {wrong}"))
}

/// What the lab was told to measure.
pub fn lab_document(settings: &Settings, experiment: &Experiment) -> Option<Document> {
    let source = settings
        .tasks
        .iter()
        .find(|task| task.name == experiment.task)?;
    let (candidate, _) = experiment.candidate.as_ref()?;
    Some(Document {
        schema: PROTOCOL_VERSION,
        id: experiment.id.to_string(),
        task: source.source.clone(),
        candidate: candidate.clone(),
    })
}

/// A report that the lab left against the one in the log, and the files that
/// belong to it.
fn lab_report(
    campaign: &Campaign<'_>,
    hash: &ContentHash,
    file: Option<&ContentHash>,
    shown: &str,
    attempt: u32,
) -> Vec<String> {
    // A blob that is missing or changed has been told already.
    let Ok(bytes) = campaign.reader.blob(hash) else {
        return Vec::new();
    };
    let Ok(expected) = serde_json::from_slice::<Report>(&bytes) else {
        return vec![format!("blob {hash} is no report of a lab")];
    };
    let path = report_path(&campaign.layout.dir.join(shown), attempt);
    let place = format!("`{shown}/attempt-{attempt}/report.json`");
    let mut bad = Vec::new();
    match std::fs::read(&path) {
        Err(error) => bad.push(format!("{place} can't be read: {error}")),
        Ok(found) => match serde_json::from_slice::<Report>(&found) {
            Ok(report) if report == expected => {
                let written = ContentHash::of_stream(found.as_slice()).ok();
                if file.is_some() && file != written.as_ref() {
                    bad.push(format!(
                        "{place} says what the log says, but was written anew"
                    ));
                }
            }
            Ok(_) => bad.push(format!("{place} is not the report in the log")),
            Err(error) => bad.push(format!("{place} is no report: {error}")),
        },
    }
    let folder = path.parent().unwrap_or(&path);
    for artifact in &expected.artifacts {
        let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !artifact.path.components().all(normal) {
            continue;
        }
        let place = format!("`{shown}/attempt-{attempt}/{}`", artifact.path.display());
        match File::open(folder.join(&artifact.path)).and_then(ContentHash::of_stream) {
            Ok(found) if found == artifact.hash => {}
            Ok(_) => bad.push(format!("{place} is not what the lab has left")),
            Err(error) => bad.push(format!("{place} can't be read: {error}")),
        }
    }
    bad
}
