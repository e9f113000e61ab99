//! Contexts: made, made current, waited for, and taken down with all they own.

use std::collections::{BTreeMap, BTreeSet};

use cuda_sim::Heap;

use super::memory::Owned;
use super::stream::{Stream, StreamKind};
use super::tasks::TaskId;
use super::{Machine, Note};
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, PoolId, StreamId};
use crate::report::Found;

/// Leaks that are listed one by one.
const MOST_LEAKS: usize = 64;

/// What a context owns that is not in a table of its own.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) heap: Heap,
    pub(super) flags: u32,
    /// What every call answers, since something went wrong for good.
    pub(super) error: Option<Error>,
    pub(super) legacy: StreamId,
    /// Default streams of threads.
    pub(super) per_thread: BTreeMap<u64, StreamId>,
    /// Last work of streams that are gone, for which the default one waits.
    pub(super) orphans: Vec<TaskId>,
    pub(super) pending: BTreeSet<TaskId>,
    /// Not shown yet.
    pub(super) printed: Vec<u8>,
    /// What the program may name, as of its calls.
    pub(super) owned: BTreeMap<u64, Owned>,
    /// Where variables of modules start.
    pub(super) variables: BTreeSet<u64>,
    /// What came from a pool and has not gone back.
    pub(super) pooled: BTreeMap<u64, PoolId>,
    pub(super) allocations: u64,
    pub(super) limits: BTreeMap<u32, u64>,
    pub(super) cache_config: u32,
}

impl Context {
    /// What kernels may have of `malloc` at once.
    pub(super) fn malloc_bytes(&self) -> u64 {
        self.limits.get(&MALLOC_HEAP_SIZE).copied().unwrap_or(0)
    }
}

/// The context that all of a process shares.
#[derive(Debug)]
pub(super) struct Primary {
    pub(super) id: ContextId,
    retained: u32,
    flags: u32,
}

impl Primary {
    pub(super) fn new(id: ContextId) -> Self {
        Self {
            id,
            retained: 0,
            flags: 0,
        }
    }
}

/// What a call waits for.
#[derive(Debug)]
pub struct Wait {
    context: ContextId,
    until: Until,
    then: Then,
}

impl Wait {
    /// For these, all of one context.
    pub(super) fn of(context: ContextId, tasks: Vec<TaskId>) -> Self {
        Self {
            context,
            until: Until::Tasks(tasks),
            then: Then::Nothing,
        }
    }
}

#[derive(Debug)]
enum Until {
    Tasks(Vec<TaskId>),
    /// All work of the context that was there.
    Before(TaskId),
}

#[derive(Debug)]
enum Then {
    Nothing,
    /// The context goes.
    Remove,
    /// It goes unless someone has retained it meanwhile.
    RemoveUnlessRetained,
    Unload(crate::handle::ModuleId),
}

/// `CU_LIMIT_MALLOC_HEAP_SIZE`.
const MALLOC_HEAP_SIZE: u32 = 2;

/// Limits that a context has: number in `CUlimit`, value at the start.
/// Programming guide, "Configuration": 1 MiB for what kernels print, 8 MiB
/// for what they allocate. The stack is what the simulator gives a thread.
const LIMITS: &[(u32, u64)] = &[
    (0, 16 << 10),
    (1, 1 << 20),
    (MALLOC_HEAP_SIZE, 8 << 20),
    (3, 2),
    (4, 2048),
    (5, 64),
    (6, 0),
];

impl Machine {
    /// The number of devices.
    pub fn device_count(&self) -> i32 {
        1
    }

    /// The device of a number.
    pub fn device(&self, ordinal: i32) -> Result<(), Error> {
        if ordinal == 0 {
            Ok(())
        } else {
            Err(Error::InvalidDevice)
        }
    }

