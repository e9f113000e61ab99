//! A launch: a grid of blocks on the processors of this machine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::counters::Counters;
use super::footprint::Footprint;
use super::room::Room;
use super::rows::LANES;
use super::step::{Code, Step};
use super::trace::Launched;
use crate::device::Checks;
use crate::finding::{Buffer, Finding, Problem, Touched};
use crate::memory::{Allocation, Chunk, KernelHeap, Layout, Maker, Released};
use crate::ops::Class;
use crate::ptx::{Location, Space};

/// The launch is over: a finding says why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop;

/// Findings of one kind at one place are counted, not listed.
const MOST_FINDINGS: usize = 64;
/// Bytes that a launch prints: CUDA C++ programming guide, formatted output.
const MOST_PRINTED: usize = 1 << 20;

/// What all blocks of a launch share.
pub(crate) struct Launch<'l> {
    pub(crate) asked: Asked<'l>,
    /// Who touched what, if that is looked after.
    pub(crate) launched: Option<Launched>,
    /// What of global memory is touched, if that is counted, and all else that
    /// costs time to count.
    pub(crate) footprint: Option<Footprint>,
    /// Instructions that its warps have run.
    spent: AtomicU64,
    findings: Mutex<Vec<Finding>>,
    /// And how many calls found no room.
    printed: Mutex<(Vec<u8>, u64)>,
    over: AtomicBool,
    next: AtomicU64,
    counted: Mutex<(Counts, Counters)>,
}

/// How a launch is asked for.
pub(crate) struct Asked<'l> {
    pub(crate) code: &'l [Code],
    pub(crate) entry: u32,
    pub(crate) files: &'l HashMap<u32, String>,
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) dynamic_shared: u32,
    /// A block's shared memory.
    pub(crate) shared: Layout,
    /// Its bytes as a GPU counts them.
    pub(crate) packed: u32,
    /// Bytes of local memory of each thread.
    pub(crate) local: u32,
    /// By address; the arguments lie behind all others.
    pub(crate) allocations: Vec<Arc<Allocation>>,
    /// Memory that was given back.
    pub(crate) released: Vec<Released>,
    /// Memory that kernels allocate, and how much of it they may.
    pub(crate) kernel_heap: Option<Arc<KernelHeap>>,
    pub(crate) malloc_bytes: u64,
    /// Instructions that a warp may run.
    pub(crate) budget: u64,
    /// Instructions that all warps may run.
    pub(crate) total: u64,
    /// What a block may take of this machine.
    pub(crate) room: Room,
    pub(crate) processors: u32,
    pub(crate) number: u32,
    /// Where blocks meet, if all of them are there at once.
    pub(crate) workspace: Option<u64>,
    pub(crate) checks: Checks,
    /// Whether what is asked of memory is counted.
    pub(crate) counters: bool,
}

/// What threads ran. Written out, the classes are in the order of
/// [`Class`](crate::Class).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    by_class: [u64; Class::COUNT],
    flops_by_class: [u64; Class::COUNT],
    /// Floating-point operations; a fused multiply-add is two.
    pub flops: u64,
}

impl Counts {
    /// Instructions of a class, of all threads together.
    pub fn of(&self, class: Class) -> u64 {
        self.by_class[class as usize]
    }

    /// Floating-point operations of a class.
    pub fn flops_of(&self, class: Class) -> u64 {
        self.flops_by_class[class as usize]
    }

    /// All instructions.
    pub fn instructions(&self) -> u64 {
        self.by_class.iter().sum()
    }

    /// One instruction in the lanes of a mask.
    #[inline]
    pub(crate) fn add(&mut self, step: &Step, active: u32) {
        if active == u32::MAX {
            self.by_class[step.class as usize] += u64::from(u32::BITS);
            self.flops_by_class[step.class as usize] += u64::from(step.flops * u32::BITS);
        } else {
            self.add_some(step, active);
        }
    }

    /// Apart, because counting bits takes a dozen instructions on a processor
    /// of which nothing is known.
    #[cold]
    fn add_some(&mut self, step: &Step, active: u32) {
        let threads = u64::from(active.count_ones());
        self.by_class[step.class as usize] += threads;
        self.flops_by_class[step.class as usize] += u64::from(step.flops) * threads;
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (count, more) in self.by_class.iter_mut().zip(other.by_class) {
            *count += more;
        }
        for (flops, more) in self.flops_by_class.iter_mut().zip(other.flops_by_class) {
            *flops += more;
        }
        self.flops = self.flops_by_class.iter().sum();
    }
}

/// What a launch came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was found, each kind at each place once.
    pub findings: Vec<Finding>,
    /// What the kernel printed: a mebibyte at most, as a GPU's buffer has.
    pub printed: Vec<u8>,
    /// Calls of `printf` whose text is not there, or not to its end.
    pub unprinted: u64,
    /// What its threads ran.
    pub counts: Counts,
    /// What its warps asked of memory, if [`Limits::counters`](crate::Limits) says so.
    pub counters: Option<Counters>,
}

