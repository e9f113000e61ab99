//! Whether a task that is measured at smaller sizes is degenerate at its own.
//!
//! Halved sizes change what a task is worth: the least of 4096 numbers from
//! [0, 1) is within 10⁻² of zero, that of 512 need not be. The sizes of the
//! file are too large to be tried, but rows stand alone in most tasks: a few of
//! them, each as long as the file says, show whether work is needed.

use torch_bridge::tch::{Kind as Element, Tensor};
use torch_bridge::{PyFault, TaskModule};

use super::mutants::{allclose_at, mean};
use super::rules::{LOOSE, Reason};
use crate::inputs::one_way;
use crate::task::sizes::Sizes;

/// Bytes of inputs, parameters and outputs of the rows that are tried.
pub(super) const BYTES: u64 = 256 << 20;
/// Operations of products and convolutions on them.
pub(super) const FLOPS: u64 = 20_000_000_000;
/// Draws from which a constant answer is learnt.
const REFERENCE_DRAWS: u64 = 4;
/// Draws on which it is tried.
const OWN_DRAWS: u64 = 2;

/// What passes for the answer of a `module` at `sizes` without any work, by
/// eager's own results.
pub(super) fn no_work_passes(
    module: &TaskModule,
    sizes: &Sizes,
    seed: u64,
) -> Result<Vec<Reason>, PyFault> {
    let model = module.model(one_way(seed, "parameters", 0))?;
    let answer = |stream: &str, call: u64| {
        // The bridge takes the seed of torch's generator.
        let drawn = one_way(one_way(seed, stream, 0), "get_inputs", call) >> 1;
        model
            .callable()
            .bind(&module.inputs(drawn)?)?
            .call()?
            .tensors()
    };
    let mut stale = answer("reference", 0)?;
    let mut sums: Vec<f64> = stale.iter().map(mean).collect();
    for call in 1..REFERENCE_DRAWS {
        stale = answer("reference", call)?;
        for (sum, tensor) in sums.iter_mut().zip(&stale) {
            *sum += mean(tensor);
        }
    }
    let mut needed = [0.0_f64; 4];
    for call in 0..OWN_DRAWS {
        let truth = answer("own", call)?;
        for (output, truth) in truth.iter().enumerate() {
            if !truth.is_floating_point() {
                return Ok(Vec::new());
            }
            let constant = |value: f64| truth.full_like(value);
            let average = sums[output] / REFERENCE_DRAWS as f64;
            let mutants: [Tensor; 4] = [
                constant(0.0),
                constant(1.0),
                constant(average),
                stale[output].shallow_clone(),
            ];
            let wide = truth.to_kind(Element::Double);
            for (most, mutant) in needed.iter_mut().zip(&mutants) {
                *most = most.max(allclose_at(mutant, &wide)?);
            }
        }
    }
    let names = ["zeros", "ones", "constant-mean", "stale-answer"];
    let passing = names
        .iter()
        .zip(needed)
        .filter(|(_, needed)| *needed <= LOOSE);
    Ok(passing
        .map(|(name, needed)| {
            let detail = format!(
                "`{name}` passes torch.allclose at a tolerance of {needed:.1e} on rows as long as \
                 the file says{}",
                words(sizes)
            );
            Reason::new("no-work-passes-at-full-size", name, detail)
        })
        .collect())
}

/// ` (batch_size = 4)`; nothing where all is as the file says.
fn words(sizes: &Sizes) -> String {
    if sizes.is_empty() {
        return String::new();
    }
    let sizes = sizes
        .iter()
        .map(|(name, value)| format!("{name} = {value}"));
    format!(" ({})", sizes.collect::<Vec<_>>().join(", "))
}
