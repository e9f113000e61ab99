//! What happens next: a pure function of the state and the time.
//!
//! [`decide`] is asked again after every event, so the path after a crash is
//! the ordinary path: an act with an intent and no outcome is simply wanted
//! again, under the same key.

mod agents;
mod closing;
mod converge;
mod effect;
mod follow;
mod phases;
mod repairs;
mod staff;
mod strategies;
mod workers;

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ContentHash, Split};

pub use effect::{Decision, Effect};
pub use follow::{after_check, after_measure};

use crate::core::agent::Role;
use crate::core::board::{BoardState, HOLDS_SLOT, RESERVES};
use crate::core::budget::Budget;
use crate::core::event::{EffectKey, Event, FinishReason, FrozenTask};
use crate::core::ids::AgentId;
use crate::core::settings::Settings;
use crate::core::state::{Agent, Experiment, RunState, State};
use crate::core::strategy::Strategy;

/// Failures of one act after which it is given up.
pub const MAX_FAILURES: u32 = 5;

/// Failures of one turn of a model after which its agent ends: providers are
/// overloaded for minutes.
pub const MAX_MODEL_FAILURES: u32 = 12;

/// Number of quick looks that every worker may take, however little time is left.
const MIN_TRIES: f64 = 3.0;

/// What answering a tool's calls takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// The state alone.
    State,
    /// The lab.
    Lab,
    /// The result of a candidate that it hands in.
    Submission,
    /// Something at the edge: the agent's folders on this machine, or the web.
    Machine,
    /// Another agent.
    Agent,
}

/// What the tools take; the caller knows its registry.
pub trait ToolKinds {
    /// Of the tool with this name; a call of an unknown one is answered from
    /// the state alone.
    fn kind(&self, tool: &str) -> ToolKind;
    /// Whether a role may have assistants.
    fn may_spawn(&self, role: Role) -> bool;
}

/// What to do in `state` at `now_ms`. Acts that are under way are named
/// again; the caller knows which those are.
pub fn decide(state: &State, now_ms: i64, tools: &dyn ToolKinds) -> Vec<Decision> {
    let Some(settings) = &state.settings else {
        return Vec::new();
    };
    if state.run != RunState::Running || state.steering.paused {
        return Vec::new();
    }
    let plan = Planner {
        state,
        settings,
        now_ms,
        tools,
        budget: state.budget(now_ms),
        reserve_s: state.reserve_s(),
    };
    plan.decide()
}

/// Whether an act may be tried now.
enum Gate {
    Go,
    Wait,
    GiveUp(String),
}

struct Planner<'a> {
    state: &'a State,
    settings: &'a Settings,
    now_ms: i64,
    tools: &'a dyn ToolKinds,
    /// Of this moment: asked for many times in one decision.
    budget: Budget,
    /// As [`State::reserve_s`].
    reserve_s: f64,
}

