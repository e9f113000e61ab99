//! Which of several models plays a new agent: a bandit per role, whose arms
//! are the models.
//!
//! The rule is Thompson sampling for budgeted bandits (Xia, Li, Qin, Yu, Liu:
//! *Thompson Sampling for Budgeted Multi-armed Bandits*, IJCAI 2015,
//! pp. 3960–3966): draw each arm's mean reward from its Beta posterior, and
//! take the arm with the most drawn reward per cost. It needs few plays to
//! tell arms apart, and results that come late do it no harm, since agents work
//! side by side. Three things differ from the paper:
//!
//! - rewards are parts of 1 and are counted as such, where the paper draws a
//!   success with that probability;
//! - costs are known to the cent, so their mean stands for a drawn one;
//! - an agent also uses up what all share, such as experiments and time. That
//!   counts as much as the mean arm's money does, so that a free model is no
//!   infinitely good bargain.
//!
//! A play of a role whose work is experiments is an experiment, and its reward
//! what it has gained on the best of its task before it, as a part of the median
//! gain of the campaign; an agent that ended without a single one has played
//! once, for nothing. A play of any other role is an agent, and its reward 1 if
//! it has finished its work.
//!
//! All of it follows from the log and the seed.

use std::collections::BTreeMap;

use protocol::ContentHash;
use stats::Rng;

use super::agent::{Ending, Role};
use super::budget::Amount;
use super::ids::AgentId;
use super::state::{Agent, State};

/// One model in one role.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arm {
    /// Agents that were started.
    pub started: usize,
    /// Plays that have come to an end.
    pub plays: f64,
    /// Sum of their rewards, each from 0 to 1.
    pub reward: f64,
    /// What one play costs in the mean: in US dollars, or in tokens where no
    /// arm has cost a dollar.
    pub cost: f64,
    /// Whether the campaign can pay for another play.
    pub fits: bool,
}

impl Arm {
    /// What a play costs relative to the mean arm's, beside the 1 for what all
    /// plays use alike.
    fn relative_cost(&self, mean: f64) -> f64 {
        if mean > 0.0 {
            1.0 + self.cost.max(0.0) / mean
        } else {
            1.0
        }
    }
}

/// The arm to play next, by its place; none if there is no arm. Whoever was
/// not started yet comes first, in order; then only arms that can be paid for
/// count, as long as there is one.
pub fn pick(arms: &[Arm], rng: &mut Rng) -> Option<usize> {
    let fits_somewhere = arms.iter().any(|arm| arm.fits);
    let open = |arm: &Arm| arm.fits || !fits_somewhere;
    let fresh = arms.iter().position(|arm| arm.started == 0 && open(arm));
    if fresh.is_some() {
        return fresh;
    }
    let mean = arms.iter().map(|arm| arm.cost.max(0.0)).sum::<f64>() / arms.len().max(1) as f64;
    let mut best: Option<(usize, f64)> = None;
    for (place, arm) in arms.iter().enumerate() {
        let reward = arm.reward.clamp(0.0, arm.plays.max(0.0));
        let drawn = beta(1.0 + reward, 1.0 + arm.plays.max(0.0) - reward, rng);
        let worth = drawn / arm.relative_cost(mean);
        if open(arm) && best.is_none_or(|(_, most)| worth > most) {
            best = Some((place, worth));
        }
    }
    best.map(|(place, _)| place)
}

/// A draw from the Beta distribution with parameters of at least 1.
fn beta(a: f64, b: f64, rng: &mut Rng) -> f64 {
    let (x, y) = (gamma(a, rng), gamma(b, rng));
    x / (x + y)
}

/// A draw from the Gamma distribution with a shape of at least 1 and scale 1
/// (Marsaglia and Tsang: *A simple method for generating gamma variables*, ACM
/// Transactions on Mathematical Software 26 (3), 2000, pp. 363–372).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        // A uniform number is below 1, its complement above 0.
        let u = 1.0 - rng.uniform();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Whether a role's work is experiments.
fn experiments(role: Role) -> bool {
    matches!(role, Role::Strategist | Role::Worker)
}

