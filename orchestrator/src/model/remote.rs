//! A model behind HTTP: any dialect, one way of calling it.

use std::sync::Arc;

use super::dialect::{Decoder, Dialect, Flow, Reading, fault};
use super::estimate;
use super::failure::{Attempt, Billing, ModelError, TurnFailure};
use super::http::{Http, Reply};
use super::price::Price;
use super::retry::{Clock, Jitter, RetryPolicy, retry_after};
use super::secret::Secret;
use super::sse;
use super::types::{Caps, ChatModel, Delta, Reservation, TurnRequest, TurnResponse, Usage};

/// Bytes taken from a connection at a time.
const PIECE: usize = 16 << 10;

/// A model behind HTTP.
#[derive(Debug)]
pub struct Remote {
    pub(super) dialect: Box<dyn Dialect>,
    pub(super) http: Http,
    pub(super) url: String,
    pub(super) host: String,
    pub(super) key: Option<Secret>,
    pub(super) price: Option<Price>,
    pub(super) retry: RetryPolicy,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jitter: Arc<dyn Jitter>,
    pub(super) notes: Vec<String>,
}

impl ChatModel for Remote {
    fn caps(&self) -> Caps {
        let price = self.price.as_ref();
        Caps {
            deterministic: false,
            paid: price.is_some(),
            vision: self.dialect.vision(),
            web_search: self.dialect.searches(),
            context: price.map(|p| p.context),
            max_output: price.map(|p| p.max_output),
        }
    }

    fn reserve(&self, request: &TurnRequest) -> Reservation {
        let searches = self.dialect.searches() && offers_search(request);
        estimate::reservation(request, self.price.as_ref(), searches)
    }

    fn turn(
        &self,
        request: &TurnRequest,
        observe: &mut dyn FnMut(Delta),
    ) -> Result<TurnResponse, TurnFailure> {
        self.turn_within(request, observe, &mut |_| true)
    }

    fn turn_within(
        &self,
        request: &TurnRequest,
        observe: &mut dyn FnMut(Delta),
        permit: &mut dyn FnMut(&Attempt) -> bool,
    ) -> Result<TurnResponse, TurnFailure> {
        let body = self.dialect.body(request);
        let headers = self.dialect.headers(self.key.as_ref());
        let attempt = || self.attempt(request, &headers, &body, observe);
        let (clock, jitter) = (self.clock.as_ref(), self.jitter.as_ref());
        let (mut response, attempts) = self.retry.run(clock, jitter, permit, attempt)?;
        response.attempts = attempts;
        Ok(response)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// Whether a request lets the model search the web.
pub(super) fn offers_search(request: &TurnRequest) -> bool {
    request.tools.iter().any(|tool| tool.name == "web_search")
}

impl Remote {
    fn attempt(
        &self,
        request: &TurnRequest,
        headers: &[(&'static str, String)],
        body: &str,
        observe: &mut dyn FnMut(Delta),
    ) -> Result<TurnResponse, Attempt> {
        let redact = |attempt: Attempt| self.redacted(attempt);
        let mut reply = self
            .http
            .post(&self.url, &self.host, headers, body.as_bytes())
            .map_err(redact)?;
        if reply.status != 200 {
            return Err(redact(self.turned_away(&mut reply)));
        }
        let mut decoder = self.dialect.decoder(request);
        let reading = read(&mut reply, decoder.as_mut(), observe)
            .and_then(|()| decoder.finish())
            .map_err(|error| redact(Attempt::unknown(error)))?;
        self.settle(request, reading).map_err(redact)
    }

    /// An answer other than 200.
    fn turned_away(&self, reply: &mut Reply<'_>) -> Attempt {
        let after = reply.retry_after.take();
        let after = after.and_then(|header| retry_after(&header, self.clock.wall()));
        let status = reply.status;
        let body = reply.rest().unwrap_or_default();
        let error = fault::of_status(status, after, &body);
        // These may come from a gateway that gave up while the model behind it
        // went on. Everything else is refused before any work.
        if matches!(status, 408 | 500 | 502 | 504) {
            Attempt::unknown(error)
        } else {
            Attempt::free(error)
        }
    }

    /// A complete reply: what it cost, and whether it is of use.
    fn settle(&self, request: &TurnRequest, reading: Reading) -> Result<TurnResponse, Attempt> {
        let usage = reading.usage.unwrap_or_else(|| Usage {
            input: estimate::prompt_tokens(request),
            output: reading.output_estimate(),
            estimated: true,
            ..Usage::default()
        });
        let cost_usd = self.price.as_ref().map_or(0.0, |p| p.cost_usd(&usage));
        if let Some(detail) = reading.filtered {
            return Err(Attempt {
                billing: Billing::Known { usage, cost_usd },
                error: ModelError::ContentFilter { detail },
            });
        }
        Ok(TurnResponse {
            text: reading.text,
            calls: reading.calls,
            carry: reading.carry,
            usage,
            cost_usd,
            model: reading.model,
            stop: reading.stop,
            attempts: Vec::new(),
        })
    }

    fn redacted(&self, mut attempt: Attempt) -> Attempt {
        if let Some(key) = &self.key {
            match &mut attempt.error {
                ModelError::Overloaded { detail, .. }
                | ModelError::RateLimited { detail, .. }
                | ModelError::Quota { detail }
                | ModelError::Auth { detail }
                | ModelError::NoModel { detail }
                | ModelError::BadRequest { detail }
                | ModelError::ContextOverflow { detail }
                | ModelError::ContentFilter { detail }
                | ModelError::Server { detail, .. }
                | ModelError::Network { detail, .. }
                | ModelError::Dropped { detail, .. }
                | ModelError::Malformed { detail } => *detail = key.redact(detail),
                ModelError::Refused { .. }
                | ModelError::Stalled { .. }
                | ModelError::NotRecorded { .. }
                | ModelError::EndedThere { .. }
                | ModelError::TooLarge { .. } => {}
            }
        }
        attempt
    }
}

/// Reads a reply to its end, in pieces or whole.
fn read(
    reply: &mut Reply<'_>,
    decoder: &mut dyn Decoder,
    observe: &mut dyn FnMut(Delta),
) -> Result<(), ModelError> {
    if !reply.is_stream {
        let body = reply.rest()?;
        let document = serde_json::from_slice(&body).map_err(|error| fault::malformed(&error))?;
        return decoder.whole(document);
    }
    let mut parser = sse::Parser::default();
    let mut events = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = reply.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        parser
            .feed(&piece[..count], &mut events)
            .map_err(|error| fault::malformed(&error))?;
        for event in events.drain(..) {
            match decoder.event(&event, observe)? {
                Flow::More => {}
                // What a server sends after its last event is of no interest.
                Flow::Done => return Ok(()),
            }
        }
    }
}