impl Planner<'_> {
    fn decide(&self) -> Vec<Decision> {
        if let Some(phases) = self.phases() {
            return phases;
        }
        if let Some(setup) = self.set_up() {
            return setup;
        }
        if let Some(opened) = &self.state.sealed {
            return self.sealed(opened);
        }
        let mut decisions = self.stop_for_budget();
        if decisions.is_empty() {
            decisions = self.stop_for_person();
        }
        if decisions.is_empty() {
            decisions = self.stop_for_supervisor();
        }
        decisions.extend(self.board());
        decisions.extend(self.closings());
        decisions.extend(self.audits());
        decisions.extend(self.milestones());
        decisions.extend(self.watch());
        decisions.extend(self.converged());
        if !decisions.iter().any(|d| matches!(d, Decision::Record(_))) {
            decisions.extend(self.agents());
        }
        if !decisions.iter().any(|d| matches!(d, Decision::Record(_))) {
            decisions.extend(self.more_workers());
        }
        if self.settings.strategy == Strategy::Random
            && !decisions.iter().any(|d| matches!(d, Decision::Record(_)))
        {
            decisions.extend(self.draws());
        }
        if self.only_staff_decides(&decisions) {
            let begun = self.measured_when_done();
            if self.acts_of_others() == begun.len() {
                let next = self.before_the_end(self.next_agent_or_end(), decisions.is_empty());
                decisions.extend(next);
            } else {
                decisions.extend(begun);
            }
        }
        decisions
    }

    /// The start of a phase, unless it waits for a person.
    fn begin_phase(&self, phase: u8) -> Vec<Decision> {
        if self.state.is_gated(phase) {
            return Vec::new();
        }
        vec![Decision::Record(Event::PhaseStarted { phase })]
    }

    /// Agents whose experiments a person has given up.
    fn stop_for_person(&self) -> Vec<Decision> {
        let wanted = &self.state.steering.cancelled;
        let owners: BTreeSet<AgentId> = wanted
            .iter()
            .filter_map(|id| self.state.experiments.get(id))
            .filter(|e| RESERVES.contains(&e.state))
            .filter_map(|e| e.owner.filter(|owner| self.is_live(*owner)))
            .collect();
        owners
            .into_iter()
            .map(|agent| {
                Decision::Record(Event::AgentStopped {
                    agent,
                    reason: "a person has given its experiment up".to_owned(),
                })
            })
            .collect()
    }

    fn gate(&self, key: &EffectKey) -> Gate {
        match self.state.failures.get(key) {
            None => Gate::Go,
            Some(failures) => match failures.retry_at_ms {
                Some(at) if failures.count < most_failures(key) => {
                    if self.now_ms >= at {
                        Gate::Go
                    } else {
                        Gate::Wait
                    }
                }
                Some(_) | None => Gate::GiveUp(failures.error.clone()),
            },
        }
    }

    fn out_of_time(&self) -> bool {
        self.budget.wall_s.is_spent()
    }

    /// Phases before the experiments; none once they may begin.
    fn set_up(&self) -> Option<Vec<Decision>> {
        if self.settings.until == 0 {
            let reason = FinishReason::PhaseDone;
            return Some(vec![Decision::Record(Event::CampaignFinished { reason })]);
        }
        let all_known = || {
            let mut tasks = self.state.tasks.iter();
            tasks.all(|task| task.inspected.is_some() || task.closed.is_some())
        };
        // A lab's own look at the tasks is the exploration.
        if self.state.phase < 1 && (self.state.lab.is_none() || !all_known()) {
            return Some(self.begin_phase(1));
        }
        if self.state.lab.is_none() {
            return Some(vec![Decision::Perform(Effect::Describe)]);
        }
        let waiting: Vec<Decision> = self
            .state
            .tasks
            .iter()
            .filter(|task| task.inspected.is_none() && task.closed.is_none())
            .filter_map(|task| {
                let effect = Effect::Inspect {
                    task: task.name.clone(),
                };
                match self.gate(&EffectKey::Inspect {
                    task: task.name.clone(),
                }) {
                    Gate::Go => Some(Decision::Perform(effect)),
                    Gate::Wait => None,
                    Gate::GiveUp(reason) => Some(Decision::Record(Event::TaskClosed {
                        task: task.name.clone(),
                        reason,
                    })),
                }
            })
            .collect();
        if !all_known() {
            return Some(waiting);
        }
        let phase_done = || {
            let reason = FinishReason::PhaseDone;
            Some(vec![Decision::Record(Event::CampaignFinished { reason })])
        };
        if self.settings.until < 2 {
            return phase_done();
        }
        // A lab brings its evaluation along: it is fixed, and nothing is built.
        if self.state.phase < 2 && self.state.frozen.is_none() {
            return Some(self.begin_phase(2));
        }
        if self.state.frozen.is_none() {
            return Some(vec![Decision::Record(self.freeze())]);
        }
        if self.settings.until < 3 {
            return phase_done();
        }
        if self.state.phase < 3 {
            return Some(self.begin_phase(3));
        }
        None
    }

    fn freeze(&self) -> Event {
        let (lab, version) = self.state.lab.clone().unwrap_or_default();
        let tasks: Vec<FrozenTask> = self
            .state
            .tasks
            .iter()
            .filter_map(|task| {
                let inspected = task.inspected.as_ref()?;
                Some(FrozenTask {
                    name: task.name.clone(),
                    source: inspected.source.clone(),
                    inspection: inspected.hash.clone(),
                })
            })
            .collect();
        let mut parts: Vec<&[u8]> = vec![
            lab.as_bytes(),
            version.as_bytes(),
            self.settings.device.as_bytes(),
        ];
        for task in &tasks {
            parts.extend([
                task.name.as_bytes(),
                task.source.as_str().as_bytes(),
                task.inspection.as_str().as_bytes(),
            ]);
        }
        let hash = ContentHash::of_parts(parts);
        Event::EvaluationFrozen {
            lab,
            version,
            tasks,
            hash,
            baseline: None,
        }
    }

    /// When time is up, agents end; measurements under way go on.
    fn stop_for_budget(&self) -> Vec<Decision> {
        if !self.search_is_over() {
            return Vec::new();
        }
        // Who reports and who audits has work to do when the search is over.
        let over = self.out_of_time();
        self.state
            .live_agents()
            .filter(|agent| over || !agent.role.is_staff())
            .map(|agent| {
                Decision::Record(Event::AgentStopped {
                    agent: agent.id,
                    reason: "the wall-clock budget is spent".to_owned(),
                })
            })
            .collect()
    }

    /// Moves that need no agent, and the acts that experiments wait for.
    fn board(&self) -> Vec<Decision> {
        let busy = self
            .state
            .active_experiments()
            .filter(|e| HOLDS_SLOT.contains(&e.state))
            .count();
        let mut free = self.settings.acts_at_once().saturating_sub(busy);
        let mut decisions = Vec::new();
        for experiment in self.state.active_experiments() {
            decisions.extend(self.board_step(experiment, &mut free));
        }
        decisions
    }

    fn board_step(&self, e: &Experiment, free: &mut usize) -> Option<Decision> {
        let abandoned = if let Some(owner) = e.owner {
            !self.is_live(owner)
        } else {
            let given_up = self.state.steering.cancelled.contains(&e.id);
            given_up || self.search_is_over() || self.is_paused(&e.task)
        };
        if abandoned && RESERVES.contains(&e.state) {
            return self.orphaned(e);
        }
        let attempt = e.attempts.len() as u32 + 1;
        let measure = EffectKey::Measure {
            experiment: e.id,
            attempt,
        };
        match e.state {
            BoardState::ToImplement
            | BoardState::Analyzed
            | BoardState::Done
            | BoardState::Failed
            | BoardState::Cancelled => None,
            BoardState::Implemented => {
                let key = EffectKey::Check {
                    experiment: e.id,
                    fixes: e.fixes,
                };
                match self.gate(&key) {
                    Gate::Go => Some(Decision::Perform(Effect::Check {
                        experiment: e.id,
                        fixes: e.fixes,
                    })),
                    Gate::Wait => None,
                    Gate::GiveUp(reason) => Some(moved(e, BoardState::Failed, &reason)),
                }
            }
            BoardState::Checked => Some(moved(e, BoardState::Queued, "")),
            BoardState::Queued => match self.gate(&measure) {
                Gate::Go if *free > 0 => {
                    *free -= 1;
                    Some(moved(e, BoardState::Running, ""))
                }
                Gate::Go | Gate::Wait => None,
                Gate::GiveUp(reason) => Some(moved(e, BoardState::Failed, &reason)),
            },
            BoardState::Running => self.measure(e, attempt, Split::Search),
            BoardState::Remeasure => self.measure(e, attempt, Split::Select),
            // Nobody draws conclusions from what was drawn at random.
            BoardState::Finished => match e.owner {
                None => Some(moved(e, BoardState::Analyzed, "")),
                Some(_) => abandoned.then(|| self.concluded(e)).flatten(),
            },
            BoardState::Fix => Some(moved(e, BoardState::ToImplement, "")),
        }
    }

    fn measure(&self, e: &Experiment, attempt: u32, split: Split) -> Option<Decision> {
        let key = EffectKey::Measure {
            experiment: e.id,
            attempt,
        };
        match self.gate(&key) {
            Gate::Go => Some(Decision::Perform(Effect::Measure {
                experiment: e.id,
                attempt,
                split,
            })),
            Gate::Wait => None,
            Gate::GiveUp(reason) => Some(moved(e, BoardState::Failed, &reason)),
        }
    }

    fn is_live(&self, agent: AgentId) -> bool {
        self.state.agents.get(&agent).is_some_and(Agent::is_live)
    }

    /// For tasks that nobody works on: the best is measured again, the rest
    /// is done.
    fn closings(&self) -> Vec<Decision> {
        // What waits on each task, and the tasks where something is under way.
        let mut waiting_on: BTreeMap<&str, Vec<&Experiment>> = BTreeMap::new();
        let mut unsettled: BTreeSet<&str> = BTreeSet::new();
        for e in self.state.active_experiments() {
            if e.state == BoardState::Analyzed {
                waiting_on.entry(&e.task).or_default().push(e);
            } else if e.state != BoardState::ToImplement || e.owner.is_some() {
                unsettled.insert(&e.task);
            }
        }
        if waiting_on.is_empty() {
            return Vec::new();
        }
        let worked_on = self.state.live_agents().filter_map(|agent| {
            let experiment = self.state.experiments.get(&agent.experiment?)?;
            Some(experiment.task.as_str())
        });
        unsettled.extend(worked_on);
        let mut decisions = Vec::new();
        for task in &self.state.tasks {
            let on_task = || self.state.experiments_on(&task.name);
            let Some(mut waiting) = waiting_on.remove(task.name.as_str()) else {
                continue;
            };
            decisions.extend(self.overtaken(&mut waiting));
            if unsettled.contains(task.name.as_str())
                || self.draws_on(task)
                || self.audit_pending(&task.name)
            {
                continue;
            }
            let bar = on_task()
                .filter(|e| e.verified(Split::Select).is_some())
                .filter_map(|e| e.verified(Split::Search))
                .reduce(|a, b| if self.state.better(b, a) { b } else { a });
            let best = waiting
                .iter()
                // What only repeats another one is no better than that.
                .filter(|e| e.replicates.is_none())
                .filter_map(|e| Some((*e, e.verified(Split::Search)?)))
                .reduce(|a, b| if self.state.better(b.1, a.1) { b } else { a })
                .filter(|(_, value)| bar.is_none_or(|bar| self.state.better(*value, bar)))
                .filter(|_| !self.out_of_time());
            match best {
                Some((winner, _)) => {
                    decisions.push(moved(winner, BoardState::Remeasure, "best of its task"));
                }
                None => {
                    decisions.extend(waiting.iter().map(|e| moved(e, BoardState::Done, "")));
                }
            }
        }
        decisions
    }

    /// Nothing is under way: start somebody, or end.
    fn next_agent_or_end(&self) -> Vec<Decision> {
        // An act that waits for its next try keeps the campaign going.
        let pending = self.state.active_experiments().any(|e| {
            let untouched = e.state == BoardState::ToImplement && e.owner.is_none();
            !e.state.is_terminal() && !untouched
        });
        let mut at_work = self.state.live_agents();
        if pending || at_work.any(|agent| !agent.role.is_staff()) {
            return Vec::new();
        }
        let budget = &self.budget;
        if self.state.refused {
            return self.conclude(FinishReason::BudgetSpent);
        }
        let policy = &self.settings.policy;
        let pace = self.state.pace();
        let least_s = self.least_looks() * policy.try_s + pace.evaluate_s + pace.remeasure_s;
        let search_s = budget.wall_s.left() - self.reserve_s;
        if budget.experiments.left() < 1.0 || search_s < least_s {
            return self.conclude(FinishReason::BudgetSpent);
        }
        if !self.settings.strategy.has_strategist() {
            return self.without_strategist();
        }
        if let Some(reason) = self.state.rests_because() {
            return vec![Decision::Record(Event::CampaignStopped { reason })];
        }
        let last_round_idle = self.state.nobody_proposes();
        let all_closed = self.state.tasks.iter().all(|task| task.closed.is_some());
        if all_closed || last_round_idle {
            return self.conclude(if self.state.experiments.is_empty() {
                FinishReason::NothingToDo
            } else {
                FinishReason::Converged
            });
        }
        vec![Decision::StartAgent {
            role: Role::Strategist,
            experiment: None,
            round: None,
            under: None,
            tries_until_wall_s: None,
        }]
    }
}

/// Failures of an act after which it is given up.
fn most_failures(key: &EffectKey) -> u32 {
    match key {
        EffectKey::Model { .. } => MAX_MODEL_FAILURES,
        EffectKey::Describe
        | EffectKey::Inspect { .. }
        | EffectKey::Tool { .. }
        | EffectKey::Audit { .. }
        | EffectKey::Check { .. }
        | EffectKey::Measure { .. } => MAX_FAILURES,
    }
}

fn moved(e: &Experiment, to: BoardState, reason: &str) -> Decision {
    Decision::Record(Event::Moved {
        experiment: e.id,
        from: e.state,
        to,
        reason: reason.to_owned(),
    })
}
