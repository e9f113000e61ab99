//! A program that makes any calls in any order, with any handles.
//!
//! Properties of `random.rs` and the fuzz target for calls drive it.

use std::sync::Arc;
use std::time::Instant;

use cuda_sim_driver::machine::{
    CopyEnd, Finished, FunctionAttribute, PoolAttribute, Shape, Transfer, Wait,
};
use cuda_sim_driver::{
    Caller, CaptureMode, ContextId, Error, EventId, ExecId, FunctionId, GraphId, Machine, ModuleId,
    PoolId, Settings, StreamId, StreamRef,
};

use crate::program::{Call, KERNELS, Memory};

/// Bytes of the device.
const DEVICE: u64 = 1 << 20;
/// Most of a module's, a graph's and a program's things, so that one that
/// doubles what it has comes to an end, too.
const MANY: usize = 256;

/// Kernels that never end, that allocate, and that print.
const MORE_KERNELS: &str = "
.version 8.3
.target sm_80
.address_size 64
.extern .func (.param .b64 result) malloc(.param .b64 bytes);
.extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 values);
.global .align 1 .b8 text[3] = {104, 105, 0};
.const .align 4 .u32 constant = 7;
.visible .entry forever()
{
L:
    bra L;
}
.visible .entry takes(.param .u64 x)
{
    .reg .b64 %rd<3>;
    .param .b64 bytes;
    .param .b64 result;
    ld.param.u64 %rd1, [x];
    st.param.b64 [bytes], 24;
    call (result), malloc, (bytes);
    ld.param.b64 %rd2, [result];
    st.global.u64 [%rd1], %rd2;
    ret;
}
.visible .entry says()
{
    .reg .b64 %rd<3>;
    .param .b64 format;
    .param .b64 values;
    .param .b32 result;
    mov.u64 %rd1, text;
    cvta.global.u64 %rd1, %rd1;
    st.param.b64 [format], %rd1;
    st.param.b64 [values], 0;
    call (result), vprintf, (format, values);
    ret;
}";

/// A call: what it is, numbers to choose what it is about, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) what: u8,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) thread: bool,
}

impl Step {
    /// How many calls there are, and one more for work.
    pub(crate) const KINDS: u8 = 60;

    /// From bytes of any kind.
    #[cfg_attr(test, expect(dead_code, reason = "for the fuzz target"))]
    pub(crate) fn of([what, a, b]: [u8; 3]) -> Self {
        Self {
            what: what % 128 % Self::KINDS,
            a,
            b,
            thread: what >= 128,
        }
    }
}

/// A program with two threads that holds on to whatever it was given, also to
/// what it has given back.
pub(crate) struct Wild {
    machine: Machine,
    callers: [Caller; 2],
    /// Work that was done, and of which the machine does not know yet.
    held: Vec<Finished>,
    contexts: Vec<ContextId>,
    streams: Vec<StreamRef>,
    events: Vec<EventId>,
    addresses: Vec<u64>,
    modules: Vec<ModuleId>,
    functions: Vec<FunctionId>,
    graphs: Vec<GraphId>,
    execs: Vec<ExecId>,
    pools: Vec<PoolId>,
}

fn of<T: Clone>(all: &[T], at: u8) -> Option<T> {
    let at = usize::from(at).checked_rem(all.len())?;
    Some(all[at].clone())
}

impl Wild {
    pub(crate) fn new() -> Self {
        let mut settings = Settings {
            memory: DEVICE,
            ..Settings::default()
        };
        settings.limits.budget = 1 << 10;
        settings.limits.total = 1 << 14;
        settings.limits.memory = 1 << 26;
        settings.limits.threads = 1;
        let mut machine = Machine::new(settings);
        let context = machine.primary_retain();
        let mut callers = [Caller::default(), Caller::default()];
        for caller in &mut callers {
            caller.set_current(Some(context));
        }
        let pool = machine.pool_default();
        Self {
            machine,
            callers,
            held: Vec::new(),
            contexts: vec![context],
            streams: vec![
                StreamRef::Legacy,
                StreamRef::PerThread,
                StreamRef::Created(StreamId::from_raw(StreamRaw::STALE).unwrap()),
            ],
            events: Vec::new(),
            addresses: vec![0, 8, u64::MAX],
            modules: Vec::new(),
            functions: Vec::new(),
            graphs: Vec::new(),
            execs: Vec::new(),
            pools: vec![pool],
        }
    }

