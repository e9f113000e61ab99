//! Events: places in streams that others wait for, and times.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::Machine;
use super::action::Action;
use super::capture::CaptureId;
use super::context::Wait;
use super::stream::StreamKind;
use super::tasks::TaskId;
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, EventId, StreamRef};

/// `CU_EVENT_DISABLE_TIMING`.
const DISABLE_TIMING: u32 = 2;
/// `CU_EVENT_INTERPROCESS`.
const INTERPROCESS: u32 = 4;

/// An event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) context: ContextId,
    timing: bool,
    recorded: Recorded,
}

/// Where it was recorded last.
#[derive(Clone, Debug)]
enum Recorded {
    Never,
    At(TaskId, Arc<OnceLock<Instant>>),
    /// In a capture: after these nodes.
    Captured(CaptureId, BTreeSet<usize>),
}

impl Machine {
    /// Makes an event in the current context.
    pub fn event_create(&mut self, caller: &Caller, flags: u32) -> Result<EventId, Error> {
        let context = self.current(caller)?;
        if flags & !7 != 0 {
            return Err(Error::InvalidValue);
        }
        if flags & INTERPROCESS != 0 {
            return Err(Error::NotSupported);
        }
        let id = EventId::numbered(self.number());
        let event = Event {
            context,
            timing: flags & DISABLE_TIMING == 0,
            recorded: Recorded::Never,
        };
        self.events.insert(id, event);
        Ok(id)
    }

    /// Forgets it; whoever waits for it still does.
    pub fn event_destroy(&mut self, caller: &Caller, event: EventId) -> Result<(), Error> {
        self.current(caller)?;
        let found = self.events.remove(&event);
        found.map(|_| ()).ok_or(Error::InvalidHandle)
    }

    fn event(&self, id: EventId) -> Result<&Event, Error> {
        let event = self.events.get(&id).ok_or(Error::InvalidHandle)?;
        self.well(event.context)?;
        Ok(event)
    }

    /// Records it behind a stream's work.
    pub fn event_record(
        &mut self,
        caller: &Caller,
        event: EventId,
        stream: StreamRef,
    ) -> Result<(), Error> {
        let stream = self.stream(caller, stream)?;
        if self.event(event)?.context != self.streams[&stream].context {
            return Err(Error::InvalidHandle);
        }
        let recorded = if self.capture_of(stream)?.is_some() {
            let position = self.streams[&stream].capture.clone();
            let position = position.ok_or(Error::IllegalState)?;
            Recorded::Captured(position.capture, position.at)
        } else {
            self.keep_from_captures(stream)?;
            let stamp = Arc::new(OnceLock::new());
            let before = self.before(stream);
            let task = self.task(stream, before, Action::Stamp(Arc::clone(&stamp)));
            Recorded::At(task, stamp)
        };
        if let Some(event) = self.events.get_mut(&event) {
            event.recorded = recorded;
        }
        Ok(())
    }

    /// Makes a stream wait until the event's place has been reached, or be
    /// captured behind it.
    pub fn stream_wait_event(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        event: EventId,
    ) -> Result<(), Error> {
        let stream = self.stream(caller, stream)?;
        let recorded = self.event(event)?.recorded.clone();
        let own = self.capture_of(stream)?.is_some();
        match recorded {
            Recorded::Never => Ok(()),
            Recorded::At(..) if own => {
                self.invalidate_capture_of(stream);
                Err(Error::StreamCaptureIsolation)
            }
            Recorded::At(task, _) => {
                self.keep_from_captures(stream)?;
                if !self.tasks.is_done(task) {
                    let mut before = self.before(stream);
                    before.push(task);
                    self.task(stream, before, Action::Nothing);
                }
                Ok(())
            }
            Recorded::Captured(capture, at) => {
                if !self.captures.contains_key(&capture) {
                    return Err(Error::CapturedEvent);
                }
                if self.streams[&stream].kind == StreamKind::Legacy {
                    self.invalidate(capture);
                    return Err(Error::StreamCaptureImplicit);
                }
                let position = self.streams[&stream].capture.clone();
                let mut at = at;
                if let Some(position) = position {
                    if position.capture != capture {
                        self.invalidate(capture);
                        self.invalidate(position.capture);
                        return Err(Error::StreamCaptureMerge);
                    }
                    at.extend(position.at);
                }
                self.move_to(stream, capture, at);
                Ok(())
            }
        }
    }

    /// The task that it waits for, if it is in no capture.
    fn task_of(&mut self, caller: &Caller, event: EventId) -> Result<Option<TaskId>, Error> {
        match self.event(event)?.recorded.clone() {
            Recorded::Captured(capture, _) => {
                self.invalidate(capture);
                Err(Error::CapturedEvent)
            }
            recorded => {
                self.unsafe_call(caller)?;
                Ok(match recorded {
                    Recorded::At(task, _) => Some(task),
                    _ => None,
                })
            }
        }
    }

    /// Whether its place has been reached; one that was never recorded has.
    pub fn event_query(&mut self, caller: &Caller, event: EventId) -> Result<(), Error> {
        let task = self.task_of(caller, event)?;
        if task.is_none_or(|task| self.tasks.is_done(task)) {
            Ok(())
        } else {
            Err(Error::NotReady)
        }
    }

    /// Waits for it.
    pub fn event_synchronize(&mut self, caller: &Caller, event: EventId) -> Result<Wait, Error> {
        let task = self.task_of(caller, event)?;
        let context = self.event(event)?.context;
        Ok(Wait::of(context, task.into_iter().collect()))
    }

    /// Milliseconds between two that were reached. They are this machine's,
    /// and say nothing of a GPU.
    pub fn event_elapsed(
        &mut self,
        caller: &Caller,
        start: EventId,
        end: EventId,
    ) -> Result<f32, Error> {
        let mut at = |id| {
            let task = self.task_of(caller, id)?;
            let event = self.event(id)?;
            let Recorded::At(_, stamp) = &event.recorded else {
                return Err(Error::InvalidHandle);
            };
            if !event.timing {
                return Err(Error::InvalidHandle);
            }
            if task.is_some_and(|task| !self.tasks.is_done(task)) {
                return Err(Error::NotReady);
            }
            stamp.get().copied().ok_or(Error::NotReady)
        };
        let (start, end) = (at(start)?, at(end)?);
        let seconds = if end >= start {
            (end - start).as_secs_f64()
        } else {
            -(start - end).as_secs_f64()
        };
        Ok((seconds * 1e3) as f32)
    }
}
