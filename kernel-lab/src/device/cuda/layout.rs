//! A plan as the runner gets it, and what the host does between the launches.

use kernel_cuda::wire::{Buffer, Program, Step};

use super::arguments::Kernels;
use super::library::Node;
use crate::plan::{BoundPlan, BoundStep, Role};

/// Bytes of all copies of inputs and outputs together that are worth having several for.
const MOST_SLOT_BYTES: u64 = 768 << 20;
/// Bytes on each side of a buffer on a GPU, where nothing else tells of writes out of bounds.
const GUARD_BYTES: u64 = 64 << 10;
/// Of a GPU's memory, this part is for copies of inputs and outputs: the baseline's process has
/// as many, and what its calls take besides.
const SHARE: u64 = 4;

/// What there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Copies of inputs and outputs that are worth having.
    slots: usize,
    /// Bytes that all of those may take together.
    slot_bytes: u64,
    /// Bytes on each side of a buffer that belong to nobody.
    guard_bytes: u64,
}

impl Room {
    /// On a device that checks bounds itself.
    pub(super) fn of_simulator(slots: usize) -> Self {
        Self {
            slots,
            slot_bytes: MOST_SLOT_BYTES,
            guard_bytes: 0,
        }
    }

    /// On a GPU with so much memory.
    pub(super) fn of_gpu(slots: usize, memory_bytes: u64) -> Self {
        Self {
            slots,
            slot_bytes: memory_bytes / SHARE,
            guard_bytes: GUARD_BYTES,
        }
    }
}

/// A plan that can be run.
#[derive(Debug)]
pub(super) struct LaidOut {
    /// For the runner.
    pub(super) program: Program,
    /// The `prepare` steps in their order, and those of a call.
    pub(super) prepare: Vec<Part>,
    pub(super) steps: Vec<Part>,
}

/// Steps that are done by one side.
#[derive(Debug)]
pub(super) enum Part {
    /// Launches, by the runner.
    Launches {
        /// The first of the program's.
        first: usize,
        /// How many.
        count: usize,
    },
    /// A library node, by the host.
    Library(Node),
}

/// Lays a plan out. There is at least one copy of inputs and outputs, and at most as many as
/// there is room for; the error is what is wrong with the plan.
pub(super) fn lay_out(plan: &BoundPlan, ptx: &str, room: Room) -> Result<LaidOut, String> {
    let kernels = Kernels::read(plan, ptx)?;
    let rotates = |role: &Role| matches!(role, Role::In(_) | Role::Out(_));
    let rotating = plan.buffers.iter().filter(|buffer| rotates(&buffer.role));
    let slot_bytes: u64 = rotating.map(|buffer| buffer.bytes).sum();
    let fit = usize::try_from(room.slot_bytes / slot_bytes.max(1)).unwrap_or(usize::MAX);
    let slots = fit.min(room.slots).max(1);
    let buffers = plan.buffers.iter().map(|buffer| Buffer {
        bytes: buffer.bytes,
        guard_bytes: room.guard_bytes,
        slots: if rotates(&buffer.role) { slots } else { 1 },
    });
    let (launches, steps) = split(&kernels, plan, "step", &plan.steps)?;
    let (prepare_launches, prepare) = split(&kernels, plan, "prepare", &plan.prepare)?;
    Ok(LaidOut {
        program: Program {
            buffers: buffers.collect(),
            prepare: prepare_launches,
            steps: launches,
        },
        prepare,
        steps,
    })
}

/// Launches, and who does what in which order.
fn split(
    kernels: &Kernels<'_>,
    plan: &BoundPlan,
    name: &str,
    steps: &[BoundStep],
) -> Result<(Vec<Step>, Vec<Part>), String> {
    let (mut launches, mut parts) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        let place = format!("{name} {}", number + 1);
        match step {
            BoundStep::Kernel {
                kernel,
                args,
                launch,
            } => {
                let launch =
                    launch.ok_or_else(|| format!("{place} says nothing of grid and block"))?;
                let args = kernels.arguments(&place, *kernel, args)?;
                match parts.last_mut() {
                    Some(Part::Launches { count, .. }) => *count += 1,
                    _ => parts.push(Part::Launches {
                        first: launches.len(),
                        count: 1,
                    }),
                }
                launches.push(Step {
                    place,
                    kernel: plan.kernels[*kernel].symbol.clone(),
                    grid: launch.grid,
                    block: launch.block,
                    shared_bytes: launch.shared_bytes,
                    cooperative: launch.cooperative,
                    cluster: launch.cluster,
                    args,
                });
            }
            BoundStep::Library {
                op,
                inputs,
                outputs,
                attrs,
            } => {
                // Binding has seen to it that there is one.
                let output = outputs.first().copied().unwrap_or_default();
                parts.push(Part::Library(Node::of(plan, *op, inputs, output, attrs)));
            }
        }
    }
    Ok((launches, parts))
}
