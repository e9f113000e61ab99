//! Folding what the agents beside the search do.

use protocol::Split;

use super::{Conclusion, Milestone, StaffEvent, StaffState};
use crate::core::agent::Role;
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::illegal::{Illegal, missing, twice};
use crate::core::measurement::Measurement;
use crate::core::state::{Agent, Experiment, State};

impl State {
    /// An agent begins on an experiment: a worker owns it from now on, a Fixer
    /// instead of one that has ended; others only look at it.
    pub(in crate::core) fn take_up(
        &mut self,
        role: Role,
        id: ExperimentId,
        agent: AgentId,
    ) -> Result<(), Illegal> {
        let owner = self.experiment_mut(id)?.owner;
        match role {
            // One for each, whatever becomes of it.
            Role::Auditor if self.staff.unaudited.remove(&id) => return Ok(()),
            Role::Auditor => return Err(twice("audit of experiment", &id)),
            Role::Analyst if self.staff.analysts.contains_key(&id) => {
                return Err(twice("analysis of experiment", &id));
            }
            Role::Analyst => {
                self.staff.analysts.insert(id, agent);
                return Ok(());
            }
            _ => {}
        }
        let live = owner.and_then(|owner| self.agents.get(&owner));
        let free = match role {
            Role::Fixer => owner.is_some() && !live.is_some_and(Agent::is_live),
            _ => owner.is_none(),
        };
        if !free {
            return Err(twice("owner of experiment", &id));
        }
        if role == Role::Fixer {
            self.staff.fixers.entry(id).or_default().push(agent);
        }
        let experiment = self.experiment_mut(id)?;
        experiment.former.extend(owner);
        experiment.owner = Some(agent);
        Ok(())
    }

    /// An agent has begun.
    pub(in crate::core) fn staff_began(&mut self, role: Role) {
        match role {
            Role::Reporter => self.staff.reported = self.index.search.count,
            Role::Supervisor => self.staff.watched.unanswered.clear(),
            _ => {}
        }
    }

    /// The experiments begin.
    pub(in crate::core) fn watch_begins(&mut self) {
        self.staff.watched.result_s = self.clock.logged_s();
    }

    /// An experiment was measured and judged.
    pub(in crate::core) fn staff_measured(
        &mut self,
        id: ExperimentId,
        of: &Measurement,
        at_ms: i64,
    ) {
        // The event is not on the clock yet.
        let at_s = self.clock.spent_s(at_ms);
        if let Some(e) = self.experiments.get(&id) {
            self.staff.measured(e, of.split);
            let improved = self.significance.best(&e.task) == Some(id);
            self.staff.watched.measured(e, of, improved, at_s);
        }
    }

    /// A check has refused an experiment.
    pub(in crate::core) fn staff_refused(&mut self, id: ExperimentId, verdict: &protocol::Verdict) {
        self.staff.refusals.insert(id, verdict.clone());
        self.staff_failed(id);
    }

    /// The lab has failed over an experiment.
    pub(in crate::core) fn staff_failed(&mut self, id: ExperimentId) {
        if let Some(e) = self.experiments.get(&id) {
            self.staff.watched.outcome(&e.task, true);
        }
    }

    pub(in crate::core) fn apply_staff(&mut self, event: &StaffEvent) -> Result<(), Illegal> {
        match event {
            StaffEvent::MilestoneWritten {
                number,
                agent,
                text,
            } => {
                self.is_a(*agent, Role::Reporter)?;
                if *number as usize != self.staff.milestones.len() + 1 {
                    return Err(missing("milestone", number));
                }
                self.staff.milestones.push(Milestone {
                    agent: *agent,
                    text: text.clone(),
                });
                Ok(())
            }
            StaffEvent::Ruled { experiment, ruling } => {
                self.is_a(ruling.agent, Role::Auditor)?;
                let found = self.experiment_mut(*experiment)?;
                if found.ruling.is_some() {
                    return Err(twice("ruling on experiment", experiment));
                }
                found.ruling = Some(ruling.clone());
                if found.demoted().is_some() {
                    self.forget_best(*experiment);
                }
                Ok(())
            }
            StaffEvent::AlarmRaised { alarm } => {
                let watched = &mut self.staff.watched;
                if !watched.open.insert(alarm.kind) {
                    return Err(twice("alarm", alarm.kind.word()));
                }
                watched.unanswered.insert(alarm.kind);
                watched.alarms.push(alarm.clone());
                Ok(())
            }
            StaffEvent::AlarmCleared { kind } => {
                let watched = &mut self.staff.watched;
                if !watched.open.remove(kind) {
                    return Err(missing("alarm", kind.word()));
                }
                watched.unanswered.remove(kind);
                Ok(())
            }
            StaffEvent::WorkPaused {
                task,
                agent,
                reason,
            } => {
                self.is_a(*agent, Role::Supervisor)?;
                self.task_mut(task)?;
                if self.staff.paused.contains_key(task) {
                    return Err(twice("paused task", task));
                }
                self.staff.paused.insert(task.clone(), reason.clone());
                Ok(())
            }
            StaffEvent::WorkResumed { task, agent, .. } => {
                self.is_a(*agent, Role::Supervisor)?;
                self.resume_task(task)
            }
            StaffEvent::Concluded {
                experiment,
                agent,
                text,
                hopeless,
            } => {
                self.is_a(*agent, Role::Fixer)
                    .or_else(|_| self.is_a(*agent, Role::Analyst))?;
                self.experiment_mut(*experiment)?;
                let said = self.staff.conclusions.entry(*experiment).or_default();
                said.push(Conclusion {
                    agent: *agent,
                    text: text.clone(),
                    hopeless: *hopeless,
                });
                Ok(())
            }
        }
    }

    /// Work on a task that was paused goes on.
    pub(in crate::core) fn resume_task(&mut self, task: &str) -> Result<(), Illegal> {
        let paused = self.staff.paused.remove(task);
        paused.ok_or_else(|| missing("paused task", &task))?;
        self.staff.resumed = Some(self.next_agent());
        Ok(())
    }

    fn is_a(&self, agent: AgentId, role: Role) -> Result<(), Illegal> {
        let found = self.agents.get(&agent).filter(|found| found.role == role);
        found
            .map(|_| ())
            .ok_or_else(|| missing(role.word(), &agent))
    }
}

impl StaffState {
    /// An experiment was measured.
    pub(in crate::core) fn measured(&mut self, e: &Experiment, split: Split) {
        if split == Split::Select && e.verified(Split::Select).is_some() {
            let of_task = self.remeasured.entry(e.task.clone()).or_default();
            of_task.insert(e.id);
            if e.ruling.is_none() {
                self.unaudited.insert(e.id);
            }
        }
    }
}
