//! Which share of the budget for models a role may use, so that those who
//! come first leave something to those who come after them.

use std::collections::BTreeMap;

use super::agent::Role;
use super::budget::{Amount, Budget, Ledger};
use super::event::EffectKey;
use super::state::{Agent, State};

/// Shares of the dollars and the tokens, each above 0 and at most 1, by role.
/// A role without one may use all there is.
pub type Shares = BTreeMap<Role, f64>;

impl State {
    /// On whose share an agent's turns are booked: an assistant's on that of
    /// the agent it works for.
    pub fn charged(&self, agent: &Agent) -> Role {
        let mut of = agent;
        // Agents work for earlier ones.
        while let Some(leader) = of.under.and_then(|under| self.agents.get(&under.agent)) {
            of = leader;
        }
        match of.role {
            // They do a part of the workers' work.
            Role::Fixer | Role::Analyst => Role::Worker,
            role => role,
        }
    }

    /// What a role may use of the dollars and the tokens, and has used; none
    /// if it has no share of its own. The other resources are nobody's.
    pub fn share(&self, role: Role) -> Option<Budget> {
        let settings = self.settings.as_ref()?;
        let share = *settings.shares.get(&role)?;
        let limits = self.limits();
        let (mut paid, mut unsettled) = (Amount::default(), Amount::default());
        for agent in self.agents.values() {
            if self.charged(agent) == role {
                paid += agent.paid;
                unsettled += agent.unsettled;
            }
        }
        let by_role = |key: &EffectKey| match key {
            EffectKey::Model { agent, .. } => self
                .agents
                .get(agent)
                .is_some_and(|agent| self.charged(agent) == role),
            _ => false,
        };
        let reserved: Amount = self
            .reserved
            .iter()
            .filter(|(key, _)| by_role(key))
            .map(|(_, amount)| *amount)
            .sum();
        let ledger = |limit: Option<f64>, of: fn(Amount) -> f64| Ledger {
            limit: limit.map(|limit| limit * share),
            spent: of(paid),
            reserved: of(reserved),
            unsettled: of(unsettled),
        };
        let free = Ledger::new(None);
        Some(Budget {
            experiments: free,
            usd: ledger(limits.usd, |amount| amount.usd),
            tokens: ledger(limits.tokens.map(|tokens| tokens as f64), |amount| {
                amount.tokens as f64
            }),
            wall_s: free,
            gpu_h: free,
        })
    }
}