    fn new_context(&mut self, id: ContextId, flags: u32) {
        let legacy = StreamId::numbered(self.number());
        self.streams
            .insert(legacy, Stream::new(id, StreamKind::Legacy, 0));
        let context = Context {
            heap: self.memory.beside(),
            flags,
            error: None,
            legacy,
            per_thread: BTreeMap::new(),
            orphans: Vec::new(),
            pending: BTreeSet::new(),
            printed: Vec::new(),
            owned: BTreeMap::new(),
            variables: BTreeSet::new(),
            pooled: BTreeMap::new(),
            allocations: 0,
            limits: LIMITS.iter().copied().collect(),
            cache_config: 0,
        };
        self.contexts.insert(id, context);
    }

    /// Makes a context, current for the caller.
    pub fn context_create(&mut self, caller: &mut Caller, flags: u32) -> ContextId {
        let id = ContextId::numbered(self.number());
        self.new_context(id, flags);
        caller.contexts.push(id);
        id
    }

    /// Takes a context down once its work is done.
    pub fn context_destroy(&mut self, caller: &mut Caller, id: ContextId) -> Result<Wait, Error> {
        if !self.contexts.contains_key(&id) {
            return Err(Error::InvalidContext);
        }
        if id == self.primary.id {
            return Err(Error::InvalidContext);
        }
        if caller.current() == Some(id) {
            caller.contexts.pop();
        }
        Ok(self.all_before_now(id, Then::Remove))
    }

    /// Holds the primary context, which is made if it is not there.
    pub fn primary_retain(&mut self) -> ContextId {
        let id = self.primary.id;
        if !self.contexts.contains_key(&id) {
            self.new_context(id, self.primary.flags);
        }
        self.primary.retained += 1;
        id
    }

    /// Lets it go; the last one takes it down.
    pub fn primary_release(&mut self) -> Result<Option<Wait>, Error> {
        let left = self.primary.retained.checked_sub(1);
        self.primary.retained = left.ok_or(Error::InvalidContext)?;
        let last = self.primary.retained == 0;
        Ok(last.then(|| self.all_before_now(self.primary.id, Then::RemoveUnlessRetained)))
    }

    /// Takes all down that it owns, and its error.
    pub fn primary_reset(&mut self) -> Option<Wait> {
        let id = self.primary.id;
        let there = self.contexts.contains_key(&id);
        there.then(|| self.all_before_now(id, Then::Remove))
    }

    /// Its flags, and whether it is there.
    pub fn primary_state(&self) -> (u32, bool) {
        let active = self.contexts.contains_key(&self.primary.id);
        (self.primary.flags, active)
    }

    /// Sets its flags.
    pub fn primary_set_flags(&mut self, flags: u32) {
        self.primary.flags = flags;
        if let Some(context) = self.contexts.get_mut(&self.primary.id) {
            context.flags = flags;
        }
    }

    /// Whether there is such a context; one with an error is there.
    pub fn context_exists(&self, id: ContextId) -> Result<(), Error> {
        let there = self.contexts.contains_key(&id);
        there.then_some(()).ok_or(Error::InvalidContext)
    }

    /// Waits for all work of the current context.
    pub fn context_synchronize(&mut self, caller: &Caller) -> Result<Wait, Error> {
        let id = self.current(caller)?;
        if self.invalidate_captures_of(id) {
            return Err(Error::StreamCaptureUnsupported);
        }
        Ok(self.all_before_now(id, Then::Nothing))
    }

    /// The current context's flags.
    pub fn context_flags(&mut self, caller: &Caller) -> Result<&mut u32, Error> {
        let id = self.current(caller)?;
        Ok(&mut self.context(id)?.flags)
    }

    /// Its preference about the cache, which changes nothing.
    pub fn context_cache_config(&mut self, caller: &Caller) -> Result<&mut u32, Error> {
        let id = self.current(caller)?;
        Ok(&mut self.context(id)?.cache_config)
    }

    /// A limit by its number in `CUlimit`. It is kept, and but for what
    /// kernels may allocate it changes nothing.
    pub fn context_limit(&mut self, caller: &Caller, limit: u32) -> Result<&mut u64, Error> {
        let id = self.current(caller)?;
        let limits = &mut self.context(id)?.limits;
        limits.get_mut(&limit).ok_or(Error::UnsupportedLimit)
    }

