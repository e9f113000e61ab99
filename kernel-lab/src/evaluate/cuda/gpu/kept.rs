//! Torch's process, from one candidate to the next: which of its models take part.

use kernel_cuda::wire::Work;
use protocol::ContentHash;
use stats::Rng;

use super::duel::{Rules, WARM_SLOT, duel};
use super::sides::{self, Modes};
use super::{Effort, of_the_machine};
use crate::baseline::gpu::{EAGER, Made, On, Process, Python, compile_modes};
use crate::device::cuda::Gpu;
use crate::error::HarnessError;
use crate::evaluate::weigh::{Denormals, Weighed, compare_output, weigh};
use crate::judge::Site;
use crate::task::LoadedTask;

/// Torch's process with a task in it, kept from one candidate to the next.
pub(in crate::evaluate::cuda) struct Kept {
    pub(super) process: Process,
    /// The task, its parameters' seed and the number of slots that it was loaded with.
    of: (ContentHash, u64, usize),
    pub(super) made: Vec<Made>,
    /// The mode of `torch.compile` that takes part.
    pub(super) compiled: Option<String>,
}

/// Torch's process with this task in it.
pub(super) fn ready(
    kept: Option<Kept>,
    python: &Python,
    on: On,
    gpu: &Gpu,
    task: &LoadedTask,
    effort: &Effort,
) -> Result<Kept, HarnessError> {
    let of = (task.hash.clone(), task.seed, effort.slots);
    let mut process = match kept {
        Some(kept) if kept.of == of => return Ok(kept),
        Some(kept) => kept.process,
        None => Process::start(python, on, gpu.told().uuid.as_deref())?,
    };
    let [default, autotuned] = compile_modes();
    let made = process.load(task, effort.slots, &[EAGER, default, autotuned])?;
    keep(process, of, made, task, effort)
}

/// Checks the models that were made, and chooses among the compiled ones.
pub(super) fn keep(
    mut process: Process,
    of: (ContentHash, u64, usize),
    mut made: Vec<Made>,
    task: &LoadedTask,
    effort: &Effort,
) -> Result<Kept, HarnessError> {
    for slot in 0..effort.slots {
        sides::fill(&mut process, task, slot % task.sets.len(), slot)?;
    }
    for model in made.iter_mut().filter(|model| model.error.is_none()) {
        model.error = disagrees(&mut process, &model.mode, task)?;
    }
    let eager = made.iter().find(|model| model.mode == EAGER);
    if let Some(error) = eager.and_then(|eager| eager.error.as_ref()) {
        return Err(HarnessError::Task {
            task: task.source.name.clone(),
            problem: format!("eager PyTorch can't be raced against on this GPU: {error}"),
        });
    }
    let right: Vec<&str> = made
        .iter()
        .filter(|model| model.mode != EAGER && model.error.is_none())
        .map(|model| model.mode.as_str())
        .collect();
    let compiled = match right[..] {
        [one, other] => Some(faster(&mut process, [one, other], effort)?.to_owned()),
        [one] => Some(one.to_owned()),
        _ => None,
    };
    Ok(Kept {
        process,
        of,
        made,
        compiled,
    })
}

/// Why a model of torch's on the GPU is not the task's, if it is not: what is timed must be right.
fn disagrees(
    process: &mut Process,
    mode: &str,
    task: &LoadedTask,
) -> Result<Option<String>, HarnessError> {
    let outputs = process.answer(mode, WARM_SLOT, task.signature.outputs.len())?;
    let expected = task.expected(WARM_SLOT)?;
    for (output, (got, meta)) in outputs.iter().zip(&task.signature.outputs).enumerate() {
        let site = Site { output, call: 0 };
        let outcome = compare_output(site, got, meta, &expected)?;
        if let Weighed::Wrong(finding) = weigh(None, Denormals::MayBeFlushed, &outcome) {
            return Ok(Some(format!("it answers otherwise there: {finding}")));
        }
    }
    Ok(None)
}

/// The faster of two compiled models.
fn faster<'m>(
    process: &mut Process,
    modes: [&'m str; 2],
    effort: &Effort,
) -> Result<&'m str, HarnessError> {
    const ROUNDS: usize = 3;
    let rules = Rules {
        rounds: ROUNDS..=ROUNDS,
        ..effort.rules(Work::Plan, effort.slots)
    };
    let mut field = Modes { process, modes };
    let rounds = duel(&mut field, &rules, &mut Rng::new(0)).map_err(of_the_machine)?;
    let samples = rounds.medians(2);
    let median = |side| stats::median(&samples.of(side)).unwrap_or(f64::INFINITY);
    Ok(if median(1) < median(0) {
        modes[1]
    } else {
        modes[0]
    })
}
