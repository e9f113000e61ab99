//! Streams that are captured: what is put to them becomes a graph.
//!
//! CUDA programming guide 13.0, "Creating a Graph Using Stream Capture", and
//! the driver API's `cuStreamBeginCapture`, `cuThreadExchangeStreamCaptureMode`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Machine;
use super::action::Action;
use super::graph::{Body, Graph, Node};
use super::stream::StreamKind;
use crate::caller::{Caller, CaptureMode};
use crate::error::Error;
use crate::handle::{ContextId, GraphId, StreamId, StreamRef};

/// A capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CaptureId(u64);

/// Where a stream is in a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) capture: CaptureId,
    /// Nodes that its next one comes after.
    pub(super) at: BTreeSet<usize>,
}

/// What is captured from one stream and those that join it.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) context: ContextId,
    origin: StreamId,
    thread: u64,
    mode: CaptureMode,
    pub(super) body: Body,
    invalid: bool,
    /// Memory that its nodes take and have not freed: address, bytes.
    pub(super) allocated: BTreeMap<u64, u64>,
}

/// `CUstreamCaptureStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureStatus {
    /// It is not captured.
    None,
    /// It is.
    Active,
    /// It is, but the capture is void.
    Invalidated,
}

impl Machine {
    /// From now on a stream's work becomes nodes of a graph.
    pub fn capture_begin(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        mode: CaptureMode,
    ) -> Result<(), Error> {
        let origin = self.stream(caller, stream)?;
        let stream = &self.streams[&origin];
        if stream.kind == StreamKind::Legacy {
            return Err(Error::StreamCaptureUnsupported);
        }
        if stream.capture.is_some() {
            return Err(Error::IllegalState);
        }
        let context = stream.context;
        let id = CaptureId(self.number());
        self.captures.insert(
            id,
            Capture {
                context,
                origin,
                thread: caller.id,
                mode,
                body: Body::default(),
                invalid: false,
                allocated: BTreeMap::new(),
            },
        );
        self.move_to(origin, id, BTreeSet::new());
        Ok(())
    }

    /// Ends a capture: the graph, or why there is none. But for a wrong
    /// thread or stream, it has ended.
    pub fn capture_end(&mut self, caller: &Caller, stream: StreamRef) -> Result<GraphId, Error> {
        let origin = self.stream(caller, stream)?;
        let position = self.streams[&origin].capture.clone();
        let position = position.ok_or(Error::IllegalState)?;
        let capture = self.capture(position.capture)?;
        if capture.mode != CaptureMode::Relaxed && capture.thread != caller.id {
            return Err(Error::StreamCaptureWrongThread);
        }
        if capture.origin != origin {
            capture.invalid = true;
            return Err(Error::StreamCaptureUnmatched);
        }
        for stream in self.streams.values_mut() {
            if stream
                .capture
                .as_ref()
                .is_some_and(|at| at.capture == position.capture)
            {
                stream.capture = None;
            }
        }
        let capture = self.captures.remove(&position.capture);
        let capture = capture.ok_or(Error::IllegalState)?;
        if capture.invalid {
            return Err(Error::StreamCaptureInvalidated);
        }
        if !capture.body.all_lead_to(&position.at) {
            return Err(Error::StreamCaptureUnjoined);
        }
        let id = GraphId::numbered(self.number());
        let graph = Graph {
            context: capture.context,
            body: Arc::new(capture.body),
        };
        self.graphs.insert(id, graph);
        Ok(id)
    }

    /// Whether a stream is captured.
    pub fn capture_status(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
    ) -> Result<CaptureStatus, Error> {
        let id = self.stream(caller, stream)?;
        self.keep_from_captures(id)?;
        let position = self.streams[&id].capture.as_ref();
        let capture = position.and_then(|at| self.captures.get(&at.capture));
        Ok(match capture {
            None => CaptureStatus::None,
            Some(capture) if capture.invalid => CaptureStatus::Invalidated,
            Some(_) => CaptureStatus::Active,
        })
    }

