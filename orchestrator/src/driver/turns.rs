//! Turns of models: what is asked, at what price, and what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::Value;

use super::{Act, Driver, DriverError, now_ms};
use crate::core::agent::{Arguments, ModelReply, RequestedCall, Role};
use crate::core::budget::{Admission, Amount};
use crate::core::event::{Actor, EffectKey, Event, FailureCost};
use crate::core::ids::AgentId;
use crate::core::words::NAME;
use crate::exec::{Done, Told};
use crate::model::retry::{RetryPolicy, SystemJitter};
use crate::model::{Attempt, Billing, ModelError, Reaction, Stop, TurnFailure, TurnResponse};
use crate::store::{Batch, INLINE_BYTES};

/// Most calls of one reply.
const MAX_CALLS: usize = 128;
/// Most bytes of arguments that stay in the event of one reply.
const INLINE_CALLS: usize = 16 << 10;

impl Driver {
    /// Has a turn answered. A free model that is a function of the request is
    /// no act outside the log and answers at once; any other is asked on a
    /// thread of its own, after an intent with what it may cost. True if the
    /// state has changed.
    pub(super) fn model_turn(&mut self, agent: AgentId, turn: u32) -> Result<bool, DriverError> {
        let key = EffectKey::Model { agent, turn };
        if self.calling.contains(&key) {
            return Ok(false);
        }
        let Some(request) = self.turn_request(agent)? else {
            return Err(DriverError::Stuck);
        };
        if self.fit(agent, &request)? {
            return Ok(true);
        }
        let model = self.model_of(agent);
        let caps = model.caps();
        if caps.deterministic && !caps.paid {
            let answer = model.turn(&request, &mut |_| ());
            self.turn_done(&key, answer)?;
            return Ok(true);
        }
        let most = model.reserve(&request);
        let need = Amount {
            usd: most.usd,
            tokens: most.tokens,
        };
        let found = self.session.state.agents.get(&agent);
        let errand = found.and_then(|agent| {
            let mut used = agent.paid;
            used += agent.unsettled;
            Some((agent.under?, used))
        });
        if errand.is_some_and(|(under, used)| !under.admits(used, need)) {
            self.record(Event::AgentStopped {
                agent,
                reason: "its share of the budget is spent".to_owned(),
            })?;
            return Ok(true);
        }
        match self.session.state.budget(now_ms()).admits(need) {
            Admission::Now => {}
            Admission::Later => return Ok(false),
            Admission::Never => {
                self.record(Event::TurnRefused { agent, turn, need })?;
                return Ok(true);
            }
        }
        match self.role_admits(agent, need) {
            None | Some((_, Admission::Now)) => {}
            Some((_, Admission::Later)) => return Ok(false),
            Some((role, Admission::Never)) => {
                let reason = format!("the {}'s share of the budget is spent", role.word());
                self.record(Event::AgentStopped { agent, reason })?;
                return Ok(true);
            }
        }
        self.record(Event::EffectIntended {
            key: key.clone(),
            reserved: Some(need),
        })?;
        self.calling.insert(key.clone());
        let tell = self.slots.teller();
        self.acts.push(Act::Thread(Box::new(move || {
            // Without an answer the driver would wait for this turn for ever.
            let answer = catch_unwind(AssertUnwindSafe(|| model.turn(&request, &mut |_| ())))
                .unwrap_or_else(|_| Err(panicked()));
            // A driver that is gone books the call at its reservation.
            let _ = tell.send(Told::Done {
                key,
                done: Done::Turn(Box::new(answer)),
            });
        })));
        Ok(true)
    }

    /// Whether a turn stays within the share of the role that it is booked
    /// on; none where that has no share of its own.
    fn role_admits(&self, agent: AgentId, need: Amount) -> Option<(Role, Admission)> {
        let state = &self.session.state;
        let role = state.charged(state.agents.get(&agent)?);
        Some((role, state.share(role)?.admits(need)))
    }

    /// Appends what came of a turn.
    pub(super) fn turn_done(
        &mut self,
        key: &EffectKey,
        answer: Result<TurnResponse, TurnFailure>,
    ) -> Result<(), DriverError> {
        let EffectKey::Model { agent, turn } = *key else {
            return Ok(());
        };
        match answer {
            Ok(response) if response.calls.len() > MAX_CALLS => {
                let failure = self.too_many_calls(agent, &response);
                self.turn_failed(key, agent, &failure)
            }
            Ok(response) => {
                let mut batch = Batch::new();
                let mut room = INLINE_CALLS;
                let reply = ModelReply {
                    text: batch.body(Value::String(response.text)),
                    carry: response.carry.map(|carry| batch.body(carry)),
                    calls: response
                        .calls
                        .into_iter()
                        .map(|call| settle_call(call, &mut room, &mut batch))
                        .collect(),
                    tokens: [response.usage.prompt(), response.usage.output],
                    cost_usd: response.cost_usd,
                    paused: response.stop == Stop::Paused,
                };
                batch.push(
                    Actor::Agent(agent),
                    Event::ModelCalled { agent, turn, reply },
                );
                self.append(batch)
            }
            Err(failure) => self.turn_failed(key, agent, &failure),
        }
    }