impl State {
    /// The model that plays a new agent. An assistant is played by the model
    /// of whoever asked for it, unless assistants have models of their own.
    /// `begun` are agents that begin at the same moment and are in no event
    /// yet.
    pub fn model_for(
        &self,
        role: Role,
        under: Option<AgentId>,
        begun: &[(Role, String)],
    ) -> Option<String> {
        let settings = self.settings.as_ref()?;
        let leader = under.and_then(|id| self.agents.get(&id));
        if let Some(leader) = leader
            && !settings.models.roles.contains_key(&role)
            && !self.models_out.contains_key(&leader.model)
        {
            return Some(leader.model.clone());
        }
        let all = settings.models_of(role);
        let mut open = self.models_left(role);
        if role == Role::Strategist {
            // Whoever has just had no idea is not asked again before the others.
            let asked = self.idle_strategists();
            let others: Vec<&str> = open
                .iter()
                .filter(|model| !asked.contains(model))
                .copied()
                .collect();
            if !others.is_empty() {
                open = others;
            }
        }
        if open.is_empty() {
            open = all;
        }
        if let [only] = open[..] {
            return Some(only.to_owned());
        }
        let arms = self.arms(role, &open, begun);
        let number = (self.agents.len() + begun.len()).to_string();
        let seed = settings.seed.to_string();
        let hash = ContentHash::of_parts(["model", &seed, role.word(), &number].map(str::as_bytes));
        let digits = hash.as_str().get(..16).unwrap_or_default();
        let mut rng = Rng::new(u64::from_str_radix(digits, 16).unwrap_or(settings.seed));
        let place = pick(&arms, &mut rng)?;
        open.get(place).map(|model| (*model).to_owned())
    }

    /// How models have done in a role so far, in the order given.
    pub fn arms(&self, role: Role, models: &[&str], begun: &[(Role, String)]) -> Vec<Arm> {
        let paid = self.paid_for(role, models);
        let in_dollars = paid.iter().any(|amount| amount.usd > 0.0);
        let left = self.budget(self.clock.last_ms());
        let ledger = if in_dollars { left.usd } else { left.tokens };
        let plays = if experiments(role) {
            self.plays_by_experiment(role)
        } else {
            self.plays_by_agent(role)
        };
        let arm = |(model, paid): (&&str, Amount)| {
            let of_it = |agent: &&Agent| agent.role == role && agent.model == **model;
            let live = self.agents.values().filter(of_it).count();
            let with_it = |(other, name): &&(Role, String)| *other == role && name == *model;
            let (plays, reward) = plays.get(*model).copied().unwrap_or_default();
            let total = if in_dollars {
                paid.usd
            } else {
                paid.tokens as f64
            };
            let cost = total / plays.max(1.0);
            Arm {
                started: live + begun.iter().filter(with_it).count(),
                plays,
                reward,
                cost,
                fits: cost <= ledger.left(),
            }
        };
        models.iter().zip(paid).map(arm).collect()
    }

    /// What agents of a role and their assistants have cost, by model.
    fn paid_for(&self, role: Role, models: &[&str]) -> Vec<Amount> {
        let mut paid = vec![Amount::default(); models.len()];
        for agent in self.agents.values() {
            let mut leader = agent;
            // Agents work for earlier ones.
            while let Some(next) = leader.under.and_then(|under| self.agents.get(&under.agent)) {
                leader = next;
            }
            let place = models.iter().position(|model| *model == leader.model);
            let amount = place.and_then(|place| paid.get_mut(place));
            if let Some(amount) = amount.filter(|_| leader.role == role) {
                // What was cut off is no doing of the model's.
                *amount += agent.paid;
            }
        }
        paid
    }

    /// Plays and their rewards, by model, where agents make experiments.
    fn plays_by_experiment(&self, role: Role) -> BTreeMap<&str, (f64, f64)> {
        let gains: Vec<f64> = self.credits.gains().collect();
        let whole = stats::median(&gains).unwrap_or(1.0);
        let mut plays: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        let mut busy: Vec<AgentId> = Vec::new();
        for e in self.experiments.values() {
            let by = match role {
                Role::Strategist => self.credits.proposer(e.id),
                _ => e.owner,
            };
            let agent = by.and_then(|id| self.agents.get(&id));
            let (Some(agent), Some(gain)) = (agent, self.credits.gain(e.id)) else {
                continue;
            };
            if agent.role == role {
                let play = plays.entry(&agent.model).or_default();
                play.0 += 1.0;
                play.1 += (gain / whole).min(1.0);
                busy.push(agent.id);
            }
        }
        for agent in self.agents.values().filter(|agent| agent.role == role) {
            // A Strategist whose proposals still wait has not played in vain.
            let in_vain = match role {
                Role::Strategist => agent.proposed == 0,
                _ => !busy.contains(&agent.id),
            };
            if in_vain && !agent.is_live() {
                plays.entry(&agent.model).or_default().0 += 1.0;
            }
        }
        plays
    }

