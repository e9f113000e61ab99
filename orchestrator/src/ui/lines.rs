//! One plain line per thing worth knowing.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use protocol::Split;

use crate::core::agent::Role;
use crate::core::board::BoardState;
use crate::core::event::{EffectKey, Event, Logged};
use crate::core::ids::ExperimentId;
use crate::core::state::State;
use crate::driver::Observer;
use crate::report::{number, small};

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

/// A line on what happened; none for bookkeeping.
pub(super) fn describe(state: &State, logged: &Logged) -> Option<String> {
    let text = meaning(state, logged)?;
    let at_s = state.clock.spent_s(logged.at_ms);
    Some(format!("[{at_s:6.1} s] {}", super::clean(&text)))
}

/// What an event means to a person, with all that agents wrote in it; none for
/// bookkeeping. The state may be of any time after the event.
pub(crate) fn meaning(state: &State, logged: &Logged) -> Option<String> {
    let task_of = |id| state.experiments.get(id).map_or("?", |e| e.task.as_str());
    let text = match &logged.event {
        Event::CampaignStarted { settings } => match settings.tasks.len() {
            1 => "1 task".to_owned(),
            tasks => format!("{tasks} tasks"),
        },
        Event::AdapterResolved {
            name, why, drafted, ..
        } => {
            let how = if *drafted { "drafted" } else { "chosen" };
            format!("adapter {name} {how}: {why}")
        }
        Event::AdapterPatched { file, why, .. } => format!("adapter: {file} changed: {why}"),
        Event::PhaseStarted { phase } => format!("phase {phase}: {}", of_phase(state, *phase)),
        Event::AuditDone { round, audited } if audited.passed => {
            format!("round {round}: the mechanical audit found nothing")
        }
        Event::AuditDone { round, audited } => {
            let checks: Vec<&str> = audited.faults.iter().map(|f| f.check.as_str()).collect();
            format!(
                "round {round}: the mechanical audit found {}",
                checks.join(", ")
            )
        }
        Event::ReviewDone {
            round,
            role,
            review,
        } => {
            let blocking = review.faults.iter().filter(|fault| fault.blocking).count();
            format!(
                "round {round}: the {} found {} faults, {blocking} of them blocking",
                role.word(),
                review.faults.len()
            )
        }
        Event::RoundUndone { round, what } => format!("round {round} is lost: {what}"),
        Event::CampaignResumed {} => "resumed".to_owned(),
        Event::CampaignStopped { reason } => format!("stopped: {reason}"),
        Event::CampaignFinished { reason } => format!("finished: {}", reason.text()),
        Event::LabDescribed { lab, version } => format!("lab {lab} {version} is ready"),
        Event::TaskInspected {
            task, templates, ..
        } => format!("{task}: {} templates fit", templates.len()),
        Event::TaskClosed { task, reason } => format!("{task}: closed, {reason}"),
        Event::EvaluationFrozen { hash, .. } => format!("evaluation frozen as {}", hash.short()),
        Event::AgentStarted {
            experiment: Some(id),
            ..
        } => format!("{}: searching ({id})", task_of(id)),
        Event::AgentStarted {
            role: Role::Strategist | Role::Worker,
            ..
        } => return None,
        Event::AgentStarted { agent, role, .. } => format!("{} {agent} begins", role.word()),
        Event::Compacted { agent, .. } => {
            format!("{agent}: the conversation was shortened to fit the model")
        }
        Event::AgentStopped { agent, reason } => {
            let role = state.agents.get(agent)?.role;
            format!("{} {agent} was stopped: {reason}", role.word())
        }
        Event::AgentLetDown { agent, reason } => {
            let found = state.agents.get(agent)?;
            let (role, model) = (found.role.word(), &found.model);
            format!("{role} {agent} was let down by {model}: {reason}")
        }
        Event::ModelOut { model, reason } => {
            format!("{model} is out, the others go on: {reason}")
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
                Some(value) if measurement.split == Split::Search => {
                    let shown = number(value, score.ci);
                    format!("{shown}{}", stands(state, *experiment))
                }
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
        Event::SealedOpened { experiments, .. } => format!(
            "the sealed split is opened for {} winners",
            experiments.len()
        ),
        Event::Staff { what } => super::staff::describe(state, what),
        Event::Steered { what, .. } => format!("a person: {}", what.text()),
        Event::PlaybookCarried { carried } => format!(
            "{} lessons of `{}` ({}) are taken along",
            carried.entries.len(),
            carried.origin.name,
            carried.origin.short()
        ),
        Event::AblationPlanned { plan } => format!(
            "{}: {} changes of its winner are undone one by one",
            plan.task,
            plan.undone.len()
        ),
        Event::PlaybookEntryAdded { entry } => format!("learned: {}", entry.claim),
        Event::TurnRefused { need, .. } => format!(
            "an agent ends: its next turn could cost ${:.2}, more than is left",
            need.usd
        ),
        Event::CampaignForked { .. }
        | Event::FilesPinned { .. }
        | Event::PlanChanged { .. }
        | Event::EffectIntended { .. }
        | Event::ModelCalled { .. }
        | Event::ToolAnswered { .. }
        | Event::Tried { .. }
        | Event::ExperimentProposed { .. }
        | Event::CandidateSubmitted { .. }
        | Event::Checked { .. }
        | Event::Moved { .. } => return None,
    };
    Some(text)
}

/// Whether a candidate that was just measured is a new best, or leads without
/// being one.
fn stands(state: &State, id: ExperimentId) -> String {
    let test = state.significance.last.as_ref();
    match test.filter(|test| test.experiment == id) {
        Some(test) if test.new_best => format!(", new best (p = {})", small(test.p)),
        Some(test)
            if state
                .leading(&test.task)
                .is_some_and(|(leading, _)| leading == id) =>
        {
            format!(", leading within the noise (p = {})", small(test.p))
        }
        Some(_) | None => String::new(),
    }
}

/// What a phase is about. Where a lab measures, it looks at the tasks and brings
/// the evaluation along.
fn of_phase(state: &State, phase: u8) -> &'static str {
    let settings = state.settings.as_ref();
    let built = settings.is_some_and(|settings| settings.evaluation.is_some());
    match (phase, built) {
        (1, true) => "exploration",
        (1, false) => "the lab looks at the tasks",
        (2, true) => "evaluation",
        (2, false) => "what is measured is fixed",
        _ => "experiments",
    }
}

/// Plain lines on stderr.
#[derive(Debug)]
pub(super) struct Lines {
    log: Log,
    /// What a person was last told to be waited for.
    waits: Option<String>,
}

impl Lines {
    pub(super) fn new(log: Log) -> Self {
        Self { log, waits: None }
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

    fn tick(&mut self, state: &State, now_ms: i64) {
        let waits = state.waits_for();
        if waits != self.waits {
            if let Some(what) = &waits {
                let at_s = state.budget(now_ms).wall_s.spent;
                eprintln!("[{at_s:6.1} s] waiting: {what}");
            }
            self.waits = waits;
        }
    }
}
