//! When the agents beside the search are called.

use std::collections::BTreeSet;

use super::{Decision, Planner};
use crate::core::agent::Role;
use crate::core::board::BoardState;
use crate::core::event::Event;
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::staff::{StaffSettings, detect};

impl Planner<'_> {
    /// When they are called, while anybody may be called at all.
    pub(super) fn staff(&self) -> Option<&StaffSettings> {
        let staff = self.state.staff_settings()?;
        (!self.out_of_time() && !self.state.refused).then_some(staff)
    }

    /// An Auditor for each task's winner that nobody has looked at. A winner
    /// is only known once nothing of its task is being measured again.
    pub(super) fn audits(&self) -> Vec<Decision> {
        let waiting = &self.state.staff.unaudited;
        if waiting.is_empty() || !self.staff().is_some_and(|staff| staff.audits) {
            return Vec::new();
        }
        let tasks: BTreeSet<&str> = waiting
            .iter()
            .filter_map(|id| Some(self.state.experiments.get(id)?.task.as_str()))
            .collect();
        tasks
            .into_iter()
            .filter(|task| !self.is_remeasured(task))
            .filter_map(|task| self.winner_of(task))
            .filter(|winner| waiting.contains(winner))
            .map(|winner| begin(Role::Auditor, Some(winner)))
            .collect()
    }

    /// Whether a task's winner still has to be looked at, so that it isn't
    /// known yet what the others have to beat.
    pub(super) fn audit_pending(&self, task: &str) -> bool {
        let wanted = self.staff().is_some_and(|staff| staff.audits);
        let unseen = |id: ExperimentId| self.state.staff.unaudited.contains(&id);
        wanted && self.winner_of(task).is_some_and(unseen)
    }

    /// Whether it is still to be said if a task's winner counts: its Auditor has
    /// not begun, or not come to an end.
    pub(super) fn is_audited(&self, task: &str) -> bool {
        let mut auditors = self.state.live_agents();
        let looks = auditors.any(|agent| {
            let of = agent
                .experiment
                .and_then(|id| self.state.experiments.get(&id));
            agent.role == Role::Auditor && of.is_some_and(|e| e.task == task)
        });
        looks || self.audit_pending(task)
    }

    fn is_remeasured(&self, task: &str) -> bool {
        let mut active = self.state.active_experiments();
        let first = active.any(|e| e.task == task && e.state == BoardState::Remeasure);
        // At the end of a search what is done is measured again, too.
        first || !self.measured_when_done().is_empty()
    }

    fn winner_of(&self, task: &str) -> Option<ExperimentId> {
        self.state.winner(task).map(|(winner, _)| winner.id)
    }

    /// A Reporter, once enough has been measured since the last one began.
    pub(super) fn milestones(&self) -> Vec<Decision> {
        let every = self.staff().map_or(0, |staff| staff.milestone_every);
        if every == 0 || self.unreported() < u64::from(every) || self.has_live(Role::Reporter) {
            return Vec::new();
        }
        vec![begin(Role::Reporter, None)]
    }

    fn unreported(&self) -> u64 {
        let measured = self.state.index.search.count;
        measured.saturating_sub(self.state.staff.reported)
    }

    fn has_live(&self, role: Role) -> bool {
        self.state.live_agents().any(|agent| agent.role == role)
    }

    /// What the detectors say, and a Supervisor for what nobody has seen to.
    pub(super) fn watch(&self) -> Vec<Decision> {
        if self.staff().is_none() || self.search_is_over() {
            return Vec::new();
        }
        let mut decisions: Vec<Decision> = detect(self.state, self.now_ms)
            .into_iter()
            .map(|what| {
                Decision::Record(Event::Staff {
                    what: Box::new(what),
                })
            })
            .collect();
        let unanswered = !self.state.staff.watched.unanswered.is_empty();
        if decisions.is_empty() && unanswered && !self.has_live(Role::Supervisor) {
            decisions.push(begin(Role::Supervisor, None));
        }
        decisions
    }

    /// Whether a Supervisor lets nobody work on a task.
    pub(super) fn is_paused(&self, task: &str) -> bool {
        self.state.staff.paused.contains_key(task)
    }

    /// Agents that work on what a Supervisor has paused.
    pub(super) fn stop_for_supervisor(&self) -> Vec<Decision> {
        if self.state.staff.paused.is_empty() {
            return Vec::new();
        }
        let task_of = |id: ExperimentId| self.state.experiments.get(&id).map(|e| e.task.as_str());
        self.state
            .live_agents()
            .filter(|agent| !agent.role.is_staff())
            .filter(|agent| {
                let task = agent.experiment.and_then(task_of);
                task.is_some_and(|task| self.is_paused(task))
            })
            .map(|agent| {
                Decision::Record(Event::AgentStopped {
                    agent: agent.id,
                    reason: "work on its task is paused".to_owned(),
                })
            })
            .collect()
    }

    /// Whether nothing is decided but what these agents do, so that nobody has
    /// to wait for them.
    pub(super) fn only_staff_decides(&self, decisions: &[Decision]) -> bool {
        decisions.iter().all(|decision| match decision {
            Decision::StartAgent { role, .. } => role.is_staff(),
            Decision::Perform(effect) => effect.agent().is_some_and(|id| self.is_staff(id)),
            Decision::Record(_) => false,
        })
    }

    /// Acts under way that are not theirs.
    pub(super) fn acts_of_others(&self) -> usize {
        let acts = self.state.intents.iter();
        let others = acts.filter(|key| !key.agent().is_some_and(|id| self.is_staff(id)));
        others.count()
    }

    fn is_staff(&self, agent: AgentId) -> bool {
        let found = self.state.agents.get(&agent);
        found.is_some_and(|agent| agent.role.is_staff())
    }

    /// What comes before the end of a search: a last milestone over what no
    /// other tells of. The end waits until nobody has anything to do.
    pub(super) fn before_the_end(&self, next: Vec<Decision>, idle: bool) -> Vec<Decision> {
        let ends = |decision: &Decision| {
            matches!(
                decision,
                Decision::Record(
                    Event::CampaignFinished { .. }
                        | Event::CampaignStopped { .. }
                        | Event::SealedOpened { .. }
                )
            )
        };
        if !next.iter().any(ends) {
            return next;
        }
        let talking = self.state.live_agents().next().is_some();
        if !idle || talking || !self.state.intents.is_empty() {
            return Vec::new();
        }
        let writes = self.staff().is_some_and(|staff| staff.milestone_every > 0);
        if writes && self.unreported() > 0 {
            return vec![begin(Role::Reporter, None)];
        }
        next
    }
}

fn begin(role: Role, experiment: Option<ExperimentId>) -> Decision {
    Decision::StartAgent {
        role,
        experiment,
        round: None,
        under: None,
        tries_until_wall_s: None,
    }
}
