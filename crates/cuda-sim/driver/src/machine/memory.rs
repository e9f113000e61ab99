//! Memory: taken, given back, copied, filled.

use std::sync::Arc;

use super::action::{Action, Done, HostMemory, Place};
use super::context::Wait;
use super::{Machine, Note};
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, PoolId, StreamId, StreamRef};
use cuda_sim::HeapError;

/// What a program has taken and may still name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) bytes: u64,
    pub(super) name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Device,
    /// In the host's memory, and everyone's.
    Managed,
    /// In the host's memory, within the device's reach.
    Pinned,
    Pool(PoolId),
}

impl Owned {
    pub(super) fn from_graph(bytes: u64, pool: PoolId) -> Self {
        Self {
            bytes,
            name: "memory of a graph".to_owned(),
            kind: Kind::Pool(pool),
        }
    }

    pub(super) fn is_managed(&self) -> bool {
        self.kind == Kind::Managed
    }

    /// Whether the host can access it.
    fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Managed | Kind::Pinned)
    }
}

/// Memory that an address lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it starts.
    pub base: u64,
    /// How long it is.
    pub bytes: u64,
    /// Whose it is.
    pub context: ContextId,
    /// Whether it is the host's, within the device's reach.
    pub pinned: bool,
    /// Whether it is managed.
    pub managed: bool,
}

/// One end of a copy, as a program names it.
#[derive(Clone)]
pub enum CopyEnd {
    /// Memory of the device, or shared with it.
    Device(u64),
    /// Memory of the program. If its address is in memory that is shared with
    /// the device it is that.
    Host(u64, Arc<dyn HostMemory>),
}

impl std::fmt::Debug for CopyEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Device(address) => write!(f, "Device({address:#x})"),
            Self::Host(address, _) => write!(f, "Host({address:#x})"),
        }
    }
}

/// A copy.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// From where.
    pub from: CopyEnd,
    /// To where.
    pub to: CopyEnd,
    /// How much.
    pub bytes: u64,
}

/// What was read from a program's memory when the copy was asked for.
struct Staged(Vec<u8>);

impl HostMemory for Staged {
    fn read(&self, at: u64, into: &mut [u8]) {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        into.copy_from_slice(&self.0[at..at + into.len()]);
    }

    /// It is only ever a source.
    fn write(&self, _at: u64, _from: &[u8]) {}
}

fn error_of_heap(error: &HeapError) -> Error {
    match error {
        HeapError::Full { .. } | HeapError::Machine { .. } => Error::OutOfMemory,
        HeapError::Unknown { .. } => Error::InvalidValue,
    }
}

impl Machine {
    fn take(
        &mut self,
        context: ContextId,
        call: &str,
        bytes: u64,
        kind: Kind,
    ) -> Result<u64, Error> {
        if bytes == 0 {
            return Err(Error::InvalidValue);
        }
        let context = self.context(context)?;
        context.allocations += 1;
        let name = format!("{call} #{}", context.allocations);
        let made = match kind {
            Kind::Managed | Kind::Pinned => context.heap.allocate_shared(bytes, &name),
            Kind::Device | Kind::Pool(_) => context.heap.allocate(bytes, &name, false),
        };
        let base = match made {
            Ok(allocation) => allocation.base(),
            Err(error) => {
                self.notes.push(Note::Message(format!("{call}: {error}")));
                return Err(error_of_heap(&error));
            }
        };
        context.owned.insert(base, Owned { bytes, name, kind });
        if let Kind::Pool(pool) = kind {
            context.pooled.insert(base, pool);
            self.out_of_pool(pool, bytes);
        }
        Ok(base)
    }

    /// Takes memory of the device.
    pub fn allocate(&mut self, caller: &Caller, bytes: u64) -> Result<u64, Error> {
        let context = self.current(caller)?;
        self.unsafe_call(caller)?;
        self.take(context, "cuMemAlloc", bytes, Kind::Device)
    }

