//! A cost from counts: roofline, issue slots, banks, latency.
//!
//! A model, and a coarse one. It was never compared with hardware, so its
//! microseconds can rank variants of one kernel at best. The type has neither
//! arithmetic nor a conversion: a modelled cost is no time, and a quotient of two
//! is no speedup.

use std::fmt;

use thiserror::Error;

use super::occupancy::Occupancy;
use super::presets::Preset;
use crate::exec::counters::{Counters, SECTOR};
use crate::exec::launch::Outcome;
use crate::ops::Class;

/// Instructions of warps that a processor begins in a clock: CUDA C++
/// programming guide 13.0, "Architecture" of compute capability 8.x and 9.x,
/// four schedulers of one each.
const SLOTS: f64 = 4.0;
/// Results of approximated functions that a processor has in a clock: the
/// same, "Throughput of native arithmetic instructions".
const SPECIAL: f64 = 16.0;
/// Clocks until a result can be used, of arithmetic, shared and global memory:
/// table 3 of doi:10.1016/j.ultsonch.2023.106546.
const ARITHMETIC_LATENCY: f64 = 4.0;
const SHARED_LATENCY: f64 = 20.0;
const GLOBAL_LATENCY: f64 = 400.0;
/// Reads that a warp has under way at once. An assumption.
const AT_ONCE: f64 = 4.0;
/// Seconds of an empty kernel. An assumption.
const LAUNCH: f64 = 2e-6;

/// A part of the cost: what a launch would take if nothing else took time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// Each byte that was read or written moves once, at the bandwidth of
    /// device memory.
    Bytes,
    /// Each sector of each instruction comes from the second-level cache.
    Sectors,
    /// Operations on singles, doubles and halves, whichever takes longest.
    Arithmetic,
    /// Operations on tensor cores.
    Tensor,
    /// Approximated functions.
    Special,
    /// Instructions begin, one by one for each scheduler.
    Issue,
    /// Passes over the banks of shared memory.
    Shared,
    /// Results are waited for, block after block, by as many warps as there is room for.
    Latency,
    /// A launch by itself.
    Launch,
}

impl Term {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Bytes,
        Self::Sectors,
        Self::Arithmetic,
        Self::Tensor,
        Self::Special,
        Self::Issue,
        Self::Shared,
        Self::Latency,
        Self::Launch,
    ];

    /// What a kernel is limited by where this part is the largest.
    pub fn limit(self) -> Limit {
        match self {
            Self::Bytes | Self::Sectors => Limit::Memory,
            Self::Arithmetic | Self::Tensor | Self::Special | Self::Issue => Limit::Compute,
            Self::Shared => Limit::Shared,
            Self::Latency => Limit::Latency,
            Self::Launch => Limit::Launch,
        }
    }
}

/// What a kernel is limited by, in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Device memory and its caches.
    Memory,
    /// Arithmetic and the slots in which instructions begin.
    Compute,
    /// Banks of shared memory.
    Shared,
    /// Too few warps to wait with.
    Latency,
    /// The launch by itself.
    Launch,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Compute => "compute",
            Self::Shared => "shared",
            Self::Latency => "latency",
            Self::Launch => "launch",
        })
    }
}

/// Why there is no modelled cost.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CostError {
    /// The launch was not counted.
    #[error("the launch was run without `Limits::counters`")]
    NotCounted,
    /// A finding ended the launch before it was done.
    #[error("a finding ended the launch: {0}")]
    Ended(String),
    /// A processor has no room for a single block.
    #[error("not one block fits on a processor")]
    NoRoom,
}

/// A cost in modelled microseconds, never compared with hardware.
///
/// It can't be divided into a speedup or added to a measured time:
///
/// ```compile_fail,E0369
/// # fn f(a: cuda_sim::model::ModelledCost, b: cuda_sim::model::ModelledCost) {
/// let speedup = a / b;
/// # }
/// ```
///
/// ```compile_fail,E0369
/// # fn f(a: cuda_sim::model::ModelledCost) {
/// let time = a + 3.5;
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # fn f(a: cuda_sim::model::ModelledCost) {
/// let time: f64 = a.into();
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelledCost {
    /// Seconds, in the order of [`Term::ALL`].
    terms: [f64; Term::ALL.len()],
}

impl ModelledCost {
    /// A launch, and the largest of the other parts behind it.
    pub fn modelled_microseconds(&self) -> f64 {
        let launch = self.modelled_microseconds_of(Term::Launch);
        launch + self.modelled_microseconds_of(self.largest())
    }

    /// One part.
    pub fn modelled_microseconds_of(&self, term: Term) -> f64 {
        self.terms[term as usize] * 1e6
    }

    /// What no kernel that moves these bytes and does these operations could
    /// stay below: the roofline.
    pub fn modelled_microseconds_at_least(&self) -> f64 {
        let parts = [Term::Bytes, Term::Arithmetic, Term::Tensor];
        let parts = parts.map(|term| self.modelled_microseconds_of(term));
        parts.into_iter().fold(0.0, f64::max)
    }

    /// What it is limited by.
    pub fn limited_by(&self) -> Limit {
        let largest = self.largest();
        if self.terms[largest as usize] < self.terms[Term::Launch as usize] {
            Limit::Launch
        } else {
            largest.limit()
        }
    }