    /// Does all work that is there, as threads would.
    fn run(&mut self) {
        loop {
            for finished in self.held.drain(..) {
                self.machine.finish(finished);
            }
            self.machine.settle(Instant::now());
            let Some(job) = self.machine.take_job() else {
                break;
            };
            self.held.push(job.run());
        }
        self.machine.take_notes();
    }

    /// Does one piece of work, and tells the machine of another one.
    fn run_one(&mut self, which: u8) {
        self.machine.settle(Instant::now());
        if let Some(job) = self.machine.take_job() {
            self.held.push(job.run());
        }
        if !self.held.is_empty() && which >= 64 {
            let at = usize::from(which) % self.held.len();
            let finished = self.held.swap_remove(at);
            self.machine.finish(finished);
        }
    }

    /// A call that waits must find an end to it once all work is done.
    fn wait(&mut self, wait: Wait) -> Result<(), Error> {
        self.run();
        assert!(self.machine.reached(&wait), "{wait:?} has no end");
        self.machine.waited(wait)
    }

    /// Makes a call. What it answers is not looked at.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Error> {
        let pending = match step.what {
            0..=11 => self.order(step)?,
            12..=21 => self.memory(step)?,
            22..=27 => self.work(step)?,
            28..=33 => self.graph(step)?,
            34..=43 => self.context(step)?,
            44..=51 => self.more_memory(step)?,
            52..=56 => self.ask(step)?,
            57 => {
                self.run_one(step.a);
                None
            }
            _ => {
                self.run();
                None
            }
        };
        pending.map_or(Ok(()), |wait| self.wait(wait))
    }

    /// Streams and events.
    fn order(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&self.callers[usize::from(thread)], &mut self.machine);
        let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
        let event = of(&self.events, b).ok_or(Error::InvalidHandle);
        match what {
            0 => {
                let made = machine.stream_create(caller, b.is_multiple_of(2), i32::from(b))?;
                self.streams.push(StreamRef::Created(made));
            }
            1 => machine.stream_destroy(caller, stream)?,
            2 => {
                let made = machine.event_create(caller, (b % 9).into())?;
                self.events.push(made);
            }
            3 => machine.event_record(caller, event?, stream)?,
            4 => machine.stream_wait_event(caller, stream, event?)?,
            5 => machine.event_query(caller, event?)?,
            6 => return machine.event_synchronize(caller, event?).map(Some),
            7 => {
                let other = of(&self.events, a).ok_or(Error::InvalidHandle)?;
                machine.event_elapsed(caller, event?, other)?;
            }
            8 => machine.event_destroy(caller, event?)?,
            9 => return machine.stream_synchronize(caller, stream).map(Some),
            10 => machine.stream_query(caller, stream)?,
            _ => return machine.context_synchronize(caller).map(Some),
        }
        Ok(None)
    }

    /// A number of bytes, now and then one that is far too large.
    fn bytes(a: u8, b: u8) -> u64 {
        if a.is_multiple_of(31) {
            1 << (b % 64)
        } else {
            u64::from(b) * 16
        }
    }

    /// Memory: taken, given back, copied, filled.
    fn memory(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&self.callers[usize::from(thread)], &mut self.machine);
        let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
        let address = of(&self.addresses, a).unwrap_or(0);
        let other = of(&self.addresses, b).unwrap_or(0);
        let made = match what {
            12 => machine.allocate(caller, Self::bytes(a, b))?,
            13 => {
                let pool = of(&self.pools, b).filter(|_| b.is_multiple_of(2));
                machine.allocate_async(caller, stream, Self::bytes(a, b), pool)?
            }
            14 => machine.allocate_managed(caller, Self::bytes(a, b), (a % 4).into())?,
            15 => machine.allocate_host(caller, Self::bytes(a, b), (a % 9).into())?,
            16 => return machine.free(caller, address),
            17 => return machine.free_host(caller, address),
            18 => {
                machine.free_async(caller, other, stream)?;
                return Ok(None);
            }
            19 | 20 => {
                let memory = Memory::of(&[1; 1024]);
                let ends = [
                    CopyEnd::Device(address),
                    CopyEnd::Device(other.wrapping_add(4)),
                    memory.end(),
                    CopyEnd::Host(other, Arc::new(memory.clone())),
                ];
                let (from, to) = (usize::from(a % 4), usize::from(b % 4));
                // The program's memory is as long as it says.
                let hosts = from >= 2 || to >= 2;
                let copy = Transfer {
                    from: ends[from].clone(),
                    to: ends[to].clone(),
                    bytes: if hosts {
                        u64::from(b) * 16
                    } else {
                        Self::bytes(a, b)
                    },
                };
                return if what == 19 {
                    machine.copy(caller, &copy)
                } else {
                    machine.copy_async(caller, stream, &copy)
                };
            }
            _ => {
                let pattern = [a, b, 0, 1];
                let pattern = &pattern[..usize::from(b % 5)];
                machine.fill_async(caller, stream, other, pattern, Self::bytes(a, b))?;
                return Ok(None);
            }
        };
        self.addresses.push(made);
        Ok(None)
    }

    /// Modules and launches.
    fn work(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&self.callers[usize::from(thread)], &mut self.machine);
        let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
        let module = of(&self.modules, b).ok_or(Error::InvalidHandle);
        match what {
            22 => {
                let text = match b % 8 {
                    0 => "nonsense",
                    1..=3 => MORE_KERNELS,
                    _ => KERNELS,
                };
                let loaded = machine.module_load(caller, text);
                self.modules.push(loaded.map_err(|failure| failure.error)?);
            }
            23 => {
                let names = [
                    "add", "beyond", "fails", "shares", "none", "forever", "takes", "says",
                ];
                let name = names[usize::from(a) % names.len()];
                let found = machine.module_function(caller, module?, name)?;
                self.functions.push(found);
            }
            24 => return machine.module_unload(caller, module?).map(Some),
            25 | 26 => {
                let function = of(&self.functions, b).ok_or(Error::InvalidHandle)?;
                let (_, length) = machine.function_params(caller, function)?;
                let mut arguments = vec![0; length as usize + usize::from(a == 77)];
                if let Some(place) = arguments.first_chunk_mut() {
                    *place = of(&self.addresses, a / 3).unwrap_or(0).to_le_bytes();
                }
                let shape = Shape {
                    grid: [u32::from(a % 3), 1, u32::from(b == 99) * 65535 + 1],
                    block: [u32::from(b % 9), 1, 1],
                    dynamic_shared: (u32::from(a) * 4) << (b % 16),
                };
                machine.launch(caller, stream, function, shape, &arguments, what == 26)?;
            }
            _ => machine.stream_call(caller, stream, Arc::new(Call(|| ())))?,
        }
        Ok(None)
    }

    /// Captures and graphs.
    fn graph(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&self.callers[usize::from(thread)], &mut self.machine);
        let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
        let mode = CaptureMode::of_code(u32::from(b % 3)).unwrap_or_default();
        let graph = of(&self.graphs, b).ok_or(Error::InvalidHandle);
        let exec = of(&self.execs, b).ok_or(Error::InvalidHandle);
        match what {
            28 => machine.capture_begin(caller, stream, mode)?,
            29 => {
                let made = machine.capture_end(caller, stream)?;
                // Graphs that contain themselves, over and over, are left out.
                if machine.graph_nodes(made)? < MANY {
                    self.graphs.push(made);
                }
            }
            30 => {
                let made = machine.graph_instantiate(caller, graph?, u64::from(a % 10))?;
                self.execs.push(made);
            }
            31 => machine.graph_launch(caller, exec?, stream)?,
            32 => machine.graph_exec_destroy(caller, exec?)?,
            _ => machine.graph_destroy(caller, graph?)?,
        }
        Ok(None)
    }

    /// Contexts and pools.
    fn context(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&mut self.callers[usize::from(thread)], &mut self.machine);
        let context = of(&self.contexts, b);
        let mode = CaptureMode::of_code(u32::from(b % 3)).unwrap_or_default();
        match what {
            34 if self.contexts.len() < MANY => {
                self.contexts.push(machine.context_create(caller, 0));
            }
            35 => {
                let context = context.ok_or(Error::InvalidContext)?;
                return machine.context_destroy(caller, context).map(Some);
            }
            36 => caller.set_current(context.filter(|_| a > 16)),
            37 => self.contexts.push(machine.primary_retain()),
            38 => return machine.primary_release(),
            39 => return Ok(machine.primary_reset()),
            40 => self.pools.push(machine.pool_create()),
            41 => {
                let pool = of(&self.pools, b).ok_or(Error::InvalidValue)?;
                machine.pool_destroy(pool)?;
            }
            42 => {
                caller.exchange_mode(mode);
            }
            _ => {
                let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
                let address = of(&self.addresses, b).unwrap_or(0);
                machine.stream_attach(caller, stream, address, u64::from(a / 3))?;
            }
        }
        Ok(None)
    }

    /// Memory of pools and modules.
    fn more_memory(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&self.callers[usize::from(thread)], &mut self.machine);
        let address = of(&self.addresses, a).unwrap_or(0);
        let pool = of(&self.pools, a).ok_or(Error::InvalidValue);
        match what {
            44 => {
                let module = of(&self.modules, b).ok_or(Error::InvalidHandle)?;
                let name = ["counter", "text", "constant", "none"][usize::from(a % 4)];
                let (base, _) = machine.module_global(caller, module, name)?;
                self.addresses.push(base);
            }
            45 => self.addresses.push(address.wrapping_add(b.into())),
            46 => machine.pool_set_current(pool?)?,
            47 => machine.pool_trim(pool?, u64::from(b))?,
            48 => {
                let value = if b.is_multiple_of(3) {
                    PoolAttribute::Int(b.into())
                } else {
                    PoolAttribute::Bytes(u64::from(b) - 1)
                };
                machine.pool_set_attribute(pool?, u32::from(b % 10), value)?;
            }
            49 => {
                let pattern = [a, b, 2, 3];
                let pattern = &pattern[..usize::from(b % 5)];
                return machine
                    .fill(caller, address, pattern, Self::bytes(b, a))
                    .map(Some);
            }
            50 => machine.managed_hint(caller, address, Self::bytes(a, b))?,
            _ => *machine.context_limit(caller, u32::from(a % 8))? = Self::bytes(a, b),
        }
        Ok(None)
    }

    /// Questions.
    fn ask(&mut self, step: Step) -> Result<Option<Wait>, Error> {
        let Step { what, a, b, thread } = step;
        let (caller, machine) = (&self.callers[usize::from(thread)], &mut self.machine);
        let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
        let function = of(&self.functions, b).ok_or(Error::InvalidHandle);
        match what {
            52 => {
                machine.capture_status(caller, stream)?;
                machine.stream_properties(caller, stream)?;
                machine.stream_context(caller, stream)?;
            }
            53 => {
                let attribute = FunctionAttribute::of_code(u32::from(a % 18));
                let attribute = attribute.ok_or(Error::InvalidValue)?;
                machine.function_attribute(caller, function?, attribute)?;
                let value = (i32::from(b) - 2) << (a % 24);
                machine.function_set_attribute(caller, function?, attribute, value)?;
            }
            54 => {
                let (threads, dynamic) = (u32::from(a) * 8, u32::from(b) << (a % 16));
                machine.occupancy(caller, function?, threads, dynamic)?;
                let threads = machine.occupancy_candidates(caller, function?, u32::from(a))?;
                let threads: Vec<_> = threads.into_iter().map(|count| (count, dynamic)).collect();
                machine.occupancy_best(caller, function?, &threads)?;
                machine.occupancy_shared(caller, function?, b.into(), u32::from(a) * 8)?;
            }
            55 => {
                let exec = of(&self.execs, b).ok_or(Error::InvalidHandle)?;
                machine.graph_upload(caller, exec, stream)?;
            }
            _ => {
                let (free, all) = machine.memory_info(caller)?;
                assert!(free <= all);
                let address = of(&self.addresses, a).unwrap_or(0);
                if let Some(span) = machine.span(address) {
                    assert!(address - span.base < span.bytes);
                }
                let pool = of(&self.pools, b).ok_or(Error::InvalidValue)?;
                machine.pool_attribute(pool, u32::from(a % 10))?;
            }
        }
        Ok(None)
    }

    /// Ends the program; all memory of the device must be free then.
    pub(crate) fn end(mut self) {
        self.run();
        self.machine.exit();
        // All that is in memory is somebody's: contexts give back what they had.
        while let Ok(wait) = self.machine.primary_release() {
            if let Some(wait) = wait {
                self.wait(wait).unwrap();
            }
        }
        for context in std::mem::take(&mut self.contexts) {
            let wait = self
                .machine
                .context_destroy(&mut Caller::default(), context);
            if let Ok(wait) = wait {
                self.wait(wait).unwrap();
            }
        }
        if let Some(wait) = self.machine.primary_reset() {
            self.wait(wait).unwrap();
        }
        assert_eq!(self.machine.free_bytes(), DEVICE);
    }
}

struct StreamRaw;

impl StreamRaw {
    /// A stream's handle that nobody was given.
    const STALE: u64 = 0x00c5 << 48 | 4 << 40 | 0xffff;
}