    fn capture(&mut self, id: CaptureId) -> Result<&mut Capture, Error> {
        self.captures.get_mut(&id).ok_or(Error::IllegalState)
    }

    /// The capture that a stream is in, if it is in one that is not void.
    pub(super) fn capture_of(&mut self, id: StreamId) -> Result<Option<&mut Capture>, Error> {
        let Some(position) = &self.streams[&id].capture else {
            return Ok(None);
        };
        let capture = self.captures.get_mut(&position.capture);
        let capture = capture.ok_or(Error::IllegalState)?;
        if capture.invalid {
            return Err(Error::StreamCaptureInvalidated);
        }
        Ok(Some(capture))
    }

    pub(super) fn move_to(&mut self, id: StreamId, capture: CaptureId, at: BTreeSet<usize>) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.capture = Some(Position { capture, at });
        }
    }

    /// Adds a node at the end of a captured stream.
    pub(super) fn capture_node(&mut self, id: StreamId, action: Action) -> Result<(), Error> {
        let position = self.streams[&id].capture.clone();
        let position = position.ok_or(Error::IllegalState)?;
        let capture = self.capture_of(id)?.ok_or(Error::IllegalState)?;
        capture.body.nodes.push(Node {
            action,
            after: position.at.into_iter().collect(),
        });
        let last = capture.body.nodes.len() - 1;
        self.move_to(id, position.capture, BTreeSet::from([last]));
        Ok(())
    }

    pub(super) fn invalidate(&mut self, id: CaptureId) {
        if let Some(capture) = self.captures.get_mut(&id) {
            capture.invalid = true;
        }
    }

    /// Makes a stream's capture void; whether there is one.
    pub(super) fn invalidate_capture_of(&mut self, id: StreamId) -> bool {
        let position = self
            .streams
            .get(&id)
            .and_then(|stream| stream.capture.as_ref());
        let Some(capture) = position.map(|at| at.capture) else {
            return false;
        };
        self.invalidate(capture);
        true
    }

    /// Makes all captures of a context's streams void; whether there are any.
    pub(super) fn invalidate_captures_of(&mut self, context: ContextId) -> bool {
        self.invalidate_where(|capture| capture.context == context)
    }

    fn invalidate_where(&mut self, which: impl Fn(&Capture) -> bool) -> bool {
        let mut any = false;
        for capture in self.captures.values_mut().filter(|capture| which(capture)) {
            capture.invalid = true;
            any = true;
        }
        any
    }

    /// The default stream would wait for streams that are captured.
    pub(super) fn keep_from_captures(&mut self, id: StreamId) -> Result<(), Error> {
        let stream = &self.streams[&id];
        if stream.kind != StreamKind::Legacy || self.captures.is_empty() {
            return Ok(());
        }
        let others = self
            .streams
            .values()
            .filter(|other| other.kind == StreamKind::Blocking && other.context == stream.context);
        let captures = others.filter_map(|other| other.capture.as_ref());
        let captures: Vec<_> = captures.map(|at| at.capture).collect();
        for capture in &captures {
            self.invalidate(*capture);
        }
        if captures.is_empty() {
            Ok(())
        } else {
            Err(Error::StreamCaptureImplicit)
        }
    }

    /// A call that a capture would not see, and that must not be made by this
    /// thread now: it makes the captures void that forbid it.
    pub(super) fn unsafe_call(&mut self, caller: &Caller) -> Result<(), Error> {
        let (thread, mode) = (caller.id, caller.mode);
        let forbidden = mode != CaptureMode::Relaxed
            && self.invalidate_where(|capture| match capture.mode {
                CaptureMode::Relaxed => false,
                CaptureMode::ThreadLocal => capture.thread == thread,
                CaptureMode::Global => capture.thread == thread || mode == CaptureMode::Global,
            });
        if forbidden {
            Err(Error::StreamCaptureUnsupported)
        } else {
            Ok(())
        }
    }
}
