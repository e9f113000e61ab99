//! Streams: work in order, and who waits for whom.

use super::action::{Action, HostFunction};
use super::capture::Position;
use super::context::Wait;
use super::tasks::TaskId;
use super::{Machine, Queued};
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, StreamId, StreamRef};
use std::sync::Arc;

/// How a stream and the default one go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// The default stream itself.
    Legacy,
    /// It waits for the default stream, and that for it.
    Blocking,
    /// Neither.
    NonBlocking,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) context: ContextId,
    pub(super) kind: StreamKind,
    priority: i32,
    /// Its last work.
    pub(super) last: Option<TaskId>,
    /// Where it is in a capture.
    pub(super) capture: Option<Position>,
}

impl Stream {
    pub(super) fn new(context: ContextId, kind: StreamKind, priority: i32) -> Self {
        Self {
            context,
            kind,
            priority,
            last: None,
            capture: None,
        }
    }
}

/// Priorities that streams can have: least and greatest, as on GPUs since
/// compute capability 6.0. They change nothing.
pub const PRIORITIES: (i32, i32) = (0, -5);

impl Machine {
    /// Makes a stream in the current context.
    pub fn stream_create(
        &mut self,
        caller: &Caller,
        blocking: bool,
        priority: i32,
    ) -> Result<StreamId, Error> {
        let context = self.current(caller)?;
        let kind = if blocking {
            StreamKind::Blocking
        } else {
            StreamKind::NonBlocking
        };
        let priority = priority.clamp(PRIORITIES.1, PRIORITIES.0);
        let id = StreamId::numbered(self.number());
        self.streams
            .insert(id, Stream::new(context, kind, priority));
        Ok(id)
    }

    /// Forgets a stream; its work is still done.
    pub fn stream_destroy(&mut self, caller: &Caller, stream: StreamRef) -> Result<(), Error> {
        let StreamRef::Created(id) = stream else {
            return Err(Error::InvalidHandle);
        };
        self.stream(caller, stream)?;
        self.invalidate_capture_of(id);
        if let Some(stream) = self.streams.remove(&id)
            && stream.kind == StreamKind::Blocking
            && let Some(context) = self.contexts.get_mut(&stream.context)
        {
            let tasks = &self.tasks;
            context.orphans.retain(|task| !tasks.is_done(*task));
            context.orphans.extend(stream.last);
        }
        Ok(())
    }

    /// The stream that a caller means, in a context in which all is well.
    pub(super) fn stream(&mut self, caller: &Caller, stream: StreamRef) -> Result<StreamId, Error> {
        let context = self.current(caller)?;
        match stream {
            StreamRef::Legacy => Ok(self.context(context)?.legacy),
            StreamRef::PerThread => {
                if let Some(id) = self.context(context)?.per_thread.get(&caller.id) {
                    return Ok(*id);
                }
                let id = StreamId::numbered(self.number());
                self.streams
                    .insert(id, Stream::new(context, StreamKind::Blocking, 0));
                self.context(context)?.per_thread.insert(caller.id, id);
                Ok(id)
            }
            StreamRef::Created(id) => {
                let stream = self.streams.get(&id).ok_or(Error::InvalidHandle)?;
                self.well(stream.context)?;
                Ok(id)
            }
        }
    }

    /// Its flags (`CU_STREAM_NON_BLOCKING` is 1) and its priority.
    pub fn stream_properties(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
    ) -> Result<(u32, i32), Error> {
        let id = self.stream(caller, stream)?;
        let stream = &self.streams[&id];
        let flags = u32::from(stream.kind == StreamKind::NonBlocking);
        Ok((flags, stream.priority))
    }

    /// The context that it belongs to.
    pub fn stream_context(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
    ) -> Result<ContextId, Error> {
        let id = self.stream(caller, stream)?;
        Ok(self.streams[&id].context)
    }

