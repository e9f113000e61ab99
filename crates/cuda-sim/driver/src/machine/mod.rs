//! The driver as a state machine: no threads, no clock, no pointers.
//!
//! A call changes the state and returns at once. Work that it leaves behind is
//! a task, ordered by streams, events and the default stream's
//! rules. Whoever drives the machine calls [`Machine::settle`] after each
//! change, then takes [`Job`]s, runs them wherever it likes, and hands back
//! what they came to. A call that has to wait answers with a [`Wait`]; it is
//! over when [`Machine::reached`] says so, and [`Machine::waited`] then says
//! how it went.
//!
//! ```text
//! call ─► Machine (contexts, streams, events, graphs, memory, modules)
//!            │ put(stream, Action)            ▲ complete(task, Done)
//!            ▼                                │
//!         Tasks ──settle──► Job ──run, outside the lock──► Finished
//! ```
//!
//! What a program may still name (`owned`) is as of its calls; what a kernel
//! can reach (the context's heap) is as of the tasks that were done. That is
//! how a kernel is seen to use memory that the stream had freed before it.

mod action;
mod capture;
mod context;
mod event;
mod graph;
mod launch;
mod memory;
mod module;
mod occupancy;
mod pool;
mod stream;
mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use cuda_sim::{Allocation, Heap};

use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, EventId, ExecId, FunctionId, GraphId, ModuleId, PoolId, StreamId};
use crate::report::{Found, Launched};
use crate::settings::Settings;

pub(crate) use action::error_of;
pub use action::{HostFunction, HostMemory};
pub use capture::CaptureStatus;
pub use context::Wait;
pub use launch::Shape;
pub use memory::{CopyEnd, Span, Transfer};
pub use module::{FunctionAttribute, LoadFailure, Params};
pub use pool::PoolAttribute;
pub use stream::{PRIORITIES, StreamKind};

use action::{Action, Done, End, Place, Work};
use capture::{Capture, CaptureId};
use context::{Context, Primary};
use event::Event;
use graph::{Exec, Graph};
use module::{Function, Loaded};
use pool::Pool;
use stream::Stream;
use tasks::{TaskId, Tasks};

/// Copies and fills up to so many bytes are done at once where they are found
/// ready: handing them to another thread takes longer.
const AT_ONCE: u64 = 1 << 14;

/// Something for the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Something was found.
    Finding(Found),
    /// A launch was counted.
    Launched(Box<Launched>),
    /// What kernels printed.
    Printed(Vec<u8>),
    /// Why a call was refused, and the like.
    Message(String),
}

/// Work that waits for its turn.
#[derive(Debug)]
struct Queued {
    context: ContextId,
    action: Action,
}

/// Work that can be done now, by any thread.
pub struct Job {
    task: TaskId,
    context: ContextId,
    work: Work,
}

/// What became of a [`Job`].
#[derive(Debug)]
pub struct Finished {
    task: TaskId,
    context: ContextId,
    done: Done,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Job").field(&self.task).finish()
    }
}

impl Job {
    /// Does it. This may take long, and calls functions of the program.
    pub fn run(self) -> Finished {
        Finished {
            task: self.task,
            context: self.context,
            done: self.work.run(),
        }
    }

    /// What to hand back if it could not be done.
    pub(crate) fn failure(&self, text: String) -> Finished {
        Finished {
            task: self.task,
            context: self.context,
            done: Done {
                messages: vec![text],
                error: Some(Error::Unknown),
                ..Done::default()
            },
        }
    }
}

/// All that the driver knows.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    /// The device's memory; every context has an address space beside it.
    memory: Heap,
    contexts: BTreeMap<ContextId, Context>,
    primary: Primary,
    tasks: Tasks<Queued>,
    ready: VecDeque<Job>,
    streams: BTreeMap<StreamId, Stream>,
    events: BTreeMap<EventId, Event>,
    modules: BTreeMap<ModuleId, Loaded>,
    functions: BTreeMap<FunctionId, Function>,
    captures: BTreeMap<CaptureId, Capture>,
    graphs: BTreeMap<GraphId, Graph>,
    execs: BTreeMap<ExecId, Exec>,
    pools: BTreeMap<PoolId, Pool>,
    /// The device's own pool, and the one that allocations come from.
    default_pool: PoolId,
    current_pool: PoolId,
    numbers: u64,
    notes: Vec<Note>,
}

impl Machine {
    /// With one device.
    pub fn new(settings: Settings) -> Self {
        let default_pool = PoolId::numbered(1);
        Self {
            settings,
            memory: Heap::new(settings.memory),
            contexts: BTreeMap::new(),
            primary: Primary::new(ContextId::numbered(0)),
            tasks: Tasks::default(),
            ready: VecDeque::new(),
            streams: BTreeMap::new(),
            events: BTreeMap::new(),
            modules: BTreeMap::new(),
            functions: BTreeMap::new(),
            captures: BTreeMap::new(),
            graphs: BTreeMap::new(),
            execs: BTreeMap::new(),
            pools: BTreeMap::from([(default_pool, Pool::default())]),
            default_pool,
            current_pool: default_pool,
            numbers: 1,
            notes: Vec::new(),
        }
    }

    /// What is simulated.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What has come up for the outside since it was last asked.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Work for someone to do.
    pub fn take_job(&mut self) -> Option<Job> {
        self.ready.pop_front()
    }

