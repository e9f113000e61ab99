//! Folding what happens in phases 0 to 2.

use super::agent::Role;
use super::event::Event;
use super::illegal::{Illegal, missing, twice};
use super::rounds::{Fault, Round};
use super::state::{Resolved, State};

impl State {
    pub(super) fn apply_phase(&mut self, event: &Event) -> Result<(), Illegal> {
        match event {
            Event::AdapterResolved {
                name,
                why,
                drafted,
                facts,
                profile,
            } => {
                if self.adapter.is_some() {
                    return Err(twice("adapter", name));
                }
                self.adapter = Some(Resolved {
                    name: name.clone(),
                    why: why.clone(),
                    drafted: *drafted,
                    facts: facts.clone(),
                    profile: profile.clone(),
                });
                Ok(())
            }
            Event::AdapterPatched { settings, .. } => {
                if let Some(settings) = settings {
                    if self.frozen.is_some() {
                        return Err(twice("evaluation", "frozen"));
                    }
                    self.settings = Some((**settings).clone());
                }
                self.patches = self.patches.saturating_add(1);
                Ok(())
            }
            Event::PlanChanged { text, .. } => {
                self.plan = Some(text.clone());
                Ok(())
            }
            Event::AuditDone { round, audited } => {
                let found = self.round_mut(*round)?;
                if found.audit.is_some() {
                    return Err(twice("audit of round", round));
                }
                found.audit = Some((**audited).clone());
                Ok(())
            }
            Event::ReviewDone {
                round,
                role,
                review,
            } => {
                let found = self.round_mut(*round)?;
                let place = match role {
                    Role::Critic => &mut found.critic,
                    Role::Tester => &mut found.tester,
                    Role::Strategist
                    | Role::Worker
                    | Role::Supervisor
                    | Role::Explorer
                    | Role::Builder
                    | Role::Assistant
                    | Role::Reporter
                    | Role::Auditor
                    | Role::Fixer
                    | Role::Analyst => return Err(missing("reviewer", role.word())),
                };
                if place.is_some() {
                    return Err(twice("review of round", round));
                }
                *place = Some((**review).clone());
                Ok(())
            }
            Event::RoundUndone { round, what } => {
                self.round_mut(*round)?.undone.push(Fault {
                    check: "undone".to_owned(),
                    detail: what.clone(),
                    blocking: true,
                });
                Ok(())
            }
            // The caller sends nothing else here.
            _ => Ok(()),
        }
    }

    /// Opens a round when its builder begins.
    pub(super) fn begin_round(
        &mut self,
        role: Role,
        round: Option<u32>,
        builder: super::ids::AgentId,
    ) -> Result<(), Illegal> {
        match (role, round) {
            (Role::Builder, Some(number)) => {
                if number as usize != self.rounds.len() + 1 {
                    return Err(missing("round", &number));
                }
                self.rounds.push(Round::new(number, builder));
                Ok(())
            }
            (_, Some(number)) => self.round_mut(number).map(|_| ()),
            (_, None) => Ok(()),
        }
    }

    fn round_mut(&mut self, number: u32) -> Result<&mut Round, Illegal> {
        self.rounds
            .iter_mut()
            .find(|round| round.number == number)
            .ok_or_else(|| missing("round", &number))
    }
}