    /// Plays and their rewards, by model, where agents have work to finish.
    fn plays_by_agent(&self, role: Role) -> BTreeMap<&str, (f64, f64)> {
        let mut plays: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for agent in self.agents.values().filter(|agent| agent.role == role) {
            if let Some(ending) = agent.run.ending() {
                let play = plays.entry(&agent.model).or_default();
                play.0 += 1.0;
                play.1 += f64::from(u8::from(*ending == Ending::Finished));
            }
        }
        plays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(plays: f64, reward: f64, cost: f64) -> Arm {
        Arm {
            started: plays as usize,
            plays,
            reward,
            cost,
            fits: true,
        }
    }

    /// Shares of arms with these chances of a reward and these costs, over so
    /// many plays.
    fn shares(chances: &[f64], costs: &[f64], plays: usize, seed: u64) -> Vec<f64> {
        let mut rng = Rng::new(seed);
        let mut arms: Vec<Arm> = costs.iter().map(|cost| arm(0.0, 0.0, *cost)).collect();
        for _ in 0..plays {
            let place = pick(&arms, &mut rng).unwrap();
            let won = f64::from(u8::from(rng.uniform() < chances[place]));
            arms[place].started += 1;
            arms[place].plays += 1.0;
            arms[place].reward += won;
        }
        let all = plays as f64;
        arms.iter().map(|arm| arm.plays / all).collect()
    }

    #[test]
    fn the_arm_with_the_most_reward_per_cost_gets_most_plays() {
        for seed in 0..20 {
            let by_reward = shares(&[0.2, 0.6, 0.3], &[1.0; 3], 600, seed);
            assert!(by_reward[1] > 0.8, "{by_reward:?}");
            // 0.5 at a relative cost of 1.2 against 0.6 at one of 2.8.
            let by_cost = shares(&[0.5, 0.6], &[0.1, 0.9], 600, seed);
            assert!(by_cost[0] > 0.8, "{by_cost:?}");
            // A free arm that is worth nothing is not played for its price.
            let worthless = shares(&[0.02, 0.5], &[0.0, 5.0], 600, seed);
            assert!(worthless[1] > 0.8, "{worthless:?}");
        }
    }

    #[test]
    fn everybody_is_started_once_and_in_order_then_the_draw_decides() {
        let mut rng = Rng::new(1);
        let mut arms = [arm(0.0, 0.0, 1.0); 3];
        for place in 0..3 {
            assert_eq!(pick(&arms, &mut rng), Some(place));
            arms[place].started = 1;
        }
        assert!(pick(&arms, &mut rng).is_some());
        assert_eq!(pick(&[], &mut rng), None);
    }

    #[test]
    fn what_can_not_be_paid_for_is_not_played_while_anything_can() {
        let mut rng = Rng::new(1);
        let dear = Arm {
            fits: false,
            ..arm(5.0, 5.0, 10.0)
        };
        let new_and_dear = Arm {
            fits: false,
            ..Arm::default()
        };
        let cheap = arm(5.0, 0.0, 0.1);
        for _ in 0..200 {
            assert_eq!(pick(&[dear, new_and_dear, cheap], &mut rng), Some(2));
        }
        assert!(pick(&[dear, dear], &mut rng).is_some());
    }

    /// Mean a / (a + b) and variance ab / ((a + b)² (a + b + 1)); the mean of
    /// n draws is within six standard errors of it.
    #[test]
    fn beta_has_its_mean_and_variance() {
        let n = 40_000;
        for (a, b) in [(1.0, 1.0), (1.5, 7.25), (30.0, 4.0), (400.0, 600.0)] {
            let mut rng = Rng::new(9);
            let draws: Vec<f64> = (0..n).map(|_| beta(a, b, &mut rng)).collect();
            let (mean, variance) = (a / (a + b), a * b / ((a + b).powi(2) * (a + b + 1.0)));
            let found = stats::mean(&draws).unwrap();
            let error = (variance / f64::from(n)).sqrt();
            assert!((found - mean).abs() < 6.0 * error, "{a} {b}: {found}");
            let spread = stats::variance(&draws).unwrap();
            assert!((spread / variance - 1.0).abs() < 0.05, "{a} {b}: {spread}");
        }
    }
}