impl Outcome {
    /// The finding that ended it.
    pub fn fatal(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|finding| finding.problem.is_fatal())
    }

    /// The share of lanes that took part in an instruction of a warp, over
    /// all of them: 1 without divergence, tails and predicates. `None` if it was
    /// not counted.
    pub fn active_share(&self) -> Option<f64> {
        let counters = self.counters.as_ref()?;
        let lanes = counters.warp_instructions * LANES as u64;
        (lanes != 0).then(|| self.counts.instructions() as f64 / lanes as f64)
    }
}

impl<'l> Launch<'l> {
    pub(crate) fn new(asked: Asked<'l>) -> Self {
        let launched = (asked.checks == Checks::All).then(Launched::new);
        let footprint = Footprint::new(asked.allocations.len());
        Self {
            footprint: asked.counters.then_some(footprint),
            asked,
            launched,
            spent: AtomicU64::new(0),
            findings: Mutex::new(Vec::new()),
            printed: Mutex::default(),
            over: AtomicBool::new(false),
            next: AtomicU64::new(0),
            counted: Mutex::default(),
        }
    }

    /// Runs all blocks.
    pub(crate) fn run(self) -> Outcome {
        let blocks = self.blocks();
        let workers = self.asked.room.workers;
        let work = |first| match self.asked.workspace {
            Some(_) => self.work_in_turns(first, workers as u64),
            None => self.work(blocks),
        };
        if workers == 1 {
            work(0);
        } else {
            std::thread::scope(|scope| {
                for first in 0..workers as u64 {
                    scope.spawn(move || work(first));
                }
            });
        }
        self.look_for_leaks();
        let mut findings = self
            .findings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        findings.sort_by_key(|finding| finding.line);
        let (counts, mut counters) = self
            .counted
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(footprint) = &self.footprint {
            footprint.count(&self.asked.allocations, &mut counters);
        }
        let (printed, unprinted) = self
            .printed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Outcome {
            findings,
            printed,
            unprinted,
            counts,
            counters: self.footprint.is_some().then_some(counters),
        }
    }

