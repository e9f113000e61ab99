//! Where a plan's buffers lie in the runner's arena.
//!
//! Parameters and temporaries lie once; inputs and outputs once per slot, so
//! that every call sees other addresses. Each buffer has a guard band on both
//! sides.

use kernel_runner::wire::{GUARD_BYTES, Module, Program, WireArg, WireBuffer, WireDtype, WireStep};

use super::super::Construction;
use crate::plan::{BoundArg, BoundPlan, BoundStep, Dtype, LibraryAttrs, Role, entry_symbol};

/// Buffers start at multiples of this. A page and a line: equal offsets
/// within a page would make rows of different buffers compete for the same
/// cache sets.
const ALIGN: usize = 64;
const STAGGER: usize = 4096 + 64 * 3;
/// Bytes of the guard band after a buffer: up to the next buffer's band, so
/// that nothing can be written where nobody looks.
pub(super) const AFTER_BYTES: usize = GUARD_BYTES + STAGGER;

/// Most bytes of all slots together.
const MAX_SLOT_BYTES: usize = 768 << 20;
/// Largest mapping that a candidate may make for itself.
pub(crate) const MAX_MAPPING_BYTES: u64 = 1 << 30;

/// Lays a plan out. `object` is the candidate's path as the runner sees it;
/// there are at most `slots` slots, and at least one.
pub(crate) fn program(plan: &BoundPlan, object: Option<String>, slots: usize) -> Program {
    let rotates = |role: &Role| matches!(role, Role::In(_) | Role::Out(_));
    let slot_bytes: usize = plan
        .buffers
        .iter()
        .filter(|buffer| rotates(&buffer.role))
        .map(|buffer| buffer.bytes as usize + GUARD_BYTES + AFTER_BYTES)
        .sum();
    let slots = (MAX_SLOT_BYTES / slot_bytes.max(1)).min(slots).max(1);

    let mut cursor = 0;
    let mut place = |bytes: usize| {
        let offset = (cursor + GUARD_BYTES).next_multiple_of(ALIGN);
        cursor = offset + bytes + AFTER_BYTES;
        offset
    };
    let mut buffers: Vec<WireBuffer> = plan
        .buffers
        .iter()
        .map(|buffer| WireBuffer {
            name: buffer.role.to_string(),
            dtype: wire_dtype(buffer.dtype),
            shape: buffer.shape.clone(),
            bytes: buffer.bytes as usize,
            offset: place(buffer.bytes as usize),
            slot_stride: 0,
        })
        .collect();
    // Slot 0 of the rotating buffers lies among the others; the further slots
    // repeat the whole arrangement at a distance.
    let span = cursor.next_multiple_of(4096);
    let mut arena_bytes = span;
    for (wire, buffer) in buffers.iter_mut().zip(&plan.buffers) {
        if rotates(&buffer.role) {
            wire.slot_stride = span;
            arena_bytes = span * slots;
        }
    }
    Program {
        object,
        buffers,
        arena_bytes,
        slots,
        prepare: plan
            .prepare
            .iter()
            .map(|step| wire_step(step, false))
            .collect(),
        steps: (plan.steps.iter().enumerate())
            .map(|(index, step)| wire_step(step, lends(plan, index)))
            .collect(),
        module: None,
        max_mapping_bytes: MAX_MAPPING_BYTES,
    }
}

/// A module as the runner gets it; `path` is that of its file.
pub(crate) fn module(plan: &BoundPlan, construction: &Construction, path: String) -> Module {
    let buffers = || plan.buffers.iter().enumerate();
    Module {
        path,
        seed: construction.seed,
        init: construction.init.clone(),
        arguments: construction.arguments.clone(),
        params: buffers()
            .filter_map(|(index, buffer)| match &buffer.role {
                Role::Param(key) => Some((key.clone(), index)),
                Role::In(_) | Role::Temp(_) | Role::Out(_) => None,
            })
            .collect(),
        outputs: buffers()
            .filter(|(_, buffer)| matches!(buffer.role, Role::Out(_)))
            .map(|(index, _)| index)
            .collect(),
        dtypes: buffers()
            .map(|(_, buffer)| buffer.dtype.name().to_owned())
            .collect(),
    }
}

fn wire_dtype(dtype: Dtype) -> WireDtype {
    match dtype {
        Dtype::F32 => WireDtype::F32,
        Dtype::F64 => WireDtype::F64,
        Dtype::I64 => WireDtype::I64,
        Dtype::I32 => WireDtype::I32,
        Dtype::U8 | Dtype::Bool => WireDtype::U8,
    }
}