    /// Takes memory that host and device share; `flags` as for
    /// `cuMemAllocManaged`.
    pub fn allocate_managed(
        &mut self,
        caller: &Caller,
        bytes: u64,
        flags: u32,
    ) -> Result<u64, Error> {
        let context = self.current(caller)?;
        if !matches!(flags, 1 | 2) {
            return Err(Error::InvalidValue);
        }
        self.unsafe_call(caller)?;
        self.take(context, "cuMemAllocManaged", bytes, Kind::Managed)
    }

    /// Takes memory of the host that the device can access.
    pub fn allocate_host(&mut self, caller: &Caller, bytes: u64, flags: u32) -> Result<u64, Error> {
        let context = self.current(caller)?;
        if flags & !7 != 0 {
            return Err(Error::InvalidValue);
        }
        self.unsafe_call(caller)?;
        self.take(context, "cuMemHostAlloc", bytes, Kind::Pinned)
    }

    /// Takes memory in a stream's order, from the current pool or another.
    pub fn allocate_async(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        bytes: u64,
        pool: Option<PoolId>,
    ) -> Result<u64, Error> {
        let id = self.stream(caller, stream)?;
        let pool = pool.unwrap_or(self.current_pool);
        self.pool(pool)?;
        if bytes == 0 {
            return Err(Error::InvalidValue);
        }
        if self.capture_of(id)?.is_none() {
            self.keep_from_captures(id)?;
            let context = self.streams[&id].context;
            return self.take(context, "cuMemAllocAsync", bytes, Kind::Pool(pool));
        }
        let base = self.memory.reserve(bytes);
        self.capture_node(id, Action::Allocate { base, bytes, pool })?;
        if let Some(capture) = self.capture_of(id)? {
            capture.allocated.insert(base, bytes);
        }
        Ok(base)
    }

    /// A graph's node takes its memory.
    pub(super) fn allocate_for_graph(
        &mut self,
        context: ContextId,
        base: u64,
        bytes: u64,
        pool: PoolId,
    ) -> Result<(), Done> {
        let Some(found) = self.contexts.get_mut(&context) else {
            return Ok(());
        };
        if let Err(error) = found.heap.allocate_at(base, bytes, "memory of a graph") {
            return Err(Done {
                messages: vec![format!("a graph's memory: {error}")],
                error: Some(error_of_heap(&error)),
                ..Done::default()
            });
        }
        found.pooled.insert(base, pool);
        self.out_of_pool(pool, bytes);
        Ok(())
    }

    /// Memory goes back to the device.
    pub(super) fn release(&mut self, base: u64) {
        for context in self.contexts.values_mut() {
            let bytes = context.heap.find(base).map_or(0, |found| found.bytes());
            if context.heap.release(base).is_ok() {
                if let Some(pool) = context.pooled.remove(&base) {
                    self.back_to_pool(pool, bytes);
                }
                return;
            }
        }
    }

    /// What starts at an address and may still be named.
    pub(super) fn owner(&self, base: u64) -> Option<&Owned> {
        let mut contexts = self.contexts.values();
        contexts.find_map(|context| context.owned.get(&base))
    }

    pub(super) fn disown(&mut self, base: u64) -> Option<(ContextId, Owned)> {
        let mut contexts = self.contexts.iter_mut();
        contexts.find_map(|(id, context)| Some((*id, context.owned.remove(&base)?)))
    }

    /// Gives memory back once all that the context has to do is done.
    pub fn free(&mut self, caller: &Caller, base: u64) -> Result<Option<Wait>, Error> {
        self.free_now(caller, base, |kind| kind != Kind::Pinned)
    }

    /// As `free`, for memory of the host.
    pub fn free_host(&mut self, caller: &Caller, base: u64) -> Result<Option<Wait>, Error> {
        self.free_now(caller, base, |kind| kind == Kind::Pinned)
    }