    /// Whether a caller has a context that works.
    pub fn context_check(&self, caller: &Caller) -> Result<ContextId, Error> {
        self.current(caller)
    }

    fn all_before_now(&self, context: ContextId, then: Then) -> Wait {
        Wait {
            context,
            until: Until::Before(self.tasks.next()),
            then,
        }
    }

    pub(super) fn wait_to_unload(
        &self,
        context: ContextId,
        module: crate::handle::ModuleId,
    ) -> Wait {
        self.all_before_now(context, Then::Unload(module))
    }

    /// Whether a call's wait is over.
    pub fn reached(&self, wait: &Wait) -> bool {
        match &wait.until {
            Until::Tasks(tasks) => tasks.iter().all(|task| self.tasks.is_done(*task)),
            Until::Before(mark) => self
                .contexts
                .get(&wait.context)
                .is_none_or(|context| context.pending.range(..mark).next().is_none()),
        }
    }

    /// Ends a wait that is over: shows what was printed, and tells of errors.
    #[expect(clippy::needless_pass_by_value, reason = "it is over once")]
    pub fn waited(&mut self, wait: Wait) -> Result<(), Error> {
        self.show_printed(wait.context);
        self.trim_pools();
        match wait.then {
            Then::Nothing => self.well(wait.context).map(|_| ()),
            Then::Unload(module) => {
                self.unload(module);
                self.well(wait.context).map(|_| ())
            }
            Then::RemoveUnlessRetained if self.primary.retained > 0 => Ok(()),
            Then::Remove | Then::RemoveUnlessRetained => {
                self.remove(wait.context);
                if wait.context == self.primary.id && self.primary.retained > 0 {
                    self.new_context(wait.context, self.primary.flags);
                }
                Ok(())
            }
        }
    }

    pub(super) fn show_printed(&mut self, id: ContextId) {
        if let Some(context) = self.contexts.get_mut(&id)
            && !context.printed.is_empty()
        {
            let printed = std::mem::take(&mut context.printed);
            self.notes.push(Note::Printed(printed));
        }
    }

    fn remove(&mut self, id: ContextId) {
        self.report_leaks(id);
        let Some(context) = self.contexts.remove(&id) else {
            return;
        };
        for (base, pool) in &context.pooled {
            let bytes = context.heap.find(*base).map_or(0, |found| found.bytes());
            self.back_to_pool(*pool, bytes);
        }
        self.streams.retain(|_, stream| stream.context != id);
        self.events.retain(|_, event| event.context != id);
        self.modules.retain(|_, module| module.context != id);
        self.functions.retain(|_, function| function.context != id);
        self.captures.retain(|_, capture| capture.context != id);
        self.graphs.retain(|_, graph| graph.context != id);
        self.execs.retain(|_, exec| exec.context != id);
    }

    /// What a context has allocated and not freed.
    fn report_leaks(&mut self, id: ContextId) {
        let Some(context) = self.contexts.get(&id) else {
            return;
        };
        let leaks: Vec<_> = context.owned.iter().collect();
        let listed = leaks.iter().take(MOST_LEAKS);
        let listed = listed.map(|(address, owned)| Found::Leak {
            name: owned.name.clone(),
            address: **address,
            bytes: owned.bytes,
        });
        self.notes.extend(listed.map(Note::Finding));
        let more = leaks.iter().skip(MOST_LEAKS);
        let (count, bytes) = more.fold((0, 0), |(count, bytes), (_, owned)| {
            (count + 1, bytes + owned.bytes)
        });
        if count > 0 {
            let more = Found::MoreLeaks { count, bytes };
            self.notes.push(Note::Finding(more));
        }
    }

    /// The program ends: what it never freed is a finding.
    pub fn exit(&mut self) {
        let ids: Vec<_> = self.contexts.keys().copied().collect();
        for id in ids {
            self.report_leaks(id);
        }
    }
}
