//! Folding what happens on the board.

use protocol::Split;

use super::agent::Role;
use super::board::BoardState;
use super::event::{EffectKey, Event};
use super::ids::ExperimentId;
use super::illegal::{Illegal, missing, twice};
use super::state::{Attempt, Experiment, State};

impl State {
    pub(super) fn apply_board(&mut self, event: &Event, at_ms: i64) -> Result<(), Illegal> {
        match event {
            Event::ExperimentProposed {
                experiment,
                task,
                name,
                hypothesis,
                templates,
                by,
                owner,
                parent,
                kind,
            } => {
                if self.experiments.contains_key(experiment) {
                    return Err(twice("experiment", experiment));
                }
                self.task_mut(task)?;
                if let Some(unknown) = parent.filter(|id| !self.experiments.contains_key(id)) {
                    return Err(missing("experiment", &unknown));
                }
                if let Some(by) = by {
                    let agent = self.agents.get_mut(by);
                    let agent = agent.ok_or_else(|| missing("agent", by))?;
                    agent.proposed = agent.proposed.saturating_add(1);
                    if agent.role == Role::Strategist {
                        self.note_proposal(task, *kind);
                    }
                }
                let proposed = Experiment {
                    id: *experiment,
                    task: task.clone(),
                    name: name.clone(),
                    hypothesis: hypothesis.clone(),
                    templates: templates.clone(),
                    owner: *owner,
                    state: BoardState::ToImplement,
                    reason: String::new(),
                    fixes: 0,
                    checked: false,
                    candidate: None,
                    waiting: None,
                    attempts: Vec::new(),
                    former: Vec::new(),
                    ruling: None,
                    parent: *parent,
                    kind: *kind,
                    change: None,
                    sketch: None,
                    replicates: None,
                };
                self.index.proposed(&proposed);
                self.credits.proposed(*experiment, *by);
                self.experiments.insert(*experiment, proposed);
                Ok(())
            }
            Event::CandidateSubmitted {
                experiment,
                candidate,
                hash,
                agent,
                call,
                provenance,
            } => {
                let by = agent.zip(*call);
                let related = provenance.parent.iter().chain(&provenance.replicates);
                for id in related {
                    if !self.experiments.contains_key(id) {
                        return Err(missing("experiment", id));
                    }
                }
                let found = self.experiment_in(
                    "candidate_submitted",
                    *experiment,
                    &[BoardState::ToImplement],
                )?;
                let first = found.candidate.is_none();
                found.candidate = Some((candidate.clone(), hash.clone()));
                found.checked = false;
                found.waiting = by;
                found.parent = provenance.parent.or(found.parent);
                found.change.clone_from(&provenance.change);
                found.sketch.clone_from(&provenance.sketch);
                found.replicates = provenance.replicates;
                if let Some(call) = by {
                    self.index.waiting.insert(call, *experiment);
                }
                if let Some(found) = self.experiments.get(experiment).filter(|_| first) {
                    self.index.handed_in(found);
                }
                Ok(())
            }
            Event::Checked {
                experiment,
                fixes,
                verdict,
            } => {
                let found =
                    self.experiment_in("checked", *experiment, &[BoardState::Implemented])?;
                if found.fixes != *fixes {
                    return Err(missing("check of experiment", experiment));
                }
                found.checked = verdict.is_ok();
                if !verdict.is_ok() {
                    self.staff_refused(*experiment, verdict);
                }
                Ok(())
            }
            Event::Moved {
                experiment,
                from,
                to,
                reason,
            } => self.apply_move(*experiment, *from, *to, reason),
            Event::Measured {
                experiment,
                attempt,
                measurement,
            } => {
                let found = self.experiments.get(experiment);
                let found = found.ok_or_else(|| missing("experiment", experiment))?;
                if !self.may_be_measured(found, measurement.split) {
                    return Err(Illegal::Experiment {
                        event: "measured",
                        experiment: *experiment,
                        state: found.state.word(),
                    });
                }
                if measurement.simulated != self.is_simulated() {
                    return Err(Illegal::Simulated {
                        experiment: *experiment,
                        simulated: measurement.simulated,
                    });
                }
                let found = self.experiment_mut(*experiment)?;
                if *attempt as usize != found.attempts.len() + 1 {
                    return Err(missing("attempt", attempt));
                }
                let was_spent = found.is_spent();
                found.attempts.push(Attempt {
                    number: *attempt,
                    at_ms,
                    measurement: measurement.clone(),
                });
                if let Some(found) = self.experiments.get(experiment) {
                    self.index.measured(found, measurement);
                    self.index.changed(was_spent, found);
                }
                self.judge(*experiment, measurement);
                self.staff_measured(*experiment, measurement, at_ms);
                self.credit(*experiment, measurement);
                if measurement.split == Split::Search {
                    self.note_progress(*experiment);
                }
                Ok(())
            }
            // The caller sends nothing else here.
            Event::CampaignStarted { .. }
            | Event::CampaignResumed {}
            | Event::CampaignStopped { .. }
            | Event::CampaignFinished { .. }
            | Event::CampaignForked { .. }
            | Event::FilesPinned { .. }
            | Event::AdapterResolved { .. }
            | Event::AdapterPatched { .. }
            | Event::PlanChanged { .. }
            | Event::AuditDone { .. }
            | Event::ReviewDone { .. }
            | Event::RoundUndone { .. }
            | Event::PhaseStarted { .. }
            | Event::LabDescribed { .. }
            | Event::TaskInspected { .. }
            | Event::TaskClosed { .. }
            | Event::EvaluationFrozen { .. }
            | Event::AgentStarted { .. }
            | Event::Compacted { .. }
            | Event::AgentStopped { .. }
            | Event::AgentLetDown { .. }
            | Event::ModelOut { .. }
            | Event::EffectIntended { .. }
            | Event::EffectFailed { .. }
            | Event::TurnRefused { .. }
            | Event::ModelCalled { .. }
            | Event::ToolAnswered { .. }
            | Event::Tried { .. }
            | Event::SealedOpened { .. }
            | Event::Steered { .. }
            | Event::Staff { .. }
            | Event::PlaybookCarried { .. }
            | Event::AblationPlanned { .. }
            | Event::PlaybookEntryAdded { .. } => Ok(()),
        }
    }