    fn work(&self, blocks: u64) {
        let mut block = Block::new(self);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= blocks || self.over.load(Ordering::Relaxed) {
                break;
            }
            block.start(number);
            if block.run().is_err() {
                self.end();
                break;
            }
        }
        self.add(&block);
    }

    /// How many there are.
    pub(super) fn blocks(&self) -> u64 {
        self.asked
            .grid
            .iter()
            .map(|&count| u64::from(count))
            .product()
    }

    /// How many have not begun.
    pub(super) fn not_begun(&self) -> u64 {
        let begun = match self.asked.workspace {
            Some(_) => self.blocks(),
            None => self.next.load(Ordering::Relaxed),
        };
        self.blocks().saturating_sub(begun)
    }

    /// A finding ends the launch.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Adds what a block has counted.
    pub(super) fn add(&self, block: &Block<'_, '_>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.0.join(block.counts());
        counted.1.join(&block.counters());
    }

    /// The kernel's name.
    pub(crate) fn kernel(&self) -> &'l str {
        &self.asked.code[self.asked.entry as usize].name
    }

    /// Whether another block has ended the launch.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Notes that so many instructions were run; whether there were not too
    /// many by now.
    pub(crate) fn spend(&self, steps: u64) -> bool {
        let before = self.spent.fetch_add(steps, Ordering::Relaxed);
        before.saturating_add(steps) <= self.asked.total
    }

    /// The block of a number in the grid.
    pub(crate) fn block_at(&self, number: u64) -> [u32; 3] {
        let [x, y, _] = self.asked.grid.map(u64::from);
        [number % x, number / x % y, number / x / y].map(|at| at as u32)
    }

    /// The thread of a number in a block.
    pub(crate) fn thread(&self, number: u32) -> [u32; 3] {
        let [x, y, _] = self.asked.block;
        [number % x, number / x % y, number / x / y]
    }

    /// The allocation with room for an access.
    pub(crate) fn find(&self, address: u64, bytes: u32) -> Option<&Arc<Allocation>> {
        let found = self.near(address).filter(|found| {
            let at = address.wrapping_sub(found.base());
            at.saturating_add(u64::from(bytes)) <= found.bytes()
        });
        let heap = || self.asked.kernel_heap.as_ref();
        found.or_else(|| Some(heap().filter(|heap| heap.holds(address, bytes))?.memory()))
    }

    /// What kernels have allocated and nobody can give back any more.
    fn look_for_leaks(&self) {
        let Some(heap) = &self.asked.kernel_heap else {
            return;
        };
        if self.is_over() {
            return;
        }
        let kernel = &self.asked.code[self.asked.entry as usize].name;
        for Chunk { base, bytes, maker } in heap.lost(kernel, &self.asked.allocations) {
            let name = maker.name();
            let Maker {
                kernel,
                line,
                source,
                block,
                thread,
            } = maker;
            self.note(Finding {
                problem: Problem::Leak { bytes },
                kernel,
                source,
                line,
                block,
                thread,
                touched: Some(Touched {
                    space: Space::Global,
                    address: base,
                    bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                    buffer: Some(Buffer {
                        name,
                        bytes,
                        offset: 0,
                    }),
                }),
                count: 1,
            });
        }
    }

    /// The allocation at or before an address.
    pub(crate) fn near(&self, address: u64) -> Option<&Arc<Allocation>> {
        self.asked.allocations.get(self.number_at(address))
    }

    /// Its number; one that there is not if there is none.
    pub(crate) fn number_at(&self, address: u64) -> usize {
        let after = self
            .asked
            .allocations
            .partition_point(|found| found.base() <= address);
        after.wrapping_sub(1)
    }

    /// The allocation that an address is in or closest to.
    pub(crate) fn nearest(&self, address: u64) -> Option<&Arc<Allocation>> {
        let after = self
            .asked
            .allocations
            .partition_point(|found| found.base() <= address);
        let next = self.asked.allocations.get(after);
        let Some(before) = after.checked_sub(1).map(|at| &self.asked.allocations[at]) else {
            return next;
        };
        let behind = address.saturating_sub(before.base() + before.bytes());
        match next {
            Some(next) if next.base() - address < behind => Some(next),
            _ => Some(before),
        }
    }

    /// The buffer that an address is in or closest to.
    pub(crate) fn buffer_at(&self, address: u64) -> Option<Buffer> {
        let heap = self.asked.kernel_heap.as_ref();
        let chunk = heap.and_then(|heap| heap.near(address));
        let (name, base, bytes) = if let Some(chunk) = chunk {
            (chunk.maker.name(), chunk.base, chunk.bytes)
        } else {
            let found = self.nearest(address)?;
            (found.name().to_owned(), found.base(), found.bytes())
        };
        Some(Buffer {
            name,
            bytes,
            offset: address.wrapping_sub(base).cast_signed(),
        })
    }

    /// What an address belonged to once.
    pub(crate) fn released(&self, address: u64) -> Option<Released> {
        let mut released = self.asked.released.iter();
        let found = released.find(|piece| address.wrapping_sub(piece.base) < piece.bytes);
        let heap = || self.asked.kernel_heap.as_ref()?.released(address);
        found.cloned().or_else(heap)
    }

    /// File and line of the source.
    pub(super) fn source_of(&self, step: &Step) -> Option<(String, u32)> {
        step.location.map(|location| self.source(location))
    }

    /// File and line.
    pub(super) fn source(&self, location: Location) -> (String, u32) {
        let name = self.asked.files.get(&location.place.file);
        let name = name.map_or("?", |name| name.rsplit('/').next().unwrap_or(name));
        (name.to_owned(), location.place.line)
    }

    /// Prints what `text` answers, if there is room for it.
    pub(crate) fn print(&self, text: impl FnOnce() -> Vec<u8>) {
        let lock = || self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().0.len() < MOST_PRINTED {
            let text = text();
            let mut printed = lock();
            let room = MOST_PRINTED - printed.0.len();
            if text.len() <= room {
                printed.0.extend_from_slice(&text);
                return;
            }
            printed.0.extend_from_slice(&text[..room]);
        }
        lock().1 += 1;
    }

    /// Notes a finding; an error if it ends the launch.
    pub(crate) fn report(
        &self,
        kernel: &str,
        step: &Step,
        block: [u32; 3],
        thread: [u32; 3],
        problem: Problem,
        touched: Option<Touched>,
    ) -> Result<(), Stop> {
        let fatal = problem.is_fatal();
        self.note(Finding {
            problem,
            kernel: kernel.to_owned(),
            source: self.source_of(step),
            line: step.line,
            block,
            thread,
            touched,
            count: 1,
        });
        if fatal { Err(Stop) } else { Ok(()) }
    }

    /// Notes a finding, or that there is one more of it.
    fn note(&self, finding: Finding) {
        let fatal = finding.problem.is_fatal();
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        // An unrolled loop has the same line many times.
        let same = |known: &&mut Finding| {
            let here = match &finding.source {
                Some(_) => known.source == finding.source,
                None => known.line == finding.line,
            };
            here && known.problem.code() == finding.problem.code()
        };
        if let Some(known) = findings.iter_mut().find(same) {
            known.count += 1;
        } else if fatal || findings.len() < MOST_FINDINGS {
            findings.push(finding);
        }
    }
}
