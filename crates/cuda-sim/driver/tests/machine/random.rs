//! Calls in any order, with any handles: nothing panics, nothing hangs.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use cuda_sim_driver::machine::{CopyEnd, Shape, Transfer, Wait};
use cuda_sim_driver::{
    Caller, CaptureMode, ContextId, Error, EventId, ExecId, FunctionId, GraphId, Machine, ModuleId,
    PoolId, Settings, StreamId, StreamRef,
};

use crate::harness::{Call, KERNELS, Memory};

/// A call: what it is, and numbers to choose what it is about.
#[derive(Clone, Copy, Debug)]
struct Step {
    what: u8,
    a: u8,
    b: u8,
    thread: bool,
}

/// A program with two threads that holds on to whatever it was given, also to
/// what it has given back.
struct Wild {
    machine: Machine,
    callers: [Caller; 2],
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
    fn new() -> Self {
        let mut machine = Machine::new(Settings {
            memory: 1 << 20,
            ..Settings::default()
        });
        let context = machine.primary_retain();
        let mut callers = [Caller::default(), Caller::default()];
        for caller in &mut callers {
            caller.set_current(Some(context));
        }
        Self {
            machine,
            callers,
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
            pools: Vec::new(),
        }
    }

    /// Does all work that is there, as threads would.
    fn run(&mut self) {
        loop {
            self.machine.settle(Instant::now());
            let Some(job) = self.machine.take_job() else {
                break;
            };
            let finished = job.run();
            self.machine.finish(finished);
        }
        self.machine.take_notes();
    }

    /// A call that waits must find an end to it once all work is done.
    fn wait(&mut self, wait: Wait) -> Result<(), Error> {
        self.run();
        assert!(self.machine.reached(&wait), "{wait:?} has no end");
        self.machine.waited(wait)
    }

