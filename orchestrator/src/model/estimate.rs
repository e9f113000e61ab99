//! Upper bounds of what a request can cost, before it is sent.

use serde_json::Value;

use super::price::Price;
use super::types::{Message, Reservation, TurnRequest};
use crate::core::agent::Arguments;

/// Bytes per token, at least. Prose has four and code three; numbers with many
/// digits, which tool answers are full of, come close to two.
const BYTES_PER_TOKEN: u64 = 2;
/// Tokens that a message costs beside its text.
const PER_MESSAGE: u64 = 64;
/// Tokens that a tool costs beside its schema.
const PER_TOOL: u64 = 64;
/// Tokens that providers add to a request with tools.
const PER_REQUEST: u64 = 1_024;
/// Tokens of one picture, at most: providers scale larger ones down.
const PER_IMAGE: u64 = 6_000;
/// Searches that a provider may make in one turn.
pub(super) const MAX_SEARCHES: u64 = 3;
/// Tokens that the results of one search add.
const PER_SEARCH: u64 = 20_000;

fn of_bytes(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

fn of_value(value: &Value) -> u64 {
    of_bytes(value.to_string().len())
}

/// Tokens of a text, at most.
pub fn text_tokens(text: &str) -> u64 {
    of_bytes(text.len())
}

/// Tokens that a request is read as, at most.
pub fn prompt_tokens(request: &TurnRequest) -> u64 {
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| {
            PER_TOOL + of_bytes(tool.name.len() + tool.description.len()) + of_value(&tool.schema)
        })
        .sum();
    PER_REQUEST + of_bytes(request.system.len()) + request.messages.tokens() + tools
}

/// Tokens that a message is read as, at most.
pub(super) fn message_tokens(message: &Message) -> u64 {
    PER_MESSAGE
        + match message {
            Message::User { text } => text_tokens(text),
            Message::Assistant { text, calls, carry } => {
                let calls: u64 = calls
                    .iter()
                    .map(|call| {
                        PER_MESSAGE
                            + match &call.arguments {
                                Arguments::Json(value) => of_value(value),
                                Arguments::Malformed(text) => text_tokens(text),
                                // A request is made with its arguments in place.
                                Arguments::Stored(_) => 0,
                            }
                    })
                    .sum();
                // What is carried holds text and calls again.
                (text_tokens(text) + calls)
                    .max(carry.as_ref().map_or(0, |carry| text_tokens(carry.text())))
            }
            Message::Tool { body, images, .. } => {
                text_tokens(body.text()) + images.len() as u64 * PER_IMAGE
            }
        }
}

/// Tokens that all passes of a turn read at most: the model reads everything
/// anew after each search, and no pass reads more than fits.
fn with_searches(prompt: u64, context: u64) -> u64 {
    (0..=MAX_SEARCHES)
        .map(|made| prompt.saturating_add(made * PER_SEARCH).min(context))
        .fold(0, u64::saturating_add)
}

/// What one attempt at a request can use and cost. `searches` says whether the
/// provider may search the web.
pub(super) fn reservation(
    request: &TurnRequest,
    price: Option<&Price>,
    searches: bool,
) -> Reservation {
    // More than the window is turned away and costs nothing.
    let context = price.map_or(u64::MAX, |price| price.context);
    let prompt = prompt_tokens(request);
    let prompt = if searches {
        with_searches(prompt, context)
    } else {
        prompt.min(context)
    };
    let Some(price) = price else {
        return Reservation {
            usd: 0.0,
            tokens: prompt.saturating_add(request.max_output_tokens),
        };
    };
    let output = request.max_output_tokens.min(price.max_output);
    let rates = price.rates(prompt);
    // Writing to the cache is the dearest way of being read.
    let input = rates.input.max(rates.cache_write);
    let tokens = (prompt as f64 * input + output as f64 * rates.output) / 1e6;
    let searches = if searches { MAX_SEARCHES as f64 } else { 0.0 };
    Reservation {
        usd: tokens + searches * price.search.unwrap_or(0.0),
        tokens: prompt.saturating_add(output),
    }
}