    fn free_now(
        &mut self,
        caller: &Caller,
        base: u64,
        fits: impl Fn(Kind) -> bool,
    ) -> Result<Option<Wait>, Error> {
        self.current(caller)?;
        self.unsafe_call(caller)?;
        if base == 0 {
            return Ok(None);
        }
        if !self.owner(base).is_some_and(|owned| fits(owned.kind)) {
            self.say(format!(
                "{base:#x} can't be freed: nothing was allocated there, or it was freed"
            ));
            return Err(Error::InvalidValue);
        }
        let Some((context, _)) = self.disown(base) else {
            return Err(Error::InvalidValue);
        };
        let pending = self.context(context)?.pending.clone();
        let task = self.loose_task(context, pending, Action::Free(base));
        Ok(Some(Wait::of(context, vec![task])))
    }

    /// Gives memory back in a stream's order.
    pub fn free_async(
        &mut self,
        caller: &Caller,
        base: u64,
        stream: StreamRef,
    ) -> Result<(), Error> {
        let id = self.stream(caller, stream)?;
        if let Some(capture) = self.capture_of(id)? {
            let own = capture.allocated.remove(&base).is_some();
            if !own && self.owner(base).is_none() {
                return Err(Error::InvalidValue);
            }
            return self.capture_node(id, Action::Free(base));
        }
        let shared = self.owner(base).map(Owned::is_shared);
        if shared != Some(false) {
            self.say(format!(
                "{base:#x} can't be freed: nothing was allocated there, or it was freed"
            ));
            return Err(Error::InvalidValue);
        }
        self.put(id, Action::Free(base))?;
        self.disown(base);
        Ok(())
    }

    /// Bytes of the device that are free, whoever asks.
    pub fn free_bytes(&self) -> u64 {
        self.memory.free_bytes()
    }

    /// Free and all bytes of the device.
    pub fn memory_info(&mut self, caller: &Caller) -> Result<(u64, u64), Error> {
        self.current(caller)?;
        Ok((self.memory.free_bytes(), self.memory.capacity()))
    }

    /// The memory that an address lies in.
    pub fn span(&self, address: u64) -> Option<Span> {
        self.contexts.iter().find_map(|(id, context)| {
            let (base, owned) = context.owned.range(..=address).next_back()?;
            (address - base < owned.bytes).then(|| Span {
                base: *base,
                bytes: owned.bytes,
                context: *id,
                pinned: owned.kind == Kind::Pinned,
                managed: owned.kind == Kind::Managed,
            })
        })
    }

    /// Whether an address is of the device, or shared with it.
    pub fn is_device_address(&self, address: u64) -> bool {
        let mut heaps = self.contexts.values().map(|context| &context.heap);
        heaps.any(|heap| heap.find(address).is_some())
    }

    /// Whether a program may name so many bytes at an address, in a stream's
    /// capture if it is in one.
    fn may_use(&mut self, id: StreamId, address: u64, bytes: u64) -> Result<(), Error> {
        let inside = |base: u64, length: u64| {
            let at = address.wrapping_sub(base);
            at < length && bytes <= length - at
        };
        if let Some(span) = self.span(address)
            && inside(span.base, span.bytes)
        {
            return Ok(());
        }
        let variable = self.contexts.values().any(|context| {
            let found = context.heap.find(address);
            found.is_some_and(|found| {
                context.variables.contains(&found.base()) && inside(found.base(), found.bytes())
            })
        });
        let in_graph = self.capture_of(id)?.is_some_and(|capture| {
            let found = capture.allocated.range(..=address).next_back();
            found.is_some_and(|(base, length)| inside(*base, *length))
        });
        if variable || in_graph {
            return Ok(());
        }
        let place = match self.span(address) {
            Some(span) => format!(
                "{} bytes are left of the allocation",
                span.base + span.bytes - address
            ),
            None => "nothing is allocated there".to_owned(),
        };
        self.say(format!(
            "copy or fill of {bytes} bytes at {address:#x} refused: {place}"
        ));
        Err(Error::InvalidValue)
    }

