//! A campaign as its log tells it, read on as it grows.
//!
//! Nothing here comes from whoever drives the campaign, so the same shows a
//! campaign of this process, of another, and one that is over. Until somebody
//! asks, nothing is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::text::beginning;
use crate::core::agent::Ending;
use crate::core::board;
use crate::core::event::{Event, Logged};
use crate::core::ids::AgentId;
use crate::core::measurement::Score;
use crate::core::state::{Agent, Experiment, State};
use crate::report;
use crate::store::{Mark, Reader, StoreError, running_pid};

/// Version of the documents of this module.
pub(super) const SCHEMA: u32 = 1;
/// Events that are folded at once.
const STEP: usize = 2_000;
/// Experiments shown in a column of the board, the newest.
const CARDS: usize = 40;
/// Agents shown, the newest; those at work come on top of that.
const AGENTS: usize = 40;
/// Bytes of a hypothesis or a reason on a card.
const CARD_BYTES: usize = 400;

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ViewError {
    /// The log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log makes no sense.
    #[error("event {seq} can't be understood: {why}")]
    Illegal {
        /// Its place.
        seq: u64,
        /// What the fold says.
        why: String,
    },
}

/// A log and its fold, as far as it was read.
#[derive(Debug)]
pub(super) struct View {
    pub(super) reader: Reader,
    pub(super) state: State,
    /// Names of the tools that each agent has called, by the call's number. An
    /// agent's own record ends with it.
    tools: HashMap<AgentId, Vec<Box<str>>>,
    mark: Mark,
    dir: PathBuf,
}

impl View {
    /// Of the campaign in `dir`, of which nothing was read yet.
    pub(super) fn new(reader: Reader, dir: &Path) -> Self {
        Self {
            reader,
            state: State::default(),
            tools: HashMap::new(),
            mark: Mark::default(),
            dir: dir.to_owned(),
        }
    }

    /// Reads what was added since.
    pub(super) fn catch_up(&mut self) -> Result<(), ViewError> {
        loop {
            let mut mark = self.mark.clone();
            let log = self.reader.read_on(&mut mark, STEP)?;
            for logged in &log {
                self.apply(logged)?;
            }
            self.mark = mark;
            if log.len() < STEP {
                return Ok(());
            }
        }
    }

    /// Folds one event, unless it was folded before another that can't be.
    fn apply(&mut self, logged: &Logged) -> Result<(), ViewError> {
        if logged.seq <= self.state.seq {
            return Ok(());
        }
        self.state
            .apply(logged)
            .map_err(|error| ViewError::Illegal {
                seq: logged.seq,
                why: error.to_string(),
            })?;
        if let Event::ModelCalled { agent, reply, .. } = &logged.event {
            let names = reply.calls.iter().map(|call| call.tool.as_str().into());
            self.tools.entry(*agent).or_default().extend(names);
        }
        Ok(())
    }

    /// The tool that a call went to.
    pub(super) fn tool(&self, agent: AgentId, call: u32) -> Option<&str> {
        let names = self.tools.get(&agent)?;
        names.get(call as usize).map(AsRef::as_ref)
    }

    /// Where the campaign stands, with the documents of `alphalab status` and
    /// `alphalab leaderboard`.
    pub(super) fn document(&mut self, now_ms: i64) -> Result<Value, ViewError> {
        self.catch_up()?;
        let live = running_pid(&self.dir)?.is_some();
        let state = &self.state;
        let settings = state.settings.as_ref();
        let last_ms = (state.seq > 0).then(|| state.clock.last_ms());
        Ok(json!({
            "schema": SCHEMA,
            "dir": self.dir.to_string_lossy(),
            "objective": settings.map(|s| s.objective.as_str()),
            "adapter": settings.map(|s| s.adapter.as_str()),
            "model": settings.map(|s| s.model.as_str()),
            "until": settings.map(|s| s.until),
            "now_ms": now_ms,
            "last_event_ms": last_ms,
            "status": report::status_json(state, now_ms, live),
            "leaderboard": report::leaderboard_json(state),
            "board": columns(state),
            "agents": agents(state),
        }))
    }
}

fn columns(state: &State) -> Vec<Value> {
    let mut columns: Vec<(usize, Vec<Value>)> = vec![(0, Vec::new()); board::ALL.len()];
    for experiment in state.experiments.values().rev() {
        let place = board::ALL.iter().position(|s| *s == experiment.state);
        if let Some((count, cards)) = place.and_then(|place| columns.get_mut(place)) {
            *count += 1;
            if cards.len() < CARDS {
                cards.push(card(state, experiment));
            }
        }
    }
    board::ALL
        .iter()
        .zip(columns)
        .map(|(state, (count, cards))| {
            json!({ "state": state.word(), "count": count, "cards": cards })
        })
        .collect()
}

fn card(state: &State, e: &Experiment) -> Value {
    let last = e.attempts.last();
    let score = last.map(|attempt| &attempt.measurement.score);
    let owner = e.owner.and_then(|id| state.agents.get(&id));
    json!({
        "experiment": e.id.to_string(),
        "task": e.task,
        "name": e.name,
        "folder": e.folder(),
        "hypothesis": beginning(&e.hypothesis, CARD_BYTES).0,
        "reason": beginning(&e.reason, CARD_BYTES).0,
        "fixes": e.fixes,
        "owner": owner.map(|agent| agent.id.0),
        "model": owner.map(|agent| agent.model.as_str()),
        "split": last.map(|attempt| attempt.measurement.split),
        "verdict": score.map(|score| score.verdict.word()),
        "why": score.map(|score| beginning(score.verdict.reason(), CARD_BYTES).0),
        "value": score.and_then(Score::verified),
        "ci": score.and_then(|score| score.ci),
        "n": score.map(|score| score.n),
    })
}

fn agents(state: &State) -> Value {
    let newest = state.agents.values().rev().enumerate();
    let shown: Vec<Value> = newest
        .filter(|(place, agent)| *place < AGENTS || agent.is_live())
        .map(|(_, agent)| about(state, agent))
        .collect();
    json!({ "count": state.agents.len(), "shown": shown })
}

/// Who an agent is and how far it has come.
pub(super) fn about(state: &State, agent: &Agent) -> Value {
    let works_on = agent.experiment.and_then(|id| state.experiments.get(&id));
    json!({
        "agent": agent.id.0,
        "name": agent.id.to_string(),
        "role": agent.role.word(),
        "model": agent.model,
        "live": agent.is_live(),
        "ending": agent.run.ending().map(ending),
        "experiment": agent.experiment.map(|id| id.to_string()),
        "task": works_on.map(|e| e.task.as_str()),
        "turns": agent.run.turns(),
        "tries": agent.tries,
        "usd": agent.paid.usd,
        "tokens": agent.paid.tokens,
    })
}

fn ending(ending: &Ending) -> &str {
    match ending {
        Ending::Finished => "finished",
        Ending::Incoherent => "made no sense",
        Ending::TurnLimit => "used up its turns",
        Ending::Stopped { reason } => reason,
    }
}

/// An agent's number, written as `3` or `a0003`.
pub(super) fn agent_id(text: &str) -> Option<AgentId> {
    let number = text.strip_prefix('a').unwrap_or(text);
    number.parse().ok().map(AgentId)
}
