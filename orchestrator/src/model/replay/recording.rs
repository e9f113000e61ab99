//! A campaign's log as answers: what was replied to which request, and how
//! the agents ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::normal::Normal;
use super::print::Print;
use crate::core::agent::{Ending, ModelReply};
use crate::core::event::{Body, Event, FinishReason, Logged};
use crate::core::fold::Illegal;
use crate::core::ids::AgentId;
use crate::core::state::{RunState, State};
use crate::model::LetDown;
use crate::model::request::turn_request;
use crate::model::types::TurnRequest;
use crate::store::{Reader, StoreError};

/// A campaign that can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Its log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its log makes no sense.
    #[error("the log of the campaign in `{}` does not fold", dir.display())]
    Fold {
        /// The directory.
        dir: PathBuf,
        /// Where it breaks.
        #[source]
        source: Illegal,
    },
    /// Its log is empty.
    #[error("the campaign in `{}` has no first event", .0.display())]
    Empty(PathBuf),
}

/// One recorded turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) reply: ModelReply,
    pub(super) print: Print,
    /// Place of the reply in the log.
    seq: u64,
}

/// How the harness ended an agent.
#[derive(Debug)]
pub(super) struct End {
    /// Before which turn.
    pub(super) turn: u32,
    /// Why.
    pub(super) reason: String,
    /// Whether its model could not go on.
    pub(super) let_down: Option<LetDown>,
}

/// Everything that was replied in a campaign.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) dir: PathBuf,
    pub(super) reader: Reader,
    pub(super) turns: BTreeMap<(AgentId, u32), Turn>,
    /// Agents that the harness ended.
    pub(super) stopped: BTreeMap<AgentId, End>,
    /// Which of several models played an agent.
    pub(super) played: BTreeMap<AgentId, String>,
    /// Entries that a conversation was shortened to before a turn, and the
    /// lines on what was left out.
    pub(super) shortened: BTreeMap<(AgentId, u32), (u32, Body)>,
    /// Whether the campaign could have gone on.
    pub(super) is_open: bool,
    /// Agents that were at work when the log ended, with their next turns.
    live: BTreeMap<AgentId, u32>,
    /// The agent that would have come next.
    next_agent: AgentId,
}

impl Recording {
    /// Reads the campaign in `dir`.
    pub(super) fn open(dir: &Path, normal: &Normal) -> Result<Self, RecordingError> {
        let reader = Reader::open(dir)?;
        let log = reader.log()?;
        if log.is_empty() {
            return Err(RecordingError::Empty(dir.to_owned()));
        }
        let mut recording = Self {
            dir: dir.to_owned(),
            reader,
            turns: BTreeMap::new(),
            stopped: BTreeMap::new(),
            played: BTreeMap::new(),
            shortened: BTreeMap::new(),
            is_open: false,
            live: BTreeMap::new(),
            next_agent: AgentId(0),
        };
        let mut state = State::default();
        for logged in &log {
            recording.take(logged, &state, normal)?;
            state.apply(logged).map_err(|source| RecordingError::Fold {
                dir: dir.to_owned(),
                source,
            })?;
        }
        recording.is_open = match state.run {
            RunState::New | RunState::Running | RunState::Stopped => true,
            // A replay costs nothing, so it does not stop where the money did.
            RunState::Finished(reason) => reason == FinishReason::BudgetSpent,
        };
        recording.next_agent = state.next_agent();
        let turns = state
            .live_agents()
            .map(|agent| (agent.id, agent.run.turns()));
        recording.live = turns.collect();
        Ok(recording)
    }

    /// Takes note of an event that is about to be applied.
    fn take(
        &mut self,
        logged: &Logged,
        state: &State,
        normal: &Normal,
    ) -> Result<(), RecordingError> {
        match &logged.event {
            Event::ModelCalled { agent, turn, reply } => {
                let Some(caller) = state.agents.get(agent) else {
                    return Ok(());
                };
                let request = turn_request(state, caller, &self.reader, true)?;
                let turn = (*agent, *turn);
                self.turns.insert(
                    turn,
                    Turn {
                        reply: reply.clone(),
                        print: Print::of(&request, normal),
                        seq: logged.seq,
                    },
                );
            }
            Event::Compacted {
                agent,
                kept,
                digest,
                ..
            } => {
                if let Some(agent) = state.agents.get(agent) {
                    let turn = (agent.id, agent.run.turns());
                    self.shortened.insert(turn, (*kept, digest.clone()));
                }
            }
            Event::AgentStarted { agent, model, .. } => {
                self.played
                    .extend(model.clone().map(|model| (*agent, model)));
            }
            Event::AgentStopped { agent, reason } => self.note_end(state, *agent, reason, None),
            Event::AgentLetDown { agent, reason } => {
                let model = state.agents.get(agent).map(|agent| &agent.model);
                let is_out = model.is_some_and(|model| state.models_out.contains_key(model));
                let how = if is_out { LetDown::Out } else { LetDown::Once };
                self.note_end(state, *agent, reason, Some(how));
            }
            Event::TurnRefused { agent, .. } => {
                let reason = "its next turn could have overrun a limit";
                self.note_end(state, *agent, reason, None);
            }
            _ => {}
        }
        Ok(())
    }

    fn note_end(&mut self, state: &State, agent: AgentId, reason: &str, let_down: Option<LetDown>) {
        let Some(ended) = state.agents.get(&agent) else {
            return;
        };
        let why = match ended.run.ending() {
            None | Some(Ending::Stopped { .. }) => reason.to_owned(),
            Some(Ending::Finished | Ending::Incoherent | Ending::TurnLimit) => return,
        };
        let end = End {
            turn: ended.run.turns(),
            reason: why,
            let_down,
        };
        self.stopped.insert(agent, end);
    }

    /// Whether this turn is where the log ends.
    pub(super) fn ends_at(&self, agent: AgentId, turn: u32) -> bool {
        self.is_open && (self.live.get(&agent) == Some(&turn) || agent >= self.next_agent)
    }

    /// The request that a recorded turn answered.
    pub(super) fn request(&self, turn: &Turn, agent: AgentId) -> Option<TurnRequest> {
        let log = self.reader.log().ok()?;
        let before = log.iter().take_while(|logged| logged.seq < turn.seq);
        let state = State::fold(before).ok()?;
        turn_request(&state, state.agents.get(&agent)?, &self.reader, true).ok()
    }
}
