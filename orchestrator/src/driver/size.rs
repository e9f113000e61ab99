//! Events and the largest size that one may have in the log.
//!
//! Agents are told when what they hand in is too long. A lab or a provider can't
//! be told anything: what they say is cut, for an outcome that could not be
//! logged would come again in every session.

use serde_json::Value;

use crate::core::event::Event;
use crate::store::{Batch, MAX_PAYLOAD_BYTES, size};

/// Longest texts of an event that is too large, in bytes: the first that is
/// enough is taken.
const LONGEST: [usize; 3] = [8 << 10, 1 << 10, 256];

/// The first event of a batch that the log has no room for, with its size.
pub(super) fn too_large(batch: &Batch) -> Option<usize> {
    let sizes = batch.events.iter().map(|(_, event)| size(event));
    sizes.into_iter().find(|bytes| *bytes > MAX_PAYLOAD_BYTES)
}

/// The batch with the texts cut of those events that would be too large.
pub(super) fn fitting(mut batch: Batch) -> Batch {
    for (_, event) in &mut batch.events {
        if size(event) > MAX_PAYLOAD_BYTES
            && let Some(shorter) = LONGEST.iter().find_map(|longest| cut(event, *longest))
        {
            *event = shorter;
        }
    }
    batch
}

/// The event without texts of more than `longest` bytes, if it fits then.
fn cut(event: &Event, longest: usize) -> Option<Event> {
    let mut value = serde_json::to_value(event).ok()?;
    shorten(&mut value, longest);
    let shorter: Event = serde_json::from_value(value).ok()?;
    (size(&shorter) <= MAX_PAYLOAD_BYTES).then_some(shorter)
}

fn shorten(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) if text.len() > longest => {
            let end = text.floor_char_boundary(longest);
            *text = format!("{} … ({} bytes more)", &text[..end], text.len() - end);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, longest)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| shorten(field, longest)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::{Actor, EffectKey, FailureCost};

    fn failed(error: &str) -> Event {
        Event::EffectFailed {
            key: EffectKey::Describe,
            error: error.to_owned(),
            retry_at_ms: Some(1),
            cost: FailureCost::Nothing,
        }
    }

    #[test]
    fn what_the_world_says_is_cut_only_where_it_does_not_fit() {
        let mut batch = Batch::new();
        let short = failed(&"e".repeat(60_000));
        batch.push(Actor::Harness, short.clone());
        batch.push(Actor::Harness, failed(&"\u{1}ä".repeat(60_000)));
        assert!(too_large(&batch).is_some_and(|bytes| bytes > 480_000));
        let batch = fitting(batch);
        assert_eq!(too_large(&batch), None);
        assert_eq!(batch.events[0].1, short);
        let Event::EffectFailed {
            error, retry_at_ms, ..
        } = &batch.events[1].1
        else {
            panic!("another event");
        };
        assert_eq!(*retry_at_ms, Some(1));
        assert!(
            error.starts_with("\u{1}ä") && error.ends_with("bytes more)"),
            "{error}"
        );
    }
}
