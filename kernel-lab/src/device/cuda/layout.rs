//! A plan as the runner gets it.

use kernel_cuda::wire::{Buffer, Program, Step};

use super::arguments::Kernels;
use crate::plan::{BoundPlan, BoundStep, Role};

/// Bytes of all copies of inputs and outputs together that are worth having several for.
const MOST_SLOT_BYTES: u64 = 768 << 20;

/// Lays a plan out for a device that checks bounds itself, so that nothing need lie between
/// buffers. There are at most `slots` copies of inputs and outputs, and at least one; the error is what is
/// wrong with the plan.
pub(super) fn program(plan: &BoundPlan, ptx: &str, slots: usize) -> Result<Program, String> {
    let kernels = Kernels::read(plan, ptx)?;
    let rotates = |role: &Role| matches!(role, Role::In(_) | Role::Out(_));
    let rotating = plan.buffers.iter().filter(|buffer| rotates(&buffer.role));
    let slot_bytes: u64 = rotating.map(|buffer| buffer.bytes).sum();
    let fit = usize::try_from(MOST_SLOT_BYTES / slot_bytes.max(1)).unwrap_or(usize::MAX);
    let slots = fit.min(slots).max(1);
    let buffers = plan.buffers.iter().map(|buffer| Buffer {
        bytes: buffer.bytes,
        guard_bytes: 0,
        slots: if rotates(&buffer.role) { slots } else { 1 },
    });
    let steps = |name: &str, steps: &[BoundStep]| {
        let numbered = steps.iter().enumerate();
        numbered
            .map(|(number, step)| launch(&kernels, plan, &format!("{name} {}", number + 1), step))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Program {
        buffers: buffers.collect(),
        prepare: steps("prepare", &plan.prepare)?,
        steps: steps("step", &plan.steps)?,
    })
}

fn launch(
    kernels: &Kernels<'_>,
    plan: &BoundPlan,
    place: &str,
    step: &BoundStep,
) -> Result<Step, String> {
    match step {
        BoundStep::Kernel {
            kernel,
            args,
            launch: Some(launch),
        } => Ok(Step {
            kernel: plan.kernels[*kernel].symbol.clone(),
            grid: launch.grid,
            block: launch.block,
            shared_bytes: launch.shared_bytes,
            cooperative: launch.cooperative,
            cluster: launch.cluster,
            args: kernels.arguments(place, *kernel, args)?,
        }),
        BoundStep::Kernel { launch: None, .. } => {
            Err(format!("{place} says nothing of grid and block"))
        }
        BoundStep::Library { op, .. } => Err(no_library(place, op.name())),
    }
}

/// What is said of a library node.
fn no_library(place: &str, op: &str) -> String {
    format!("{place} is the library node `{op}`, and there are none on CUDA yet: write a kernel")
}
