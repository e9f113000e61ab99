//! When a conversation is shortened, and what its agent is told instead.

use serde_json::Value;

use super::{Driver, DriverError};
use crate::core::agent::Entry;
use crate::core::compaction::{cut, digest};
use crate::core::event::{Actor, Body, Event};
use crate::core::ids::AgentId;
use crate::core::state::Agent;
use crate::model::{Shortened, TurnRequest, estimate};
use crate::store::Batch;

/// Share of the context window that a request may fill.
const FULL: f64 = 0.7;
/// Turns that stay, most first: as many as leave room.
const KEPT: [usize; 4] = [12, 6, 3, 1];
/// Share of what may be filled that what stays may fill.
const ROOM: f64 = 0.5;
/// Most files that a brief names.
const MAX_FILES: usize = 60;

impl Driver {
    /// Shortens a conversation whose request fills too much of the model's
    /// context. True if it did.
    pub(super) fn fit(
        &mut self,
        agent: AgentId,
        request: &TurnRequest,
    ) -> Result<bool, DriverError> {
        let model = self.model_of(agent);
        if let Some(recorded) = model.shortened(agent, request.turn) {
            return self.shorten_as_recorded(agent, recorded);
        }
        let Some(context) = model.caps().context else {
            return Ok(false);
        };
        let full = context as f64 * FULL - request.max_output_tokens as f64;
        let used = size(request);
        if used <= full.max(context as f64 * FULL / 2.0) {
            return Ok(false);
        }
        // The messages' share that each number of turns leaves, from their
        // number: sizes of the entries are not known apart.
        let entries = self
            .session
            .state
            .agents
            .get(&agent)
            .map_or(&[][..], |agent| agent.run.entries());
        let all = entries.len().max(1) as f64;
        let fits = |turns: &&usize| {
            cut(entries, **turns)
                .is_some_and(|place| used * (entries.len() - place) as f64 / all <= full * ROOM)
        };
        let turns = KEPT.iter().find(fits).copied().unwrap_or(1);
        self.shorten(agent, turns)
    }

    /// Whether there is anything to leave out.
    pub(super) fn can_shorten(&self, agent: AgentId) -> bool {
        let agent = self.session.state.agents.get(&agent);
        agent.is_some_and(|agent| cut(agent.run.entries(), 1).is_some())
    }

    /// Leaves out all but the last turns of a conversation. False if there is
    /// nothing to leave out.
    pub(super) fn shorten(&mut self, id: AgentId, turns: usize) -> Result<bool, DriverError> {
        let agent = self.session.state.agents.get(&id);
        let Some(agent) = agent else {
            return Ok(false);
        };
        let Some(place) = cut(agent.run.entries(), turns) else {
            return Ok(false);
        };
        self.leave_out(id, place, None)
    }

    /// Shortens a conversation to what a recorded one was shortened to; once.
    fn shorten_as_recorded(
        &mut self,
        id: AgentId,
        recorded: Shortened,
    ) -> Result<bool, DriverError> {
        let kept = recorded.kept;
        let agent = self.session.state.agents.get(&id);
        let entries = agent.map_or(&[][..], |agent| agent.run.entries());
        let is_done =
            matches!(entries.first(), Some(Entry::Brief { .. })) && entries.len() == kept + 1;
        let place = entries.len().checked_sub(kept);
        // Another conversation than the recorded one: the replay says so.
        let can = |place: &usize| matches!(entries.get(*place), Some(Entry::Model { .. }));
        match place.filter(|place| !is_done && *place > 0 && can(place)) {
            Some(place) => self.leave_out(id, place, Some(recorded.digest)),
            None => Ok(false),
        }
    }

    /// Replaces the entries before `place` by a brief, with these lines or new
    /// ones on what they were.
    fn leave_out(
        &mut self,
        id: AgentId,
        place: usize,
        lines: Option<String>,
    ) -> Result<bool, DriverError> {
        let session = &self.session;
        let Some(agent) = session.state.agents.get(&id) else {
            return Ok(false);
        };
        let entries = agent.run.entries();
        let read = |body: &Body| session.store.document(body).ok();
        let lines = lines.unwrap_or_else(|| digest(&entries[..place], &read));
        let kept = (entries.len() - place) as u32;
        let text = self.brief(agent, &lines);
        let mut batch = Batch::new();
        let text = batch.body(Value::String(text));
        let digest = batch.body(Value::String(lines));
        batch.push(
            Actor::Harness,
            Event::Compacted {
                agent: id,
                kept,
                text,
                digest,
            },
        );
        self.append(batch)?;
        self.forget_talk(id);
        Ok(true)
    }

    /// What an agent is told of the turns that are left out: what was done,
    /// and where things stand now.
    fn brief(&self, agent: &Agent, lines: &str) -> String {
        let state = &self.session.state;
        let mut out = String::from(
            "Earlier turns are left out, for they do not fit any more. What they came to, oldest \
             first:\n\n",
        );
        out.push_str(lines);
        if let Some(settings) = &state.settings {
            out.push_str("\n\nThe objective is still: ");
            out.push_str(&settings.objective);
        }
        let plan = state
            .plan
            .as_ref()
            .and_then(|body| self.session.store.document(body).ok());
        if let Some(Value::String(plan)) = plan {
            out.push_str("\n\nThe plan now:\n\n");
            out.push_str(&plan);
        }
        let home = self.desk(agent.id).home;
        let files = crate::audit::table::files(&home).unwrap_or_default();
        if !files.is_empty() {
            out.push_str("\n\nFiles in your working folder, to be read again where needed:\n");
            for name in files.keys().take(MAX_FILES) {
                out.push_str("\n- `");
                out.push_str(&name.to_string_lossy().replace(['`', '\n'], "?"));
                out.push('`');
            }
            if files.len() > MAX_FILES {
                out.push_str("\n- …");
            }
        }
        out.push_str("\n\nGo on from here.");
        out
    }
}

/// Tokens that a request has in all likelihood: the estimate is an upper bound
/// of about twice that.
fn size(request: &TurnRequest) -> f64 {
    estimate::prompt_tokens(request) as f64 / 2.0
}
