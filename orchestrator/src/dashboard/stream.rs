//! The log as server-sent events.
//!
//! Each reader of the stream reads the log at its own pace, and only when the
//! connection can take more: one that is slow costs nothing but its place, and
//! one that was cut off goes on after the last event it got.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::server::App;
use super::text::harmless_document;
use super::words::Shown;

/// Events that are read at once.
const BATCH: usize = 100;
/// Time between two looks for new events.
const GLANCE: Duration = Duration::from_millis(100);
/// Time between two signs of life, well below what a connection is given.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where one reader stands.
struct Place {
    app: Arc<App>,
    next: u64,
    ready: VecDeque<sse::Event>,
    stop: watch::Receiver<bool>,
    over: bool,
}

/// Events from `from` on; ends with `bye` when the server does.
pub(super) fn follow(
    app: Arc<App>,
    from: u64,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let place = Place {
        stop: app.stop.clone(),
        app,
        next: from.max(1),
        ready: VecDeque::new(),
        over: false,
    };
    let stream = stream::unfold(place, |mut place| async move {
        let event = place.event().await?;
        Some((Ok(event), place))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

impl Place {
    async fn event(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            // Looked at before the log, so that nothing said before it is missed.
            let stopping = *self.stop.borrow_and_update();
            let from = self.next;
            match self.app.look(move |view| view.events(from, BATCH)).await {
                Ok(events) if !events.is_empty() => {
                    self.next = events.last().map_or(from, |event| event.seq + 1);
                    self.ready.extend(events.iter().map(frame));
                }
                Ok(_) if stopping => self.end("bye", "the process that showed this has ended"),
                Ok(_) => {
                    // Whatever comes first: time, or the end.
                    let _ = timeout(GLANCE, self.stop.changed()).await;
                }
                Err(why) => self.end("problem", &why),
            }
        }
    }

    fn end(&mut self, name: &str, why: &str) {
        self.over = true;
        let event = sse::Event::default().event(name);
        self.ready
            .push_back(event.data(Value::from(why).to_string()));
    }
}

fn frame(shown: &Shown) -> sse::Event {
    let mut document = serde_json::to_value(shown).unwrap_or_default();
    harmless_document(&mut document);
    // As JSON it is one line.
    sse::Event::default()
        .id(shown.seq.to_string())
        .data(document.to_string())
}