    /// A reply that no event has room for: its model does not get another try,
    /// for it may be asked the same for ever.
    fn too_many_calls(&self, agent: AgentId, response: &TurnResponse) -> TurnFailure {
        let found = self.session.state.agents.get(&agent);
        let calls = response.calls.len();
        let error = ModelError::Refused {
            role: found.map_or("nobody", |agent| agent.role.word()),
            why: format!("its reply has {calls} calls, more than {MAX_CALLS}"),
        };
        let attempt = Attempt {
            billing: Billing::Known {
                usage: response.usage,
                cost_usd: response.cost_usd,
            },
            error: error.clone(),
        };
        TurnFailure {
            error,
            attempts: vec![attempt],
        }
    }

    /// When a turn is asked for again.
    fn retries(&self) -> RetryPolicy {
        let policy = self.session.state.settings.as_ref().map(|s| s.policy);
        let standard = RetryPolicy::default();
        RetryPolicy {
            base: policy
                .and_then(|policy| Duration::try_from_secs_f64(policy.retry_s).ok())
                .unwrap_or(standard.base),
            ..standard
        }
    }

    /// One attempt has failed. Whether there is another one is decided here,
    /// so that each has an intent and a reservation of its own.
    fn turn_failed(
        &mut self,
        key: &EffectKey,
        agent: AgentId,
        failure: &TurnFailure,
    ) -> Result<(), DriverError> {
        let text = crate::chain::of(&failure.error);
        let now = now_ms();
        let before = self.session.state.failures.get(key);
        let spent_ms = before.map_or(0, |failures| now.saturating_sub(failures.since_ms));
        let failed = before
            .map_or(0, |failures| failures.count)
            .saturating_add(1);
        let spent = Duration::from_millis(spent_ms.max(0).cast_unsigned());
        let retries = self.retries();
        let pause = retries.pause(failed, spent, &failure.error, &SystemJitter);
        // Nobody else would fare better: a wrong key, an empty account, a
        // provider that has been down for long.
        let hopeless = match failure.error.reaction() {
            Reaction::Retry => pause.is_none(),
            Reaction::StopCampaign => true,
            Reaction::Compact | Reaction::GiveUp => false,
        };
        let too_long = failure.error.reaction() == Reaction::Compact;
        let can_shorten = too_long && self.can_shorten(agent);
        let retry_at_ms = match pause {
            Some(pause) => Some(now.saturating_add(pause.as_millis() as i64)),
            // Not in this session; a resumed one asks again.
            None => (hopeless || can_shorten).then_some(now),
        };
        let mut batch = Batch::new();
        batch.push(
            Actor::Harness,
            Event::EffectFailed {
                key: key.clone(),
                error: text.clone(),
                retry_at_ms,
                cost: cost_of(failure),
            },
        );
        let ends = hopeless || retry_at_ms.is_none();
        if ends && !self.give_up(&mut batch, agent, failure, hopeless) {
            self.halt = Some(text);
        }
        self.append(batch)?;
        if can_shorten {
            self.shorten(agent, 1)?;
        }
        Ok(())
    }
}

/// A bug in a dialect, found by a reply: it may have been billed.
fn panicked() -> TurnFailure {
    let error = ModelError::Refused {
        role: "any role",
        why: "reading its reply failed; this is a bug".to_owned(),
    };
    TurnFailure {
        attempts: vec![Attempt::unknown(error.clone())],
        error,
    }
}

/// What a failed attempt cost.
fn cost_of(failure: &TurnFailure) -> FailureCost {
    match failure.attempts.last().map(|attempt| attempt.billing) {
        None | Some(Billing::Nothing) => FailureCost::Nothing,
        Some(Billing::Unknown) => FailureCost::Unsettled,
        Some(Billing::Known { usage, cost_usd }) => FailureCost::Billed {
            amount: Amount {
                usd: cost_usd,
                tokens: usage.total(),
            },
        },
    }
}

/// A call as it goes into the event, with its arguments in place as long as
/// there is room for them.
fn settle_call(mut call: RequestedCall, room: &mut usize, batch: &mut Batch) -> RequestedCall {
    // No tool has such a name: all that is left to do is to say so.
    let end = call.tool.floor_char_boundary(NAME);
    call.tool.truncate(end);
    if let Arguments::Json(value) = &call.arguments {
        let text = value.to_string();
        match room.checked_sub(text.len()) {
            Some(left) if text.len() <= INLINE_BYTES => *room = left,
            Some(_) | None => call.arguments = Arguments::Stored(batch.blob(text.into_bytes())),
        }
    }
    call
}