    /// How much work there is for someone to do.
    pub fn jobs(&self) -> usize {
        self.ready.len()
    }

    /// Does what needs no thread of its own and makes jobs of the rest; to be
    /// called after each call and each job.
    pub fn settle(&mut self, now: Instant) {
        while let Some((task, queued)) = self.tasks.take() {
            let Queued { context, action } = queued;
            let well = self
                .contexts
                .get(&context)
                .is_some_and(|context| context.error.is_none());
            // After an error nothing is done any more, but it ends.
            let begun = if well {
                self.begin(context, action, now)
            } else {
                Ok(None)
            };
            match begun {
                Ok(Some(work)) => self.ready.push_back(Job {
                    task,
                    context,
                    work,
                }),
                Ok(None) => self.complete(task, context, Done::default()),
                Err(done) => self.complete(task, context, done),
            }
        }
    }

    /// Takes back what became of a job.
    pub fn finish(&mut self, finished: Finished) {
        let Finished {
            task,
            context,
            done,
        } = finished;
        self.complete(task, context, done);
    }

    fn complete(&mut self, task: TaskId, context: ContextId, done: Done) {
        self.tasks.finish(task);
        let messages = done.messages.into_iter().map(Note::Message);
        self.notes.extend(messages);
        let findings = done.findings.into_iter().map(Note::Finding);
        self.notes.extend(findings);
        self.notes.extend(done.launched.map(Note::Launched));
        if let Some(context) = self.contexts.get_mut(&context) {
            context.pending.remove(&task);
            context.printed.extend(done.printed);
            if context.error.is_none() {
                context.error = done.error;
            }
        }
    }

    /// What is to be done when its turn has come; nothing if it is done.
    fn begin(
        &mut self,
        context: ContextId,
        action: Action,
        now: Instant,
    ) -> Result<Option<Work>, Done> {
        match action {
            Action::Nothing => Ok(None),
            Action::Stamp(stamp) => {
                // Set once: each record has its own.
                let _ = stamp.set(now);
                Ok(None)
            }
            Action::Launch(launch) => {
                let context = &self.contexts[&context];
                let mut limits = self.settings.limits;
                limits.malloc_bytes = context.malloc_bytes();
                let memory = context.heap.snapshot();
                Ok(Some(Work::Launch(launch, memory, limits)))
            }
            Action::Copy { from, to, bytes } => {
                let from = self.end(from, bytes)?;
                let to = self.end(to, bytes)?;
                Ok(at_once(Work::Copy { from, to, bytes }, bytes))
            }
            Action::Fill { to, pattern, bytes } => {
                let (to, at) = self.resolve(to, bytes)?;
                Ok(at_once(Work::Fill(to, at, pattern, bytes), bytes))
            }
            Action::Host(function) => Ok(Some(Work::Host(function))),
            Action::Allocate { base, bytes, pool } => {
                self.allocate_for_graph(context, base, bytes, pool)?;
                Ok(None)
            }
            Action::Free(base) => {
                self.release(base);
                Ok(None)
            }
        }
    }

    fn end(&self, place: Place, bytes: u64) -> Result<End, Done> {
        Ok(match place {
            Place::Device(address) => {
                let (allocation, at) = self.resolve(address, bytes)?;
                End::Device(allocation, at)
            }
            Place::Host(memory) => End::Host(memory),
        })
    }

    /// The memory at an address, now that it is to be used.
    fn resolve(&self, address: u64, bytes: u64) -> Result<(Arc<Allocation>, u64), Done> {
        if let Some(found) = self.reach(address, bytes) {
            return Ok(found);
        }
        let mut heaps = self.contexts.values().map(|context| &context.heap);
        let name = heaps.find_map(|heap| heap.released(address));
        let found = Found::Copy {
            address,
            bytes,
            name: name.map(str::to_owned),
        };
        Err(Done {
            error: found.error(),
            findings: vec![found],
            ..Done::default()
        })
    }

    /// The memory that so many bytes at an address lie in.
    fn reach(&self, address: u64, bytes: u64) -> Option<(Arc<Allocation>, u64)> {
        let mut heaps = self.contexts.values().map(|context| &context.heap);
        let found = heaps.find_map(|heap| heap.find(address))?;
        let at = address - found.base();
        (found.bytes() - at >= bytes).then(|| (Arc::clone(found), at))
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn say(&mut self, text: String) {
        self.notes.push(Note::Message(text));
    }

    /// The caller's context, if all is well with it.
    fn current(&self, caller: &Caller) -> Result<ContextId, Error> {
        let id = caller.current().ok_or(Error::InvalidContext)?;
        self.well(id)
    }

    /// The context, if all is well with it: an error stays until the context
    /// is gone.
    fn well(&self, id: ContextId) -> Result<ContextId, Error> {
        let context = self.contexts.get(&id).ok_or(Error::ContextIsDestroyed)?;
        context.error.map_or(Ok(id), Err)
    }

    fn context(&mut self, id: ContextId) -> Result<&mut Context, Error> {
        self.contexts.get_mut(&id).ok_or(Error::ContextIsDestroyed)
    }
}

/// Little work is done where it is found.
fn at_once(work: Work, bytes: u64) -> Option<Work> {
    if bytes > AT_ONCE {
        return Some(work);
    }
    work.run();
    None
}