    /// What new work of a stream comes after: CUDA driver API, "Stream
    /// synchronization behavior".
    pub(super) fn before(&self, id: StreamId) -> Vec<TaskId> {
        let Some(stream) = self.streams.get(&id) else {
            return Vec::new();
        };
        let Some(context) = self.contexts.get(&stream.context) else {
            return Vec::new();
        };
        let mut before: Vec<_> = stream.last.into_iter().collect();
        match stream.kind {
            StreamKind::NonBlocking => {}
            StreamKind::Blocking => before.extend(self.streams[&context.legacy].last),
            StreamKind::Legacy => {
                let others = self.streams.values().filter(|other| {
                    other.context == stream.context && other.kind == StreamKind::Blocking
                });
                before.extend(others.filter_map(|other| other.last));
                before.extend(&context.orphans);
            }
        }
        before.retain(|task| !self.tasks.is_done(*task));
        before
    }

    /// Work at the end of a stream, or a node if it is being captured: then
    /// there is no task.
    pub(super) fn put(&mut self, id: StreamId, action: Action) -> Result<Option<TaskId>, Error> {
        if self.streams[&id].capture.is_some() {
            self.capture_node(id, action)?;
            return Ok(None);
        }
        self.keep_from_captures(id)?;
        let before = self.before(id);
        Ok(Some(self.task(id, before, action)))
    }

    /// Work at the end of a stream that comes after what is said.
    pub(super) fn task(
        &mut self,
        id: StreamId,
        before: impl IntoIterator<Item = TaskId>,
        action: Action,
    ) -> TaskId {
        let context = self.streams[&id].context;
        let task = self.loose_task(context, before, action);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.last = Some(task);
            if stream.kind == StreamKind::Legacy
                && let Some(context) = self.contexts.get_mut(&context)
            {
                context.orphans.clear();
            }
        }
        task
    }

    /// Work of no stream.
    pub(super) fn loose_task(
        &mut self,
        context: ContextId,
        before: impl IntoIterator<Item = TaskId>,
        action: Action,
    ) -> TaskId {
        let task = self.tasks.add(before, Queued { context, action });
        if let Some(context) = self.contexts.get_mut(&context) {
            context.pending.insert(task);
        }
        task
    }

    /// Whether all its work is done.
    pub fn stream_query(&mut self, caller: &Caller, stream: StreamRef) -> Result<(), Error> {
        let id = self.stream(caller, stream)?;
        self.look_at(id)?;
        if self.before(id).is_empty() {
            Ok(())
        } else {
            Err(Error::NotReady)
        }
    }

    /// Waits for all its work.
    pub fn stream_synchronize(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
    ) -> Result<Wait, Error> {
        let id = self.stream(caller, stream)?;
        self.look_at(id)?;
        Ok(Wait::of(self.streams[&id].context, self.before(id)))
    }

    /// A stream that is captured has no work to be asked about.
    fn look_at(&mut self, id: StreamId) -> Result<(), Error> {
        if self.invalidate_capture_of(id) {
            return Err(Error::StreamCaptureUnsupported);
        }
        self.keep_from_captures(id)
    }

    /// Calls a function of the program when all work before is done.
    pub fn stream_call(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        function: Arc<dyn HostFunction>,
    ) -> Result<(), Error> {
        let id = self.stream(caller, stream)?;
        self.put(id, Action::Host(function)).map(|_| ())
    }

    /// What `cuStreamAttachMemAsync` does here: nothing but to check, as all
    /// memory is within everyone's reach at all times.
    pub fn stream_attach(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        address: u64,
        bytes: u64,
    ) -> Result<(), Error> {
        let id = self.stream(caller, stream)?;
        let owned = self.owner(address).ok_or(Error::InvalidValue)?;
        if !owned.is_managed() || (bytes != 0 && bytes != owned.bytes) {
            return Err(Error::InvalidValue);
        }
        self.put(id, Action::Nothing).map(|_| ())
    }
}