    /// One end of a copy, and whether the program's own memory is used when
    /// its turn comes.
    fn place(&mut self, id: StreamId, end: &CopyEnd, bytes: u64) -> Result<(Place, bool), Error> {
        match end {
            CopyEnd::Device(address) => {
                self.may_use(id, *address, bytes)?;
                Ok((Place::Device(*address), false))
            }
            CopyEnd::Host(address, memory) => {
                let shared = self
                    .span(*address)
                    .filter(|span| span.pinned || span.managed);
                if shared.is_some() {
                    self.may_use(id, *address, bytes)?;
                    return Ok((Place::Device(*address), false));
                }
                Ok((Place::Host(Arc::clone(memory)), true))
            }
        }
    }

    /// Copies in a stream's order. There is something to wait for where the
    /// program's memory is written that is not shared with the device; such
    /// memory is read at once: CUDA driver API, "API synchronization
    /// behavior".
    pub fn copy_async(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        copy: &Transfer,
    ) -> Result<Option<Wait>, Error> {
        let id = self.stream(caller, stream)?;
        let bytes = copy.bytes;
        if bytes == 0 {
            return Ok(None);
        }
        let captured = self.capture_of(id)?.is_some();
        let (mut from, pageable) = self.place(id, &copy.from, bytes)?;
        let (to, waits) = self.place(id, &copy.to, bytes)?;
        if let Place::Host(memory) = &from
            && pageable
            && !captured
        {
            let mut staged = Vec::new();
            let length = usize::try_from(bytes).map_err(|_| Error::InvalidValue)?;
            staged
                .try_reserve_exact(length)
                .map_err(|_| Error::OutOfMemory)?;
            staged.resize(length, 0);
            memory.read(0, &mut staged);
            from = Place::Host(Arc::new(Staged(staged)));
        }
        let task = self.put(id, Action::Copy { from, to, bytes })?;
        let task = task.filter(|_| waits);
        Ok(task.map(|task| Wait::of(self.streams[&id].context, vec![task])))
    }

    /// Copies; the call is over when it is done.
    pub fn copy(&mut self, caller: &Caller, copy: &Transfer) -> Result<Option<Wait>, Error> {
        let id = self.stream(caller, StreamRef::Legacy)?;
        self.unsafe_call(caller)?;
        self.keep_from_captures(id)?;
        let bytes = copy.bytes;
        if bytes == 0 {
            return Ok(None);
        }
        let (from, _) = self.place(id, &copy.from, bytes)?;
        let (to, _) = self.place(id, &copy.to, bytes)?;
        let task = self.put(id, Action::Copy { from, to, bytes })?;
        let tasks = task.into_iter().collect();
        Ok(Some(Wait::of(self.streams[&id].context, tasks)))
    }

    /// Sets memory to a pattern of one, two or four bytes, in a stream's order.
    pub fn fill_async(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        to: u64,
        pattern: &[u8],
        bytes: u64,
    ) -> Result<(), Error> {
        let id = self.stream(caller, stream)?;
        if pattern.is_empty() || !to.is_multiple_of(pattern.len() as u64) {
            return Err(Error::InvalidValue);
        }
        if bytes == 0 {
            return Ok(());
        }
        self.may_use(id, to, bytes)?;
        let pattern = pattern.into();
        self.put(id, Action::Fill { to, pattern, bytes })
            .map(|_| ())
    }

    /// As `fill_async` in the default stream; the call is over when it is done.
    pub fn fill(
        &mut self,
        caller: &Caller,
        to: u64,
        pattern: &[u8],
        bytes: u64,
    ) -> Result<Wait, Error> {
        self.current(caller)?;
        self.unsafe_call(caller)?;
        self.fill_async(caller, StreamRef::Legacy, to, pattern, bytes)?;
        self.stream_synchronize(caller, StreamRef::Legacy)
    }

    /// What `cuMemPrefetchAsync` and `cuMemAdvise` do here: nothing but to
    /// check that the memory is managed.
    pub fn managed_hint(&mut self, caller: &Caller, address: u64, bytes: u64) -> Result<(), Error> {
        self.current(caller)?;
        let span = self.span(address).filter(|span| span.managed);
        let span = span.ok_or(Error::InvalidValue)?;
        if bytes == 0 || bytes > span.base + span.bytes - address {
            return Err(Error::InvalidValue);
        }
        Ok(())
    }
}
