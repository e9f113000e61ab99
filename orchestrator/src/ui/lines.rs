//! One plain line per thing worth knowing.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use protocol::Split;

use crate::core::board::BoardState;
use crate::core::event::{EffectKey, Event, Logged};
use crate::core::state::State;
use crate::driver::Observer;
use crate::report::number;

/// The lines on disk. A log that can't be written stops nobody.
#[derive(Debug)]
pub(super) struct Log(Option<File>);

impl Log {
    pub(super) fn open(path: &Path) -> Self {
        Self(File::options().create(true).append(true).open(path).ok())
    }

    pub(super) fn write(&mut self, line: &str) {
        if let Some(file) = &mut self.0 {
            let _ = writeln!(file, "{line}");
        }
    }
}

/// What an event means to a person; none for bookkeeping.
pub(super) fn describe(state: &State, logged: &Logged) -> Option<String> {
    let task_of = |id| state.experiments.get(id).map_or("?", |e| e.task.as_str());
    let text = match &logged.event {
        Event::CampaignStarted { settings } => format!("{} tasks", settings.tasks.len()),
        Event::CampaignResumed {} => "resumed".to_owned(),
        Event::CampaignStopped { reason } => format!("stopped: {reason}"),
        Event::CampaignFinished { reason } => format!("finished: {}", reason.text()),
        Event::LabDescribed { lab, version } => format!("lab {lab} {version} is ready"),
        Event::TaskInspected {
            task, templates, ..
        } => format!("{task}: {} templates fit", templates.len()),
        Event::TaskClosed { task, reason } => format!("{task}: closed, {reason}"),
        Event::EvaluationFrozen { hash, .. } => format!("evaluation frozen as {}", hash.short()),
        Event::AgentStarted { experiment, .. } => {
            let id = experiment.as_ref()?;
            format!("{}: searching ({id})", task_of(id))
        }
        Event::EffectFailed {
            error,
            retry_at_ms: Some(_),
            ..
        } => format!("to be tried again: {error}"),
        // The task is closed with this reason next.
        Event::EffectFailed {
            key: EffectKey::Inspect { .. },
            ..
        } => return None,
        Event::EffectFailed { error, .. } => format!("the lab failed: {error}"),
        Event::Moved {
            experiment,
            to: to @ (BoardState::Failed | BoardState::Cancelled),
            reason,
            ..
        } => format!(
            "{}: {experiment} {}: {reason}",
            task_of(experiment),
            to.word()
        ),
        Event::Measured {
            experiment,
            measurement,
            ..
        } => {
            let score = &measurement.score;
            let what = match score.verified() {
                Some(value) => number(value, score.ci),
                None => format!("{}: {}", score.verdict.word(), score.verdict.reason()),
            };
            let how = match measurement.split {
                Split::Search => "evaluated",
                Split::Select => "measured again",
                Split::Sealed => "sealed",
            };
            format!("{}: {experiment} {how}: {what}", task_of(experiment))
        }
        Event::PlaybookEntryAdded { entry } => format!("learned: {}", entry.claim),
        Event::TurnRefused { need, .. } => format!(
            "an agent ends: its next turn could cost ${:.2}, more than is left",
            need.usd
        ),
        Event::PhaseStarted { .. }
        | Event::AgentStopped { .. }
        | Event::EffectIntended { .. }
        | Event::ModelCalled { .. }
        | Event::ToolAnswered { .. }
        | Event::Tried { .. }
        | Event::ExperimentProposed { .. }
        | Event::CandidateSubmitted { .. }
        | Event::Checked { .. }
        | Event::Moved { .. } => return None,
    };
    let at_s = state.clock.spent_s(logged.at_ms);
    Some(format!("[{at_s:6.1} s] {}", super::clean(&text)))
}

/// Plain lines on stderr.
#[derive(Debug)]
pub(super) struct Lines {
    log: Log,
}

impl Lines {
    pub(super) fn new(log: Log) -> Self {
        Self { log }
    }
}

impl Observer for Lines {
    fn logged(&mut self, state: &State, logged: &Logged) {
        if let Some(line) = describe(state, logged) {
            self.log.write(&line);
            eprintln!("{line}");
        }
    }

    fn phase(&mut self, _: &State, _: &EffectKey, _: &str) {}

    fn tick(&mut self, _: &State, _: i64) {}
}
