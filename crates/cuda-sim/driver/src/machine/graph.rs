//! Graphs: work that was captured, to be launched again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Machine;
use super::action::Action;
use super::memory::Owned;
use super::tasks::TaskId;
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, ExecId, GraphId, PoolId, StreamId, StreamRef};

/// `CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH`.
const AUTO_FREE: u64 = 1;
/// `CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH`.
const DEVICE_LAUNCH: u64 = 4;
/// `CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY`.
const NODE_PRIORITY: u64 = 8;

/// A piece of work and those it comes after, by their place in the graph.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) action: Action,
    pub(super) after: Vec<usize>,
}

/// Nodes, each behind those it comes after.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) nodes: Vec<Node>,
}

impl Body {
    /// Whether all nodes come before these, or are among them.
    pub(super) fn all_lead_to(&self, ends: &BTreeSet<usize>) -> bool {
        let mut met = ends.clone();
        for at in (0..self.nodes.len()).rev() {
            if met.contains(&at) {
                met.extend(&self.nodes[at].after);
            }
        }
        met.len() == self.nodes.len()
    }

    /// Nodes that no other comes after.
    fn ends(&self) -> Vec<usize> {
        let mut ends: BTreeSet<_> = (0..self.nodes.len()).collect();
        for node in &self.nodes {
            for before in &node.after {
                ends.remove(before);
            }
        }
        ends.into_iter().collect()
    }

    fn has_memory(&self) -> bool {
        let mut actions = self.nodes.iter().map(|node| &node.action);
        actions.any(|action| matches!(action, Action::Allocate { .. } | Action::Free(_)))
    }
}

/// A graph.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) context: ContextId,
    pub(super) body: Arc<Body>,
}

/// A graph that can be launched.
#[derive(Debug)]
pub(super) struct Exec {
    pub(super) context: ContextId,
    body: Arc<Body>,
    /// What an earlier launch took and nobody freed is freed before the next.
    auto_free: bool,
    /// The end of its last launch, which the next one waits for.
    last: Option<TaskId>,
}

/// What a launch of a graph does to memory that the program may name.
#[derive(Debug, Default)]
struct Effects {
    free_first: Vec<u64>,
    taken: BTreeMap<u64, (u64, PoolId)>,
    freed: Vec<u64>,
}

impl Machine {
    /// Makes a graph ready to be launched.
    pub fn graph_instantiate(
        &mut self,
        caller: &Caller,
        graph: GraphId,
        flags: u64,
    ) -> Result<ExecId, Error> {
        self.current(caller)?;
        let graph = self.graphs.get(&graph).ok_or(Error::InvalidHandle)?;
        if flags & !(AUTO_FREE | DEVICE_LAUNCH | NODE_PRIORITY) != 0
            || flags & AUTO_FREE != 0 && flags & DEVICE_LAUNCH != 0
        {
            return Err(Error::InvalidValue);
        }
        if flags & DEVICE_LAUNCH != 0 {
            return Err(Error::NotSupported);
        }
        let exec = Exec {
            context: graph.context,
            body: Arc::clone(&graph.body),
            auto_free: flags & AUTO_FREE != 0,
            last: None,
        };
        let id = ExecId::numbered(self.number());
        self.execs.insert(id, exec);
        Ok(id)
    }

    /// Forgets a graph.
    pub fn graph_destroy(&mut self, caller: &Caller, graph: GraphId) -> Result<(), Error> {
        self.current(caller)?;
        let found = self.graphs.remove(&graph);
        found.map(|_| ()).ok_or(Error::InvalidHandle)
    }

    /// Forgets one that can be launched; what was launched is still done.
    pub fn graph_exec_destroy(&mut self, caller: &Caller, exec: ExecId) -> Result<(), Error> {
        self.current(caller)?;
        let found = self.execs.remove(&exec);
        found.map(|_| ()).ok_or(Error::InvalidHandle)
    }

    /// The number of its nodes.
    pub fn graph_nodes(&self, graph: GraphId) -> Result<usize, Error> {
        let graph = self.graphs.get(&graph).ok_or(Error::InvalidHandle)?;
        Ok(graph.body.nodes.len())
    }

