//! Phases 0 to 2 of a campaign whose evaluation its agents build: fit the
//! adapter, explore, then build and attack the evaluation until it holds.

use super::{Decision, Effect, Gate, Planner};
use crate::core::agent::{Ending, Role};
use crate::core::event::{EffectKey, Event, FinishReason};
use crate::core::rounds::Round;

/// How often an agent that a phase needs is started at most.
const MAX_STARTS: usize = 2;

impl Planner<'_> {
    /// What phases 0 to 2 want now; none once experiments may begin.
    pub(super) fn phases(&self) -> Option<Vec<Decision>> {
        let rounds = self.settings.evaluation.as_ref()?.rounds;
        if self.state.phase >= 3 {
            return None;
        }
        let stops = self.stop_for_budget();
        if !stops.is_empty() {
            return Some(stops);
        }
        let steps = self.agents();
        if self.state.live_agents().next().is_some() {
            return Some(steps);
        }
        if self.out_of_time() || self.state.refused {
            return Some(finish(FinishReason::BudgetSpent));
        }
        Some(match self.state.phase {
            0 => self.by_one(Role::Supervisor),
            1 => self.by_one(Role::Explorer),
            _ => self.round(rounds),
        })
    }

    /// A phase that one agent does alone.
    fn by_one(&self, role: Role) -> Vec<Decision> {
        let endings: Vec<&Ending> = self
            .state
            .agents
            .values()
            .filter(|agent| agent.role == role)
            .filter_map(|agent| agent.run.ending())
            .collect();
        let starts = self.state.agents.values().filter(|a| a.role == role);
        if endings.contains(&&Ending::Finished) {
            self.next_phase()
        } else if self.state.counted_starts(starts) < MAX_STARTS {
            vec![start(role, None)]
        } else {
            finish(FinishReason::PhaseFailed)
        }
    }

    fn next_phase(&self) -> Vec<Decision> {
        if self.settings.until <= self.state.phase {
            return finish(FinishReason::PhaseDone);
        }
        if self.state.is_gated(self.state.phase + 1) {
            return Vec::new();
        }
        vec![Decision::Record(Event::PhaseStarted {
            phase: self.state.phase + 1,
        })]
    }

    /// Phase 2, where nobody is at work.
    fn round(&self, rounds: u32) -> Vec<Decision> {
        if self.state.frozen.is_some() {
            return self.next_phase();
        }
        let Some(round) = self.state.rounds.last() else {
            return vec![start(Role::Builder, Some(1))];
        };
        if round.is_rejected() {
            return if round.number < rounds {
                vec![start(Role::Builder, Some(round.number + 1))]
            } else {
                finish(FinishReason::EvaluationRejected)
            };
        }
        if !self.finished(round, Role::Builder) {
            let what = "the Builder did not finish its work".to_owned();
            return undone(round, what);
        }
        if round.audit.is_none() {
            let key = EffectKey::Audit {
                round: round.number,
            };
            return match self.gate(&key) {
                Gate::Go => vec![Decision::Perform(Effect::Audit {
                    round: round.number,
                })],
                Gate::Wait => Vec::new(),
                Gate::GiveUp(reason) => {
                    undone(round, format!("the audit could not be run: {reason}"))
                }
            };
        }
        if round.is_passed() {
            return vec![Decision::Perform(Effect::Freeze)];
        }
        let mut decisions = Vec::new();
        for (role, review) in [(Role::Critic, &round.critic), (Role::Tester, &round.tester)] {
            if review.is_some() {
                continue;
            }
            if self.started(round, role) < MAX_STARTS {
                decisions.push(start(role, Some(round.number)));
            } else {
                let what = format!("the {} gave no review", role.word());
                decisions.extend(undone(round, what));
            }
        }
        decisions
    }

    fn started(&self, round: &Round, role: Role) -> usize {
        let agents = self.state.agents.values();
        let started = agents.filter(|a| a.role == role && a.round == Some(round.number));
        self.state.counted_starts(started)
    }

    fn finished(&self, round: &Round, role: Role) -> bool {
        self.state.agents.values().any(|agent| {
            agent.role == role
                && agent.round == Some(round.number)
                && agent.run.ending() == Some(&Ending::Finished)
        })
    }
}

fn start(role: Role, round: Option<u32>) -> Decision {
    Decision::StartAgent {
        role,
        experiment: None,
        round,
        under: None,
        tries_until_wall_s: None,
    }
}

fn finish(reason: FinishReason) -> Vec<Decision> {
    vec![Decision::Record(Event::CampaignFinished { reason })]
}

fn undone(round: &Round, what: String) -> Vec<Decision> {
    vec![Decision::Record(Event::RoundUndone {
        round: round.number,
        what,
    })]
}