    fn apply_move(
        &mut self,
        id: ExperimentId,
        from: BoardState,
        to: BoardState,
        reason: &str,
    ) -> Result<(), Illegal> {
        let experiment = self.experiment_mut(id)?;
        let supported = match to {
            BoardState::Implemented => experiment.candidate.is_some(),
            BoardState::Checked => experiment.checked,
            BoardState::Finished => experiment.last(Split::Search).is_some(),
            BoardState::ToImplement
            | BoardState::Queued
            | BoardState::Running
            | BoardState::Analyzed
            | BoardState::Remeasure
            | BoardState::Fix
            | BoardState::Done
            | BoardState::Failed
            | BoardState::Cancelled => true,
        };
        if experiment.state != from || !supported || !from.may_move_to(to, experiment.fixes) {
            return Err(Illegal::Move {
                experiment: id,
                from: experiment.state.word(),
                to: to.word(),
            });
        }
        if to == BoardState::Fix {
            experiment.fixes += 1;
        }
        let was_spent = experiment.is_spent();
        experiment.state = to;
        reason.clone_into(&mut experiment.reason);
        if let Some(moved) = self.experiments.get(&id) {
            self.index.changed(was_spent, moved);
        }
        if to.is_terminal() {
            // An act that is still under way for it is nobody's business.
            self.intents.retain(|key| match key {
                EffectKey::Check { experiment, .. } | EffectKey::Measure { experiment, .. } => {
                    *experiment != id
                }
                EffectKey::Describe
                | EffectKey::Inspect { .. }
                | EffectKey::Audit { .. }
                | EffectKey::Model { .. }
                | EffectKey::Tool { .. } => true,
            });
            self.note_fruitless(id);
        }
        Ok(())
    }

    fn experiment_in(
        &mut self,
        event: &'static str,
        id: ExperimentId,
        allowed: &[BoardState],
    ) -> Result<&mut Experiment, Illegal> {
        let experiment = self.experiment_mut(id)?;
        if allowed.contains(&experiment.state) {
            Ok(experiment)
        } else {
            Err(Illegal::Experiment {
                event,
                experiment: id,
                state: experiment.state.word(),
            })
        }
    }
}
