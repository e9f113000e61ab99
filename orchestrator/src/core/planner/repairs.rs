//! Experiments whose worker is gone: what failed is repaired, what was measured
//! is looked back at, before anything new is begun.

use protocol::{Split, Verdict};

use super::{Decision, Planner, moved};
use crate::core::agent::{Ending, Role};
use crate::core::board::BoardState;
use crate::core::staff::Analyze;
use crate::core::state::Experiment;

impl Planner<'_> {
    /// What becomes of an experiment that has not run and that nobody works on
    /// any more; nothing while it waits for somebody who repairs it.
    pub(super) fn orphaned(&self, e: &Experiment) -> Option<Decision> {
        if self.wants_fixer(e) {
            return (e.state == BoardState::Fix).then(|| moved(e, BoardState::ToImplement, ""));
        }
        let tried = self.state.staff.fixers.contains_key(&e.id);
        if tried && matches!(e.state, BoardState::ToImplement | BoardState::Fix) {
            let said = self.state.staff.last_words_on(e.id);
            let reason = said.unwrap_or("whoever was to repair it ended without a diagnosis");
            return Some(moved(e, BoardState::Failed, reason));
        }
        let reason = if self.is_paused(&e.task) {
            "work on its task is paused"
        } else {
            "nobody works on it any more"
        };
        Some(moved(e, BoardState::Cancelled, reason))
    }

    /// The end of an experiment that was measured and whose worker is gone;
    /// nothing while somebody has something to say about it.
    pub(super) fn concluded(&self, e: &Experiment) -> Option<Decision> {
        let looking = self.state.staff.analysts.get(&e.id);
        let looks_back = looking.is_some_and(|agent| self.is_live(*agent));
        if looks_back || self.wants_fixer(e) || self.wants_analyst(e) {
            return None;
        }
        let said = self.state.staff.last_words_on(e.id).unwrap_or_default();
        Some(moved(e, BoardState::Analyzed, said))
    }

    /// Agents for such experiments: those that failed come first.
    pub(super) fn second_hands(
        &self,
        lanes: usize,
        tries_until_wall_s: Option<f64>,
    ) -> Vec<Decision> {
        if self.staff().is_none() {
            return Vec::new();
        }
        let wanted = |role: Role, wants: fn(&Self, &Experiment) -> bool| {
            self.state
                .active_experiments()
                .filter(move |e| wants(self, e))
                .map(move |e| Decision::StartAgent {
                    role,
                    experiment: Some(e.id),
                    round: None,
                    under: None,
                    tries_until_wall_s,
                })
        };
        wanted(Role::Fixer, |planner, e| {
            planner.wants_fixer(e) && e.state != BoardState::Fix
        })
        .chain(wanted(Role::Analyst, Self::wants_analyst))
        .take(lanes)
        .collect()
    }

    fn is_orphan(&self, e: &Experiment) -> bool {
        e.owner.is_some_and(|owner| !self.is_live(owner))
            && !self.state.steering.cancelled.contains(&e.id)
            && !self.is_paused(&e.task)
    }

    fn wants_fixer(&self, e: &Experiment) -> bool {
        let most = self.staff().map_or(0, |staff| staff.fixers as usize);
        if most == 0 || self.search_is_over() || !self.is_orphan(e) {
            return false;
        }
        let staff = &self.state.staff;
        let had = staff.fixers.get(&e.id).map_or(0, Vec::len);
        let failed = match e.state {
            // The check has refused what was handed in.
            BoardState::ToImplement | BoardState::Fix => e.fixes > 0,
            BoardState::Finished => crashed(e) && !self.is_superseded(e) && self.has_room(),
            BoardState::Implemented
            | BoardState::Checked
            | BoardState::Queued
            | BoardState::Running
            | BoardState::Analyzed
            | BoardState::Remeasure
            | BoardState::Done
            | BoardState::Failed
            | BoardState::Cancelled => false,
        };
        failed && had < most && !staff.is_hopeless(e.id)
    }

    /// The repair of what has crashed is an experiment of its own.
    fn has_room(&self) -> bool {
        let budget = &self.budget;
        let pace = self.state.pace();
        budget.experiments.left() >= 1.0
            && budget.wall_s.left() - self.reserve_s > pace.evaluate_s + pace.remeasure_s
    }

    /// Whether one of those who had it has handed in something that works, or
    /// its worker has gone on to another one.
    fn is_superseded(&self, e: &Experiment) -> bool {
        let worker = e.former.first().copied().or(e.owner);
        let had_it = |other: &Experiment| {
            let owner = other.owner;
            owner.is_some_and(|owner| Some(owner) == e.owner || e.former.contains(&owner))
        };
        // Nor is the repair of what crashed repaired in its turn.
        let of_fixer = worker.and_then(|id| self.state.agents.get(&id));
        of_fixer.is_some_and(|agent| agent.role == Role::Fixer)
            || self.state.experiments_on(&e.task).any(|other| {
                let later = other.id > e.id && other.owner == worker;
                let works = had_it(other) && other.verified(Split::Search).is_some();
                works || (later && !other.attempts.is_empty())
            })
    }

    fn wants_analyst(&self, e: &Experiment) -> bool {
        let Some(staff) = self.staff().filter(|_| !self.search_is_over()) else {
            return false;
        };
        let known = &self.state.staff;
        let fresh = !known.analysts.contains_key(&e.id) && !known.conclusions.contains_key(&e.id);
        if e.state != BoardState::Finished || !self.is_orphan(e) || !fresh {
            return false;
        }
        let owner = e.owner.and_then(|owner| self.state.agents.get(&owner));
        let ending = owner.and_then(|owner| owner.run.ending());
        match staff.analyze {
            Analyze::Never => false,
            Analyze::Orphans => ending != Some(&Ending::Finished),
            Analyze::All => true,
        }
    }
}

fn crashed(e: &Experiment) -> bool {
    let last = e.last(Split::Search);
    last.is_some_and(|a| matches!(a.measurement.score.verdict, Verdict::Crashed { .. }))
}
