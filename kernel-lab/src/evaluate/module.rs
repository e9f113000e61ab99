//! Candidates that are modules in Python, a `ModelNew` in the format of
//! KernelBench: what stands for their plan, and how they come to be measured by
//! the same road as all others.

use std::time::Instant;

use kernel_runner::wire::Argument;
use protocol::{ContentHash, Report, Verdict};
use serde_json::json;
use torch_bridge::Value;

use super::abort::Abort;
use super::attempt::{Attempt, rejected};
use super::lab::{Bench, Lab};
use super::measure::{Code, Job};
use super::{Depth, OnProgress};
use crate::device::Construction;
use crate::device::cpu::MODULE;
use crate::error::HarnessError;
use crate::plan::{BoundPlan, Role, of_module};
use crate::task::LoadedTask;

/// Stage of a verdict on the file.
const STAGE: &str = "module";

/// What a score of a module is bound to: its task and its text.
fn hash(task: &ContentHash, module: &str) -> ContentHash {
    ContentHash::of_parts([
        task.as_str().as_bytes(),
        MODULE.as_bytes(),
        module.as_bytes(),
    ])
}

/// What stands for its plan on a task.
pub(super) fn plan(task: &LoadedTask) -> Result<BoundPlan, String> {
    of_module(&task.signature).map_err(|error| error.to_string())
}

/// How it is constructed and called on a task.
pub(super) fn construction(
    plan: &BoundPlan,
    task: &LoadedTask,
) -> Result<Construction, HarnessError> {
    let problem = |problem: String| HarnessError::Task {
        task: task.source.name.clone(),
        problem,
    };
    let init = task.init_literal()?.ok_or_else(|| {
        problem(
            "`get_init_inputs` returns more than numbers, texts, lists and tuples of them: it can't \
             be handed to a Python submission"
                .to_owned(),
        )
    })?;
    let mut inputs = 0..;
    let argument = |value: &Value| match value {
        Value::Tensor(_) => {
            let input = inputs.next().unwrap_or_default();
            let buffer = plan.find(&Role::In(input)).map(Argument::Buffer);
            buffer.ok_or_else(|| problem(format!("there is no buffer for input {input}")))
        }
        Value::Int(value) => Ok(Argument::Int(*value)),
        Value::Float(value) => Ok(Argument::Float(value.to_bits())),
        Value::Bool(value) => Ok(Argument::Bool(*value)),
    };
    let arguments = task.sets[0].values.iter().map(argument);
    Ok(Construction {
        seed: task.seed,
        init,
        arguments: arguments.collect::<Result<_, _>>()?,
    })
}

/// Inputs for the calls that a module is loaded with, by buffer.
pub(super) fn first_inputs<'a>(
    plan: &BoundPlan,
    task: &'a LoadedTask,
) -> Result<Vec<(usize, &'a [u8])>, HarnessError> {
    let inputs = plan.buffers.iter().enumerate();
    inputs
        .filter_map(|(index, buffer)| match buffer.role {
            Role::In(input) => Some((index, input)),
            Role::Param(_) | Role::Temp(_) | Role::Out(_) => None,
        })
        .map(|(index, input)| Ok((index, task.input_bytes(0, input)?)))
        .collect()
}

impl Lab {
    pub(super) fn walk_module(
        &mut self,
        mut looked: Attempt<'_>,
        module: &str,
        bench: &mut Bench,
        abort: &Abort,
        progress: OnProgress<'_>,
    ) -> Result<Report, HarnessError> {
        looked.report.hash = hash(&bench.task.hash, module);
        looked.keep(MODULE, module.as_bytes())?;
        let plan = match plan(&bench.task) {
            Ok(plan) => plan,
            Err(reason) => return looked.end(rejected(STAGE, reason)),
        };
        looked.report.track = Some(plan.track.word().to_owned());

        progress(STAGE, "");
        let since = Instant::now();
        if let Err(reason) = self.device.check_module(module)? {
            return looked.end(rejected(STAGE, reason));
        }
        looked.lap(STAGE, since);
        looked.passed(STAGE, "parsed; it defines `ModelNew`");
        if looked.depth == Depth::Check {
            return looked.end(Verdict::Ok);
        }
        looked.report.diagnostics.insert(
            "python".to_owned(),
            json!("a Python submission: compare it with others of its kind"),
        );
        abort.check()?;
        let job = Job {
            code: Code::Module(module),
            plan: &plan,
        };
        self.measure(looked, &job, None, bench, abort, progress)
    }
}
