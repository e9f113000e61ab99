//! Folding events into a [`State`]: total, and unchanged by an illegal event.

use std::collections::BTreeMap;

use super::agent::{AgentRun, AnswerStatus, Outcome};
use super::budget::Amount;
use super::event::{EffectKey, Event, FailureCost, Logged};
use super::ids::{AgentId, ExperimentId};
pub use super::illegal::Illegal;
use super::illegal::{missing, twice};
use super::state::{Agent, Experiment, Failures, Inspected, RunState, State, Task, Try};

impl State {
    /// Applies one event. On an error nothing has changed.
    pub fn apply(&mut self, logged: &Logged) -> Result<(), Illegal> {
        if logged.seq != self.seq + 1 {
            return Err(Illegal::Sequence {
                expected_after: self.seq,
                found: logged.seq,
            });
        }
        self.apply_event(logged)?;
        self.seq = logged.seq;
        self.clock.tick(logged.at_ms);
        if let Some(key) = logged.event.settles() {
            self.intents.remove(&key);
        }
        Ok(())
    }

    /// Folds a whole log.
    pub fn fold<'a>(log: impl IntoIterator<Item = &'a Logged>) -> Result<Self, Illegal> {
        let mut state = Self::default();
        for logged in log {
            state.apply(logged)?;
        }
        Ok(state)
    }

    fn apply_event(&mut self, logged: &Logged) -> Result<(), Illegal> {
        match &logged.event {
            Event::CampaignStarted { settings } => {
                self.expect_run("campaign_started", &[RunState::New])?;
                self.tasks = settings
                    .tasks
                    .iter()
                    .map(|task| Task {
                        name: task.name.clone(),
                        inspected: None,
                        closed: None,
                    })
                    .collect();
                self.settings = Some((**settings).clone());
                self.run = RunState::Running;
                self.clock.open(logged.at_ms);
                Ok(())
            }
            Event::CampaignResumed {} => {
                self.expect_run("campaign_resumed", &[RunState::Running, RunState::Stopped])?;
                self.run = RunState::Running;
                self.clock.open(logged.at_ms);
                if self.steering.paused {
                    self.clock.close();
                }
                // A new session brings new processes: what was to be tried
                // again gets all its chances back.
                self.failures.retain(|_, f| f.retry_at_ms.is_none());
                self.models_out.clear();
                self.cut_off(|_| true);
                Ok(())
            }
            Event::CampaignStopped { .. } => {
                self.expect_run("campaign_stopped", &[RunState::Running])?;
                self.stop_waiting();
                self.run = RunState::Stopped;
                self.clock.tick(logged.at_ms);
                self.clock.close();
                Ok(())
            }
            Event::CampaignFinished { reason } => {
                self.expect_run("campaign_finished", &[RunState::Running])?;
                self.run = RunState::Finished(*reason);
                self.clock.tick(logged.at_ms);
                self.clock.close();
                Ok(())
            }
            Event::Steered { what, request } => {
                self.expect_run("steered", &[RunState::Running, RunState::Stopped])?;
                self.steer(what, logged.at_ms)?;
                self.steering.requests.insert(request.clone());
                Ok(())
            }
            Event::CampaignForked { at, sealed, .. } => {
                if *at != self.seq {
                    return Err(missing("event", at));
                }
                // The time since its last event was the other campaign's.
                self.clock.close();
                self.run = RunState::Stopped;
                self.sealed_elsewhere = sealed.or(self.sealed_elsewhere);
                Ok(())
            }
            event => {
                self.expect_run("event", &[RunState::Running])?;
                self.check_sealed(event)?;
                self.apply_running(event, logged.at_ms)
            }
        }
    }

    fn expect_run(&self, event: &'static str, allowed: &[RunState]) -> Result<(), Illegal> {
        if allowed.contains(&self.run) {
            Ok(())
        } else {
            Err(Illegal::Campaign {
                event,
                state: self.run.word(),
            })
        }
    }

    fn apply_running(&mut self, event: &Event, at_ms: i64) -> Result<(), Illegal> {
        match event {
            // Handled by the caller; pins are for whoever verifies.
            Event::FilesPinned { .. }
            | Event::CampaignStarted { .. }
            | Event::CampaignResumed {}
            | Event::CampaignStopped { .. }
            | Event::CampaignForked { .. }
            | Event::CampaignFinished { .. }
            | Event::Steered { .. } => Ok(()),
            Event::PhaseStarted { phase } => {
                self.phase = *phase;
                self.watch_begins();
                Ok(())
            }
            Event::LabDescribed { lab, version } => {
                self.lab = Some((lab.clone(), version.clone()));
                Ok(())
            }
            Event::TaskInspected {
                task,
                source,
                inspection,
                document,
                templates,
                quality,
            } => {
                let task = self.task_mut(task)?;
                if task.inspected.is_some() {
                    return Err(twice("inspection of task", &task.name));
                }
                task.inspected = Some(Inspected {
                    source: source.clone(),
                    hash: inspection.clone(),
                    document: document.clone(),
                    templates: templates.clone(),
                    quality: quality.clone(),
                });
                Ok(())
            }
            Event::TaskClosed { task, reason } => {
                let task = self.task_mut(task)?;
                if task.closed.is_some() {
                    return Err(twice("closed task", &task.name));
                }
                task.closed = Some(reason.clone());
                Ok(())
            }
            Event::EvaluationFrozen {
                tasks,
                hash,
                baseline,
                ..
            } => {
                if self.frozen.is_some() {
                    return Err(twice("evaluation", hash));
                }
                self.frozen = Some((tasks.clone(), hash.clone()));
                self.measured.clone_from(baseline);
                Ok(())
            }
            Event::AgentStarted {
                agent,
                role,
                experiment,
                round,
                under,
                prompt,
                tries_until_wall_s,
                model,
            } => {
                if self.agents.contains_key(agent) {
                    return Err(twice("agent", agent));
                }
                if let Some(id) = experiment {
                    self.take_up(*role, *id, *agent)?;
                }
                self.begin_round(*role, *round, *agent)?;
                self.staff_began(*role);
                let turns = self.settings.as_ref().map_or(0, |s| s.policy.turns);
                let only = || self.settings.as_ref().map(|s| s.model.clone());
                let model = model.clone().or_else(only).unwrap_or_default();
                // Whoever plays an agent is there.
                self.models_out.remove(&model);
                self.index.live.insert(*agent);
                self.agents.insert(
                    *agent,
                    Agent {
                        id: *agent,
                        role: *role,
                        experiment: *experiment,
                        round: *round,
                        under: *under,
                        model,
                        let_down: false,
                        last_words: None,
                        prompt: prompt.clone(),
                        tries_until_wall_s: *tries_until_wall_s,
                        tries: 0,
                        proposed: 0,
                        paid: Amount::default(),
                        unsettled: Amount::default(),
                        run: AgentRun::new(turns),
                    },
                );
                Ok(())
            }
            Event::Compacted {
                agent,
                kept,
                text,
                digest,
            } => {
                let found = self
                    .agents
                    .get_mut(agent)
                    .ok_or_else(|| missing("agent", agent))?;
                found
                    .run
                    .compact(*kept as usize, text.clone(), digest.clone())
                    .map_err(|source| Illegal::Agent {
                        agent: *agent,
                        source,
                    })
            }
            Event::AgentStopped { agent, reason } => self.stop_agent(*agent, reason),
            Event::AgentLetDown { agent, reason } => {
                self.stop_agent(*agent, reason)?;
                self.let_down(*agent);
                Ok(())
            }
            Event::ModelOut { model, reason } => {
                self.models_out.insert(model.clone(), reason.clone());
                Ok(())
            }
            Event::ModelCalled { agent, turn, reply } => {
                let outcome = Outcome::Model {
                    turn: *turn,
                    reply: reply.clone(),
                };
                self.feed(*agent, outcome)?;
                self.reserved.remove(&EffectKey::Model {
                    agent: *agent,
                    turn: *turn,
                });
                let amount = Amount {
                    usd: reply.cost_usd,
                    tokens: reply.tokens[0].saturating_add(reply.tokens[1]),
                };
                self.paid += amount;
                if let Some(agent) = self.agents.get_mut(agent) {
                    agent.paid += amount;
                }
                Ok(())
            }
            Event::ToolAnswered {
                agent,
                call,
                answer,
            } => {
                let outcome = Outcome::Tool {
                    number: *call,
                    answer: answer.clone(),
                };
                self.feed(*agent, outcome)?;
                if answer.status == AnswerStatus::Ends
                    && let Some(agent) = self.agents.get_mut(agent)
                {
                    agent.last_words = Some(answer.body.clone());
                }
                let awaited = self.index.waiting.remove(&(*agent, *call));
                if let Some(experiment) = awaited.and_then(|id| self.experiments.get_mut(&id)) {
                    experiment.waiting = None;
                }
                Ok(())
            }
            Event::EffectIntended { key, reserved } => {
                if !self.intents.insert(key.clone()) {
                    return Err(Illegal::Intent(key.clone()));
                }
                if let Some(amount) = reserved {
                    self.reserved.insert(key.clone(), *amount);
                }
                Ok(())
            }
            Event::TurnRefused { agent, need, .. } => {
                let reason = format!(
                    "the next turn could cost ${:.4} and {} tokens, more than is left",
                    need.usd, need.tokens
                );
                self.feed(*agent, Outcome::Stop { reason })?;
                self.refused = true;
                Ok(())
            }
            Event::EffectFailed {
                key,
                error,
                retry_at_ms,
                cost,
            } => {
                // What is tried again has not failed.
                if let (
                    EffectKey::Check { experiment, .. } | EffectKey::Measure { experiment, .. },
                    None,
                ) = (key, retry_at_ms)
                {
                    self.staff_failed(*experiment);
                }
                let reserved = self.reserved.remove(key).unwrap_or_default();
                self.book(key, cost, reserved);
                let failures = self.failures.entry(key.clone()).or_default();
                *failures = Failures {
                    since_ms: if failures.count == 0 {
                        at_ms
                    } else {
                        failures.since_ms
                    },
                    count: failures.count.saturating_add(1),
                    retry_at_ms: *retry_at_ms,
                    error: error.clone(),
                };
                Ok(())
            }
            Event::Tried {
                id,
                agent,
                task,
                candidate,
                score,
            } => {
                if self.tries.contains_key(id) {
                    return Err(twice("quick look", id));
                }
                self.task_mut(task)?;
                let by = self
                    .agents
                    .get_mut(agent)
                    .ok_or_else(|| missing("agent", agent))?;
                by.tries = by.tries.saturating_add(1);
                self.index.looked_at(task, candidate);
                self.tries.insert(
                    *id,
                    Try {
                        id: *id,
                        agent: *agent,
                        task: task.clone(),
                        candidate: candidate.clone(),
                        score: score.clone(),
                    },
                );
                Ok(())
            }
            Event::SealedOpened {
                experiments,
                reason,
            } => self.open_sealed(experiments, *reason),
            Event::AblationPlanned { plan } => self.plan_ablation(plan),
            Event::PlaybookEntryAdded { entry } => {
                self.learn((**entry).clone());
                Ok(())
            }
            Event::PlaybookCarried { carried } => {
                if let Some(origin) = &self.carried {
                    return Err(twice("carried playbook", &origin.head));
                }
                self.carried = Some(carried.origin.clone());
                self.playbook.extend(carried.entries.iter().cloned());
                Ok(())
            }
            Event::Staff { what } => self.apply_staff(what),
            Event::AdapterResolved { .. }
            | Event::AdapterPatched { .. }
            | Event::PlanChanged { .. }
            | Event::AuditDone { .. }
            | Event::ReviewDone { .. }
            | Event::RoundUndone { .. } => self.apply_phase(event),
            Event::ExperimentProposed { .. }
            | Event::CandidateSubmitted { .. }
            | Event::Checked { .. }
            | Event::Moved { .. }
            | Event::Measured { .. } => self.apply_board(event, at_ms),
        }
    }

    fn stop_agent(&mut self, agent: AgentId, reason: &str) -> Result<(), Illegal> {
        let reason = reason.to_owned();
        self.feed(agent, Outcome::Stop { reason })?;
        self.cut_off(|of| of == agent);
        // What the agent had under way is nobody's business any more.
        self.intents.retain(|key| match key {
            EffectKey::Model { agent: of, .. } | EffectKey::Tool { agent: of, .. } => *of != agent,
            EffectKey::Describe
            | EffectKey::Inspect { .. }
            | EffectKey::Audit { .. }
            | EffectKey::Check { .. }
            | EffectKey::Measure { .. } => true,
        });
        Ok(())
    }

    /// Paid calls of these agents have no outcome and get none: what was
    /// reserved for them counts as used, and they may be made again.
    fn cut_off(&mut self, whose: impl Fn(AgentId) -> bool) {
        let (cut, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.reserved)
            .into_iter()
            .partition(|(key, _)| matches!(key, EffectKey::Model { agent, .. } if whose(*agent)));
        self.reserved = kept;
        for (key, amount) in cut {
            self.intents.remove(&key);
            self.book(&key, &FailureCost::Unsettled, amount);
        }
    }

    /// Books a paid call without a reply, on the campaign and on its agent.
    fn book(&mut self, key: &EffectKey, cost: &FailureCost, reserved: Amount) {
        let agent = match key {
            EffectKey::Model { agent, .. } => self.agents.get_mut(agent),
            _ => None,
        };
        let (paid, unsettled) = match cost {
            FailureCost::Nothing => return,
            FailureCost::Unsettled => (Amount::default(), reserved),
            FailureCost::Billed { amount } => (*amount, Amount::default()),
        };
        self.paid += paid;
        self.unsettled += unsettled;
        if let Some(agent) = agent {
            agent.paid += paid;
            agent.unsettled += unsettled;
        }
    }

    fn feed(&mut self, id: AgentId, outcome: Outcome) -> Result<(), Illegal> {
        let agent = self.agents.get_mut(&id);
        let agent = agent.ok_or_else(|| missing("agent", &id))?;
        agent
            .run
            .feed(outcome)
            .map_err(|source| Illegal::Agent { agent: id, source })?;
        if !agent.is_live() {
            self.index.live.remove(&id);
        }
        Ok(())
    }

    pub(super) fn task_mut(&mut self, name: &str) -> Result<&mut Task, Illegal> {
        self.tasks
            .iter_mut()
            .find(|task| task.name == name)
            .ok_or_else(|| missing("task", name))
    }

    pub(super) fn experiment_mut(&mut self, id: ExperimentId) -> Result<&mut Experiment, Illegal> {
        self.experiments
            .get_mut(&id)
            .ok_or_else(|| missing("experiment", &id))
    }
}
