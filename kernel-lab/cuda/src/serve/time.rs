//! Timed calls: what is measured, and what is kept from being measured.
//!
//! ```text
//! persisting L2 reset, memset of twice the L2 │ event │ the call │ event
//!                                             └───── event_ns ───┘
//! ```
//!
//! All of it is put into the stream before anything is waited for: while the device is busy
//! with the memset, the host has the time to ask for the rest, so that nothing of the host's is
//! between the events. Without a memset it is.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::driver::{Context, CudaError, Event, Graph, Launch, Memory};
use crate::nvml::Monitor;
use crate::wire::{Block, Fault, Phase, Sample, Step, Timing, Work};

use super::{Runner, Stop, doing, out_of_memory};

/// How often the L2 cache would fit into what is overwritten to empty it.
const FLUSH: u64 = 2;
/// Least that is overwritten, in bytes.
const LEAST_FLUSH: u64 = 8 << 20;
/// How long the end of a call is looked for without a pause. After that, a pause is a hundredth
/// of what has passed, and wall times are too long by that much at most.
const SPIN: Duration = Duration::from_millis(2);
/// Longest pause.
const PAUSE: Duration = Duration::from_millis(10);

/// What timed calls need beside the plan, kept from block to block.
#[derive(Default)]
pub(super) struct Timer {
    graphs: Graphs,
    events: Option<[Event; 2]>,
    flush: Option<Memory>,
    /// What the L2 cache is overwritten with next: never what is there.
    value: Cell<u8>,
    copy: Option<[Memory; 2]>,
}

impl Timer {
    /// What is loaded goes, or its memory: graphs go before.
    pub(super) fn forget_graphs(&mut self) {
        self.graphs = Graphs::default();
    }
}

/// Graphs of the calls of what is loaded.
enum Graphs {
    /// Of these slots; there may be more.
    Made(BTreeMap<usize, Graph>),
    /// There can be none.
    Impossible,
}

impl Default for Graphs {
    fn default() -> Self {
        Self::Made(BTreeMap::new())
    }
}

/// What the calls of a block are.
enum Kind<'t> {
    Graphs(&'t BTreeMap<usize, Graph>),
    Launches,
    Copy(&'t [Memory; 2]),
}

/// A call that is ready to be asked for.
enum Call<'t> {
    Graph(&'t Graph),
    Launches(Vec<(&'t Step, Launch<'t>)>),
    Copy(&'t [Memory; 2]),
}

/// All that the calls of a block have in common.
struct Calls<'t> {
    runner: &'t Runner,
    context: &'t Context,
    kind: Kind<'t>,
    events: &'t [Event; 2],
    /// Memory to overwrite, and with what.
    flush: Option<(&'t Memory, &'t Cell<u8>)>,
    limit: Duration,
}

impl Runner {
    pub(super) fn time(&mut self, block: &Block) -> Result<Timing, Stop> {
        let warm = millis("warm_ms", block.warm_ms)?;
        let limit = millis("limit_ms", block.limit_ms)?;
        // Taken out, so that the plan can be looked at while it changes.
        let mut timer = std::mem::take(&mut self.timer);
        let timing = self.time_with(&mut timer, block, [warm, limit]);
        self.timer = timer;
        timing
    }

    fn time_with(
        &self,
        timer: &mut Timer,
        block: &Block,
        [warm, limit]: [Duration; 2],
    ) -> Result<Timing, Stop> {
        let calls = self.calls(timer, block, limit)?;
        let begun = Instant::now();
        for slot in block.warm.iter().cycle() {
            calls.timed(*slot)?;
            if begun.elapsed() >= warm {
                break;
            }
        }
        let samples = block.counted.iter().map(|slot| {
            let sample = calls.timed(*slot)?;
            let clocks = self.monitor.as_ref().and_then(Monitor::clocks);
            Ok(Sample { clocks, ..sample })
        });
        Ok(Timing {
            samples: samples.collect::<Result<_, Stop>>()?,
            graphed: matches!(calls.kind, Kind::Graphs(_)),
        })
    }

    /// Takes and makes all that a block needs, so that nothing has to be between its calls.
    fn calls<'t>(
        &'t self,
        timer: &'t mut Timer,
        block: &Block,
        limit: Duration,
    ) -> Result<Calls<'t>, Stop> {
        let context = self.context()?;
        let Timer {
            graphs,
            events,
            flush,
            value,
            copy,
        } = timer;
        let allocate = |what: &str, bytes| {
            let memory = context.allocate(bytes);
            memory.map_err(|error| out_of_memory(context, what, bytes, &error))
        };
        let refused = |error: CudaError| Stop::refused(&error);
        let kind = match block.work {
            Work::Plan => match self.graphs(graphs, block)? {
                Some(graphs) => Kind::Graphs(graphs),
                None => Kind::Launches,
            },
            Work::Copy { bytes: 0 } => {
                let text = "`work.copy.bytes` is 0; a copy has one byte at least";
                return Err(Stop::Refused(text.to_owned()));
            }
            Work::Copy { bytes } => {
                // What has the wrong size goes before there is more.
                if copy.as_ref().is_some_and(|[from, _]| from.bytes() != bytes) {
                    *copy = None;
                }
                Kind::Copy(match copy {
                    Some(copy) => copy,
                    none => {
                        let from = allocate("the source of a copy", bytes)?;
                        let to = allocate("the destination of a copy", bytes)?;
                        context.fill(&from, 1).map_err(refused)?;
                        none.insert([from, to])
                    }
                })
            }
        };
        let events = match events {
            Some(events) => events,
            none => {
                let [start, end] = [context.event(), context.event()];
                none.insert([start.map_err(refused)?, end.map_err(refused)?])
            }
        };
        let flush = match flush {
            _ if !block.flush => None,
            Some(memory) => Some((&*memory, &*value)),
            none => {
                let bytes = FLUSH * context.l2_bytes().map_err(refused)?;
                let memory = allocate("what empties the L2 cache", bytes.max(LEAST_FLUSH))?;
                Some((&*none.insert(memory), &*value))
            }
        };
        Ok(Calls {
            runner: self,
            context,
            kind,
            events,
            flush,
            limit,
        })
    }

    /// Graphs of all slots of a block, those that are not there made; `None` if there can be
    /// none.
    fn graphs<'t>(
        &self,
        graphs: &'t mut Graphs,
        block: &Block,
    ) -> Result<Option<&'t BTreeMap<usize, Graph>>, Stop> {
        let context = self.context()?;
        for slot in block.warm.iter().chain(&block.counted) {
            let Graphs::Made(made) = &mut *graphs else {
                return Ok(None);
            };
            if made.contains_key(slot) {
                continue;
            }
            let launches = self.launches(Phase::Call, *slot)?;
            let launches: Vec<_> = launches.into_iter().map(|(_, launch)| launch).collect();
            // If it is the launches that can't be, they say so themselves.
            let Ok(graph) = context.graph(&launches) else {
                *graphs = Graphs::Impossible;
                return Ok(None);
            };
            made.insert(*slot, graph);
        }
        Ok(match graphs {
            Graphs::Made(made) => Some(made),
            Graphs::Impossible => None,
        })
    }
}