    fn step(&mut self, step: Step) -> Result<(), Error> {
        let Step { what, a, b, thread } = step;
        let stream = of(&self.streams, a).unwrap_or(StreamRef::Legacy);
        let event = of(&self.events, b).ok_or(Error::InvalidHandle);
        let address = of(&self.addresses, a).unwrap_or(0);
        let bytes = u64::from(b) * 16;
        let caller = &mut self.callers[usize::from(thread)];
        let machine = &mut self.machine;
        let mode = CaptureMode::of_code(u32::from(b % 3)).unwrap_or_default();
        let pending = match what {
            0 => {
                let made = machine.stream_create(caller, b % 2 == 0, i32::from(b))?;
                self.streams.push(StreamRef::Created(made));
                None
            }
            1 => {
                machine.stream_destroy(caller, stream)?;
                None
            }
            2 => {
                self.events
                    .push(machine.event_create(caller, (b % 4).into())?);
                None
            }
            3 => {
                machine.event_record(caller, event?, stream)?;
                None
            }
            4 => {
                machine.stream_wait_event(caller, stream, event?)?;
                None
            }
            5 => {
                machine.event_query(caller, event?)?;
                None
            }
            6 => Some(machine.event_synchronize(caller, event?)?),
            7 => {
                let other = of(&self.events, a).ok_or(Error::InvalidHandle)?;
                machine.event_elapsed(caller, event?, other)?;
                None
            }
            8 => {
                machine.event_destroy(caller, event?)?;
                None
            }
            9 => Some(machine.stream_synchronize(caller, stream)?),
            10 => {
                machine.stream_query(caller, stream)?;
                None
            }
            11 => Some(machine.context_synchronize(caller)?),
            12 => {
                self.addresses.push(machine.allocate(caller, bytes)?);
                None
            }
            13 => {
                let pool = of(&self.pools, b).filter(|_| b % 2 == 0);
                let made = machine.allocate_async(caller, stream, bytes, pool)?;
                self.addresses.push(made);
                None
            }
            14 => {
                let made = machine.allocate_managed(caller, bytes, 1)?;
                self.addresses.push(made);
                None
            }
            15 => {
                let made = machine.allocate_host(caller, bytes, 0)?;
                self.addresses.push(made);
                None
            }
            16 => machine.free(caller, address)?,
            17 => machine.free_host(caller, address)?,
            18 => {
                let address = of(&self.addresses, b).unwrap_or(0);
                machine.free_async(caller, address, stream)?;
                None
            }
            19 | 20 => {
                let memory = Memory::of(&[1; 1024]);
                let other = of(&self.addresses, b).unwrap_or(0);
                let ends = [
                    CopyEnd::Device(address),
                    CopyEnd::Device(other.wrapping_add(4)),
                    memory.end(),
                ];
                let copy = Transfer {
                    from: ends[usize::from(a % 3)].clone(),
                    to: ends[usize::from(b % 3)].clone(),
                    bytes,
                };
                if what == 19 {
                    machine.copy(caller, &copy)?
                } else {
                    machine.copy_async(caller, stream, &copy)?
                }
            }
            21 => {
                let to = of(&self.addresses, b).unwrap_or(0);
                machine.fill_async(caller, stream, to, &[a, b], 32)?;
                None
            }
            22 => {
                let text = if b.is_multiple_of(8) {
                    "nonsense"
                } else {
                    KERNELS
                };
                let loaded = machine.module_load(caller, text);
                self.modules.push(loaded.map_err(|failure| failure.error)?);
                None
            }
            23 => {
                let module = of(&self.modules, b).ok_or(Error::InvalidHandle)?;
                let names = ["add", "beyond", "fails", "shares", "none"];
                let name = names[usize::from(a) % names.len()];
                self.functions
                    .push(machine.module_function(caller, module, name)?);
                None
            }
            24 => {
                let module = of(&self.modules, b).ok_or(Error::InvalidHandle)?;
                Some(machine.module_unload(caller, module)?)
            }
            25 | 26 => {
                let function = of(&self.functions, b).ok_or(Error::InvalidHandle)?;
                let (_, length) = machine.function_params(caller, function)?;
                let mut arguments = vec![0; length as usize];
                if let Some(place) = arguments.first_chunk_mut() {
                    *place = of(&self.addresses, b).unwrap_or(0).to_le_bytes();
                }
                let shape = Shape {
                    grid: [u32::from(a % 3), 1, 1],
                    block: [u32::from(b % 9), 1, 1],
                    dynamic_shared: u32::from(a) * 4,
                };
                if what == 25 {
                    machine.launch(caller, stream, function, shape, &arguments)?;
                } else {
                    machine.launch_cooperative(caller, stream, function, shape, &arguments)?;
                }
                None
            }
            27 => {
                machine.stream_call(caller, stream, Arc::new(Call(|| ())))?;
                None
            }
            28 => {
                machine.capture_begin(caller, stream, mode)?;
                None
            }
            29 => {
                self.graphs.push(machine.capture_end(caller, stream)?);
                None
            }
            30 => {
                let graph = of(&self.graphs, b).ok_or(Error::InvalidHandle)?;
                let made = machine.graph_instantiate(caller, graph, u64::from(a % 3))?;
                self.execs.push(made);
                None
            }
            31 => {
                let exec = of(&self.execs, b).ok_or(Error::InvalidHandle)?;
                machine.graph_launch(caller, exec, stream)?;
                None
            }
            32 => {
                let exec = of(&self.execs, b).ok_or(Error::InvalidHandle)?;
                machine.graph_exec_destroy(caller, exec)?;
                None
            }
            33 => {
                let graph = of(&self.graphs, b).ok_or(Error::InvalidHandle)?;
                machine.graph_destroy(caller, graph)?;
                None
            }
            34 => {
                self.contexts.push(machine.context_create(caller, 0));
                None
            }
            35 => {
                let context = of(&self.contexts, b).ok_or(Error::InvalidContext)?;
                Some(machine.context_destroy(caller, context)?)
            }
            36 => {
                caller.set_current(of(&self.contexts, b).filter(|_| a > 16));
                None
            }
            37 => {
                self.contexts.push(machine.primary_retain());
                None
            }
            38 => machine.primary_release()?,
            39 => machine.primary_reset(),
            40 => {
                self.pools.push(machine.pool_create());
                None
            }
            41 => {
                let pool = of(&self.pools, b).ok_or(Error::InvalidValue)?;
                machine.pool_destroy(pool)?;
                None
            }
            42 => {
                caller.exchange_mode(mode);
                None
            }
            43 => {
                machine.stream_attach(caller, stream, address, 0)?;
                None
            }
            _ => {
                self.run();
                None
            }
        };
        pending.map_or(Ok(()), |wait| self.wait(wait))
    }
}

struct StreamRaw;

impl StreamRaw {
    /// A stream's handle that nobody was given.
    const STALE: u64 = 0x00c5 << 48 | 4 << 40 | 0xffff;
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u8..48, any::<u8>(), any::<u8>(), any::<bool>());
    let step = step.prop_map(|(what, a, b, thread)| Step { what, a, b, thread });
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn calls_in_any_order_come_to_an_end(steps in steps()) {
        let mut wild = Wild::new();
        for step in steps {
            // What the answer is, is another test's business.
            let _ = wild.step(step);
        }
        wild.run();
        wild.machine.exit();
        // All that is in memory is somebody's: contexts give back what they had.
        for _ in 0..64 {
            if let Ok(Some(wait)) = wild.machine.primary_release() {
                wild.wait(wait).unwrap();
            }
        }
        for context in wild.contexts.clone() {
            let wait = wild.machine.context_destroy(&mut Caller::default(), context);
            if let Ok(wait) = wait {
                wild.wait(wait).unwrap();
            }
        }
        if let Some(wait) = wild.machine.primary_reset() {
            wild.wait(wait).unwrap();
        }
        prop_assert_eq!(wild.machine.free_bytes(), 1 << 20);
    }
}