    /// What `cuGraphUpload` does here: nothing but to check.
    pub fn graph_upload(
        &mut self,
        caller: &Caller,
        exec: ExecId,
        stream: StreamRef,
    ) -> Result<(), Error> {
        self.stream(caller, stream)?;
        let found = self.execs.get(&exec);
        found.map(|_| ()).ok_or(Error::InvalidHandle)
    }

    /// Does a graph's work as a piece of a stream's.
    pub fn graph_launch(
        &mut self,
        caller: &Caller,
        exec: ExecId,
        stream: StreamRef,
    ) -> Result<(), Error> {
        let id = self.stream(caller, stream)?;
        let found = self.execs.get(&exec).ok_or(Error::InvalidHandle)?;
        let (body, auto_free, last) = (Arc::clone(&found.body), found.auto_free, found.last);
        if self.streams[&id].capture.is_some() {
            return self.graph_capture(id, &body);
        }
        self.keep_from_captures(id)?;
        let context = self.streams[&id].context;
        let effects = self.effects(&body, auto_free)?;
        for base in effects.freed.iter().chain(&effects.free_first) {
            self.disown(*base);
        }
        for (base, (bytes, pool)) in &effects.taken {
            let owned = Owned::from_graph(*bytes, *pool);
            self.context(context)?.owned.insert(*base, owned);
        }
        let mut before = self.before(id);
        before.extend(last);
        let mut start = self.loose_task(context, before, Action::Nothing);
        for base in effects.free_first {
            start = self.loose_task(context, [start], Action::Free(base));
        }
        let mut tasks: Vec<TaskId> = Vec::with_capacity(body.nodes.len());
        for node in &body.nodes {
            let mut before: Vec<_> = node.after.iter().map(|at| tasks[*at]).collect();
            if before.is_empty() {
                before.push(start);
            }
            tasks.push(self.loose_task(context, before, node.action.clone()));
        }
        let mut ends: Vec<_> = body.ends().into_iter().map(|at| tasks[at]).collect();
        ends.push(start);
        let end = self.task(id, ends, Action::Nothing);
        if let Some(exec) = self.execs.get_mut(&exec) {
            exec.last = Some(end);
        }
        Ok(())
    }

    /// A graph that is launched into a capture becomes part of that.
    fn graph_capture(&mut self, id: StreamId, body: &Body) -> Result<(), Error> {
        if body.has_memory() {
            self.say("a graph that takes or frees memory can't be part of another".to_owned());
            return Err(Error::NotSupported);
        }
        let position = self.streams[&id].capture.clone();
        let position = position.ok_or(Error::IllegalState)?;
        let capture = self.capture_of(id)?.ok_or(Error::IllegalState)?;
        let first = capture.body.nodes.len();
        for node in &body.nodes {
            let mut after: Vec<_> = node.after.iter().map(|at| first + at).collect();
            if after.is_empty() {
                after.extend(&position.at);
            }
            let action = node.action.clone();
            capture.body.nodes.push(Node { action, after });
        }
        let ends: BTreeSet<_> = body.ends().into_iter().map(|at| first + at).collect();
        if !ends.is_empty() {
            self.move_to(id, position.capture, ends);
        }
        Ok(())
    }

    /// What a launch would do to memory; an error if it can't.
    fn effects(&self, body: &Body, auto_free: bool) -> Result<Effects, Error> {
        let mut effects = Effects::default();
        for node in &body.nodes {
            match node.action {
                Action::Allocate { base, bytes, pool } => {
                    if self.owner(base).is_some() {
                        if !auto_free {
                            return Err(Error::InvalidValue);
                        }
                        effects.free_first.push(base);
                    }
                    effects.taken.insert(base, (bytes, pool));
                }
                Action::Free(base) if effects.taken.remove(&base).is_some() => {}
                Action::Free(base) => {
                    self.owner(base).ok_or(Error::InvalidValue)?;
                    effects.freed.push(base);
                }
                _ => {}
            }
        }
        let bytes: u64 = effects.taken.values().map(|(bytes, _)| bytes).sum();
        let back = effects
            .free_first
            .iter()
            .filter_map(|base| self.owner(*base));
        let back: u64 = back.map(|owned| owned.bytes).sum();
        if bytes > self.memory.free_bytes().saturating_add(back) {
            return Err(Error::OutOfMemory);
        }
        Ok(effects)
    }
}