/// Whether step `index` is a library node that makes a result of its own, which nobody wants but the
/// kernels of later steps: then it need not be copied.
fn lends(plan: &BoundPlan, index: usize) -> bool {
    let BoundStep::Library { op, outputs, .. } = &plan.steps[index] else {
        return false;
    };
    let (Some(_), &[output]) = (op.convolution(), outputs.as_slice()) else {
        return false;
    };
    let only_kernels = |step: &BoundStep| match step {
        BoundStep::Kernel { .. } => true,
        BoundStep::Library {
            inputs, outputs, ..
        } => !inputs.contains(&output) && !outputs.contains(&output),
    };
    let mentions = |step: &BoundStep| match step {
        BoundStep::Kernel { args, .. } => args
            .iter()
            .any(|arg| matches!(arg, BoundArg::Buffer(buffer) if *buffer == output)),
        BoundStep::Library { .. } => !only_kernels(step),
    };
    matches!(plan.buffers[output].role, Role::Temp(_))
        && plan.steps[index + 1..].iter().all(only_kernels)
        && !plan.steps[..index]
            .iter()
            .chain(&plan.prepare)
            .any(mentions)
}

fn wire_step(step: &BoundStep, lends: bool) -> WireStep {
    match step {
        BoundStep::Kernel { kernel, args, .. } => WireStep::Kernel {
            entry: entry_symbol(*kernel),
            args: args
                .iter()
                .map(|arg| match *arg {
                    BoundArg::Buffer(index) => WireArg::Buffer(index),
                    BoundArg::I64(value) => WireArg::I64(value),
                    BoundArg::F64(value) => WireArg::F64(value.to_bits()),
                })
                .collect(),
        },
        BoundStep::Library {
            op,
            inputs,
            outputs,
            attrs,
        } => WireStep::Library {
            op: op.name().to_owned(),
            inputs: inputs.clone(),
            outputs: outputs.clone(),
            attrs: wire_attrs(attrs),
            lends,
        },
    }
}

fn wire_attrs(attrs: &LibraryAttrs) -> Vec<(String, Vec<i64>)> {
    match attrs {
        LibraryAttrs::None => Vec::new(),
        LibraryAttrs::Addmm { beta, alpha } => vec![
            ("beta_bits".to_owned(), vec![beta.to_bits().cast_signed()]),
            ("alpha_bits".to_owned(), vec![alpha.to_bits().cast_signed()]),
        ],
        LibraryAttrs::Convolution(conv) => vec![
            ("stride".to_owned(), conv.stride.clone()),
            ("padding".to_owned(), conv.padding.clone()),
            ("output_padding".to_owned(), conv.output_padding.clone()),
            ("dilation".to_owned(), conv.dilation.clone()),
            ("groups".to_owned(), vec![conv.groups]),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{BufferMeta, Limits, Signature, Target, bind, parse};

    fn lent(steps: &str) -> Vec<bool> {
        let meta = |shape: &[i64]| BufferMeta {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
        };
        let signature = Signature {
            inputs: vec![meta(&[2, 3, 8, 8])],
            params: vec![("w".to_owned(), meta(&[3, 3, 1, 1]))],
            outputs: vec![meta(&[2, 3, 8, 8])],
        };
        let text = format!(
            "schema = 1\n[temps.t]\ndtype = \"f32\"\nshape = [2, 3, 8, 8]\n{}",
            steps
                .replace("CONV", "[[step]]\nlibrary = \"aten::conv2d\"\ninputs = [\"in.0\", \"param.w\"]\noutputs = ")
                .replace("AGAIN", "[[step]]\nlibrary = \"aten::conv2d\"\ninputs = [\"tmp.t\", \"param.w\"]\noutputs = ")
                .replace("KERNEL", "[[step]]\nkernel = \"k\"\nargs = ")
        );
        let limits = Limits {
            temp_bytes: 1 << 20,
        };
        let plan = parse(&text, Target::Cpu)
            .and_then(|plan| bind(&plan, &signature, Some(1), limits))
            .expect("a valid plan");
        let steps = program(&plan, None, 1).steps;
        let lends = |step: &WireStep| matches!(step, WireStep::Library { lends: true, .. });
        steps.iter().map(lends).collect()
    }

    #[test]
    fn a_result_is_lent_if_only_later_kernels_want_it() {
        let kernel = "KERNEL [\"tmp.t\", \"out.0\"]\n";
        let conv = "CONV [\"tmp.t\"]\n";
        assert_eq!(lent(&format!("{conv}{kernel}")), [true, false]);
        // The host reads outputs, a library node needs a tensor, and what was there before is kept.
        assert_eq!(lent("CONV [\"out.0\"]\n"), [false]);
        let again = format!("{conv}AGAIN [\"out.0\"]\n");
        assert_eq!(lent(&again), [false, false]);
        assert_eq!(
            lent(&format!("{kernel}{conv}{kernel}")),
            [false, false, false]
        );
        assert_eq!(
            lent(&format!("{conv}{conv}{kernel}")),
            [false, false, false]
        );
    }
}
