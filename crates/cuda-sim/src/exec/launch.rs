//! A launch: a grid of blocks on the processors of this machine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::block::Block;
use super::counters::Counters;
use super::footprint::Footprint;
use super::rows::LANES;
use super::step::{Code, Step};
use super::trace::Launched;
use crate::device::Checks;
use crate::finding::{Finding, Problem, Touched};
use crate::memory::{Allocation, Layout, Released};
use crate::ops::Class;

/// The launch is over: a finding says why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop;

/// Findings of one kind at one place are counted, not listed.
const MOST_FINDINGS: usize = 64;

/// What all blocks of a launch share.
pub(crate) struct Launch<'l> {
    pub(crate) asked: Asked<'l>,
    /// Who touched what, if that is looked after.
    pub(crate) launched: Option<Launched>,
    /// What of global memory is touched, if that is counted, and all else that
    /// costs time to count.
    pub(crate) footprint: Option<Footprint>,
    findings: Mutex<Vec<Finding>>,
    printed: Mutex<Vec<u8>>,
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
    /// Instructions that a warp may run.
    pub(crate) budget: u64,
    pub(crate) processors: u32,
    pub(crate) number: u32,
    pub(crate) checks: Checks,
    /// Whether what is asked of memory is counted.
    pub(crate) counters: bool,
}

/// What threads ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    by_class: [u64; Class::COUNT],
    /// Floating-point operations; a fused multiply-add is two.
    pub flops: u64,
}

impl Counts {
    /// Instructions of a class, of all threads together.
    pub fn of(&self, class: Class) -> u64 {
        self.by_class[class as usize]
    }

    /// All instructions.
    pub fn instructions(&self) -> u64 {
        self.by_class.iter().sum()
    }

    /// One instruction in so many threads.
    #[inline]
    pub(crate) fn add(&mut self, step: &Step, threads: u32) {
        self.by_class[step.class as usize] += u64::from(threads);
        self.flops += u64::from(step.flops) * u64::from(threads);
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (count, more) in self.by_class.iter_mut().zip(other.by_class) {
            *count += more;
        }
        self.flops += other.flops;
    }
}

/// What a launch came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was found, each kind at each place once.
    pub findings: Vec<Finding>,
    /// What the kernel printed.
    pub printed: Vec<u8>,
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
            findings: Mutex::new(Vec::new()),
            printed: Mutex::new(Vec::new()),
            over: AtomicBool::new(false),
            next: AtomicU64::new(0),
            counted: Mutex::default(),
        }
    }

    /// Runs all blocks, on so many threads of this machine.
    pub(crate) fn run(self, threads: usize) -> Outcome {
        let blocks: u64 = self
            .asked
            .grid
            .iter()
            .map(|&count| u64::from(count))
            .product();
        let threads = threads
            .min(usize::try_from(blocks).unwrap_or(usize::MAX))
            .max(1);
        if threads == 1 {
            self.work(blocks);
        } else {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| self.work(blocks));
                }
            });
        }
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
        Outcome {
            findings,
            printed: self
                .printed
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
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
                self.over.store(true, Ordering::Relaxed);
                break;
            }
        }
        self.add(&block);
    }

    /// Adds what a block has counted.
    fn add(&self, block: &Block<'_, '_>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.0.join(block.counts());
        counted.1.join(&block.counters());
    }

    /// Whether another block has ended the launch.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
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
        let found = self.near(address)?;
        let at = address.checked_sub(found.base())?;
        (at.saturating_add(u64::from(bytes)) <= found.bytes()).then_some(found)
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

    /// What an address belonged to once.
    pub(crate) fn released(&self, address: u64) -> Option<&Released> {
        self.asked
            .released
            .iter()
            .find(|piece| address.wrapping_sub(piece.base) < piece.bytes)
    }

    pub(crate) fn print(&self, text: &[u8]) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.extend_from_slice(text);
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
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let source = step.location.map(|location| {
            let name = self.asked.files.get(&location.place.file);
            let name = name.map_or("?", |name| name.rsplit('/').next().unwrap_or(name));
            (name.to_owned(), location.place.line)
        });
        // An unrolled loop has the same line many times.
        let same = |finding: &&mut Finding| {
            let here = match &source {
                Some(_) => finding.source == source,
                None => finding.line == step.line,
            };
            here && finding.problem.code() == problem.code()
        };
        if let Some(known) = findings.iter_mut().find(same) {
            known.count += 1;
        } else if findings.len() < MOST_FINDINGS {
            findings.push(Finding {
                problem,
                kernel: kernel.to_owned(),
                source,
                line: step.line,
                block,
                thread,
                touched,
                count: 1,
            });
        }
        if fatal { Err(Stop) } else { Ok(()) }
    }
}