    /// The largest part beside the launch.
    fn largest(&self) -> Term {
        let terms = Term::ALL.into_iter().filter(|term| *term != Term::Launch);
        let order = |a: &Term, b: &Term| {
            let [a, b] = [a, b].map(|term| self.terms[*term as usize]);
            a.total_cmp(&b)
        };
        terms.rev().max_by(order).unwrap_or(Term::Bytes)
    }
}

impl fmt::Display for ModelledCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.modelled_microseconds();
        let limit = self.limited_by();
        write!(f, "modelled {cost:.2} µs, limited by {limit}, not measured")
    }
}

/// The modelled cost of a launch of so many blocks.
///
/// With p processors of clock f, and b blocks of which the busiest processor has
/// ⌈b/p⌉, work that is done on processors takes ⌈b/p⌉ p/b times what it would if it
/// were spread evenly (the tail):
///
/// * `Bytes`: (read + written footprint) / bandwidth
/// * `Sectors`: 32 bytes × sectors / (bytes per clock of the second-level cache × f)
/// * `Arithmetic`, `Tensor`: operations of a type / its peak × tail
/// * `Special`: results / (16 p f) × tail
/// * `Issue`: instructions of warps / (4 p f) × tail
/// * `Shared`: wavefronts / (p f) × tail
/// * `Latency`: ⌈b / (p × resident blocks)⌉ × (4 × instructions + (20 × shared + 400 ×
///   global reads) / 4) / f, each of a mean warp: a warp has four reads under way
/// * `Launch`: 2 µs
///
/// The cost is the launch and the largest of the others. Not in it: hits in the
/// first-level cache, atomics that wait for each other at one address, and what the
/// assembler makes of the PTX.
pub fn modelled_cost(
    preset: &Preset,
    occupancy: &Occupancy,
    blocks: u64,
    outcome: &Outcome,
) -> Result<ModelledCost, CostError> {
    if let Some(finding) = outcome.fatal() {
        return Err(CostError::Ended(finding.to_string()));
    }
    let counters = outcome.counters.ok_or(CostError::NotCounted)?;
    if occupancy.blocks() == 0 {
        return Err(CostError::NoRoom);
    }
    let counts = &outcome.counts;
    let processors = f64::from(preset.processors);
    let blocks = blocks.max(1);
    let busiest = blocks.div_ceil(u64::from(preset.processors)) as f64;
    let tail = busiest * processors / blocks as f64;
    // A clock of all processors.
    let clock = processors * preset.clock / tail;
    let arithmetic = [
        (Class::F32, preset.f32_flops),
        (Class::F64, preset.f64_flops),
        (Class::F16, preset.f16_flops),
    ];
    let arithmetic = arithmetic.map(|(class, peak)| counts.flops_of(class) as f64 / peak * tail);
    let term = |term: Term| match term {
        Term::Bytes => {
            (counters.read_footprint + counters.written_footprint) as f64 / preset.bandwidth
        }
        Term::Sectors => {
            let bytes = (counters.global().sectors * SECTOR) as f64;
            bytes / (preset.l2_bytes_per_clock * preset.clock)
        }
        Term::Arithmetic => arithmetic.into_iter().fold(0.0, f64::max),
        Term::Tensor => counts.flops_of(Class::Tensor) as f64 / preset.tensor_flops * tail,
        Term::Special => counts.of(Class::Special) as f64 / (SPECIAL * clock),
        Term::Issue => counters.warp_instructions as f64 / (SLOTS * clock),
        Term::Shared => counters.shared().wavefronts as f64 / clock,
        Term::Latency => latency(preset, occupancy, blocks, &counters),
        Term::Launch => LAUNCH,
    };
    Ok(ModelledCost {
        terms: Term::ALL.map(term),
    })
}

/// The modelled cost of a launch of which nothing is known but what it moves and how many
/// operations on singles it does, as of a library's: bytes and arithmetic, and the launch.
pub fn modelled_roofline(preset: &Preset, bytes: u64, f32_flops: u64) -> ModelledCost {
    let term = |term: Term| match term {
        Term::Bytes => bytes as f64 / preset.bandwidth,
        Term::Arithmetic => f32_flops as f64 / preset.f32_flops,
        Term::Launch => LAUNCH,
        _ => 0.0,
    };
    ModelledCost {
        terms: Term::ALL.map(term),
    }
}

/// Blocks one after the other where there is no room for all, each as long as a
/// mean warp waits for its results.
fn latency(preset: &Preset, occupancy: &Occupancy, blocks: u64, counters: &Counters) -> f64 {
    let at_once = u64::from(preset.processors) * u64::from(occupancy.blocks());
    let waves = blocks.div_ceil(at_once) as f64;
    let warps = blocks as f64 * f64::from(occupancy.warps()) / f64::from(occupancy.blocks());
    let of_a_warp = |count: u64| count as f64 / warps;
    let global = of_a_warp(counters.loads.instructions + counters.atomics.instructions);
    let shared = counters.shared_loads.instructions + counters.shared_atomics.instructions;
    let clocks = of_a_warp(counters.warp_instructions) * ARITHMETIC_LATENCY
        + (global * GLOBAL_LATENCY + of_a_warp(shared) * SHARED_LATENCY) / AT_ONCE;
    waves * clocks / preset.clock
}