impl Calls<'_> {
    /// Times one call.
    fn timed(&self, slot: usize) -> Result<Sample, Stop> {
        let doing = format!("time a call on slot {slot}");
        let broken = |error: CudaError| Stop::broken(&doing, &error);
        let call = self.call(slot)?;
        let [start, end] = self.events;
        if let Some((memory, value)) = self.flush {
            self.context.reset_persisting_l2().map_err(broken)?;
            value.set(value.get().wrapping_add(1));
            self.context.fill(memory, value.get()).map_err(broken)?;
        }
        let begun = Instant::now();
        self.context.record(start).map_err(broken)?;
        let asked = call.ask(self.context);
        self.context.record(end).map_err(broken)?;
        if !wait(end, begun, self.limit).map_err(broken)? {
            return Err(Stop::Broken(Fault {
                doing,
                error: Fault::TIMEOUT.to_owned(),
                text: format!(
                    "it was not done after {} ms: a kernel that never ends, or a limit that is too \
                     short",
                    self.limit.as_millis()
                ),
            }));
        }
        let wall = begun.elapsed();
        // What was asked for before is done, and the context as it was.
        asked.map_err(|(doing, error)| Stop::Refused(format!("failed to {doing}: {error}")))?;
        Ok(Sample {
            slot,
            event_ns: end.ns_since(start).map_err(broken)?,
            wall_ns: wall.as_secs_f64() * 1e9,
            clocks: None,
        })
    }

    fn call(&self, slot: usize) -> Result<Call<'_>, Stop> {
        let launches = || self.runner.launches(Phase::Call, slot).map(Call::Launches);
        match self.kind {
            Kind::Graphs(graphs) => graphs
                .get(&slot)
                .map_or_else(launches, |graph| Ok(Call::Graph(graph))),
            Kind::Launches => launches(),
            Kind::Copy(memory) => Ok(Call::Copy(memory)),
        }
    }
}

impl Call<'_> {
    /// Puts it into the stream; what could not be and why.
    fn ask(&self, context: &Context) -> Result<(), (String, CudaError)> {
        match self {
            Self::Graph(graph) => context
                .launch_graph(graph)
                .map_err(|error| ("launch the graph of a call".to_owned(), error)),
            Self::Launches(launches) => launches.iter().try_for_each(|(step, launch)| {
                context.launch(launch).map_err(|error| (doing(step), error))
            }),
            Self::Copy([from, to]) => context
                .copy(from, to)
                .map_err(|error| ("copy".to_owned(), error)),
        }
    }
}

/// Waits for an event until `limit` has passed since `begun`: whether it was reached.
fn wait(event: &Event, begun: Instant, limit: Duration) -> Result<bool, CudaError> {
    loop {
        if event.is_reached()? {
            return Ok(true);
        }
        let passed = begun.elapsed();
        if passed > limit {
            return Ok(false);
        }
        if passed < SPIN {
            thread::yield_now();
        } else {
            thread::sleep((passed / 100).min(PAUSE));
        }
    }
}

/// A time of a block's.
fn millis(field: &str, value: f64) -> Result<Duration, Stop> {
    Duration::try_from_secs_f64(value / 1e3).map_err(|_| {
        Stop::Refused(format!(
            "`{field}` is {value}; it is a number of milliseconds, 0 or more"
        ))
    })
}
